// `anyclaude serve-mlx` as a person starts it, on the real mlx-lm with the scripted model.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, newPlace, type Place } from '../cli/anyclaude.ts';
import { healthStatus } from './process.ts';
import { engineCache, ensureEngine, ensureScriptedModel } from './setup.ts';

const MAIN = join(import.meta.dirname, '../../cli/main.ts');
const START_MS = 60_000;

export type KeptSite = {
  readonly place: Place;
  /** The test's own copy, to be tampered with. */
  readonly model: string;
  readonly port: number;
  /** What was started and still runs. */
  readonly running: Set<KeptMlx>;
};

export type KeptMlx = {
  readonly url: string;
  log(): string;
  /** Resolves with the exit code of the command. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
};

export async function newKeptSite(): Promise<KeptSite> {
  const python = await ensureEngine('mlx');
  const hub = join(engineCache(), 'hub-home');
  const env = { ANYCLAUDE_MLX_PYTHON: python, HF_HOME: hub, HF_HUB_OFFLINE: '1' };
  const place = newPlace(env);
  const model = join(place.env['HOME'] ?? '', 'model');
  cpSync(await ensureScriptedModel(python, 'plain'), model, { recursive: true });
  return { place, model, port: await freePort(), running: new Set() };
}

export async function closeKeptSite({ place, running }: KeptSite): Promise<void> {
  for (const server of running) await server.stop('SIGKILL');
  place.remove();
}

export type KeptOptions = {
  readonly env?: NodeJS.ProcessEnv;
  /** Blocks of 512 bytes: no file can grow beyond them, as on a disk that is full. */
  readonly fileBlocks?: number;
};

/** Resolves once it answers. A group of its own, so that nothing of it is left behind. */
export async function startKept(site: KeptSite, options: KeptOptions = {}): Promise<KeptMlx> {
  const { place, model, port, running } = site;
  const server = ['--model', model, '--trust-remote-code', '--port', String(port)];
  const command = [process.execPath, MAIN, 'serve-mlx', '--', ...server];
  const limit = options.fileBlocks === undefined ? '' : `ulimit -f ${options.fileBlocks}; `;
  const env = { ...place.env, ...options.env };
  const child = spawn('sh', ['-c', `${limit}exec "$@"`, 'sh', ...command], { env, detached: true });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (part) => {
      log += part;
    });
  }
  const url = `http://127.0.0.1:${port}`;
  const kept: KeptMlx = {
    url,
    log: () => log,
    async stop(signal = 'SIGTERM') {
      running.delete(kept);
      return end(child, signal);
    },
  };
  running.add(kept);
  const deadlineMs = Date.now() + START_MS;
  while ((await healthStatus(url)) !== 200) {
    if (child.exitCode !== null || Date.now() > deadlineMs) throw new Error(`serve-mlx is not up: ${log}`);
    await sleep(50);
  }
  return kept;
}

/** SIGKILL reaches the server, too: nothing can be forwarded. */
async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    const gone = once(child, 'exit');
    process.kill(signal === 'SIGKILL' ? -child.pid : child.pid, signal);
    await gone;
  }
  return child.exitCode;
}
