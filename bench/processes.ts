// The two processes under measurement. Each ends with the bench, whatever way the bench ends.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HEAP_ARGUMENTS } from '../cli/start.ts';
import { monotonicMs } from './order.ts';

export type Running = { readonly url: string; readonly pid: number; stop(): Promise<void> };
export type DaemonProcess = Running & {
  /** When the process was started, on the monotonic clock. */
  readonly spawnedMs: number;
};

const START_BUDGET_MS = 15_000;

export function startBackend(): Promise<Running> {
  return startScript('scripted-backend.ts');
}

export function startForwarder(backendUrl: string): Promise<Running> {
  return startScript('forwarder.ts', backendUrl);
}

async function startScript(name: string, ...args: readonly string[]): Promise<Running> {
  const script = join(import.meta.dirname, name);
  const child = spawn(process.execPath, [script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const url = await firstMatch(child, child.stdout, /^(http:\S+)/m);
  return { url, pid: pidOf(child), stop: () => end(child) };
}

export type DaemonOptions = {
  /** The file that `node` runs: `dist/cli/main.cjs`, or an installed package's. */
  readonly entry: string;
  readonly backendUrl: string;
  /** Arguments of node itself, such as `--cpu-prof`. */
  readonly nodeArgs?: readonly string[];
};

/** A daemon as `start` runs it, with default settings but for its backends: 64 slots on `mlx-lm`, one on `lmstudio`. */
export async function startDaemonProcess({
  entry,
  backendUrl,
  nodeArgs = [],
}: DaemonOptions): Promise<DaemonProcess> {
  const root = mkdtempSync(join(tmpdir(), 'anyclaude-bench-'));
  const home = join(root, 'state');
  mkdirSync(home);
  const backend = { url: backendUrl, contextWindow: 200_000 };
  const config = {
    port: 0,
    drainMs: 500,
    routes: { analysis: 'mlx-lm', edit: 'mlx-lm' },
    backends: {
      'mlx-lm': { ...backend, maxConcurrent: 64, queueLength: 1000 },
      lmstudio: { ...backend, maxConcurrent: 1 },
    },
  };
  writeFileSync(join(home, 'config.json'), JSON.stringify(config));
  const log = openSync(join(home, 'log'), 'a');
  const spawnedMs = monotonicMs();
  const child = spawn(process.execPath, [...HEAP_ARGUMENTS, ...nodeArgs, entry, 'start', '--foreground'], {
    env: { PATH: process.env['PATH'], HOME: root, ANYCLAUDE_HOME: home },
    stdio: ['ignore', log, 'pipe'],
  });
  const url = await firstMatch(child, child.stderr, /listens at (http:\S+)/);
  return {
    url,
    pid: pidOf(child),
    spawnedMs,
    stop: async () => {
      await end(child);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** Resident memory in MB of 10^6 bytes. */
export function rssMb(pid: number): number {
  return (Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) * 1024) / 1e6;
}

/** Binds a process with all its threads to processors ("0", "0-3"); false where the machine has no taskset. */
export function pin(pid: number, processors: string): boolean {
  return spawnSync('taskset', ['-a', '-c', '-p', processors, String(pid)], { stdio: 'ignore' }).status === 0;
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('The process could not be started');
  return pid;
}

const children = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

function firstMatch(
  child: ChildProcess,
  from: NodeJS.ReadableStream | null,
  pattern: RegExp,
): Promise<string> {
  children.add(child);
  let text = '';
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`A process ${why}: ${text.slice(-1000)}`));
    const timer = setTimeout(() => fail('did not start in time'), START_BUDGET_MS);
    from?.setEncoding('utf8').on('data', (part: string) => {
      text = (text + part).slice(-10_000);
      const found = pattern.exec(text)?.[1];
      if (found === undefined) return;
      clearTimeout(timer);
      resolve(found);
    });
    child.once('exit', (code) => fail(`ended with ${code}`));
  });
}

async function end(child: ChildProcess): Promise<void> {
  children.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await gone;
  clearTimeout(late);
}
