// One engine as a child process: started, awaited, logged, stopped by its process id.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export type Engine = {
  /** Without a path: `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** What a request may name as its model. */
  readonly model: string;
  /** Ends it and waits until it is gone. May be called twice. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash would: no goodbye on any socket. Resolves when it is gone. */
  kill9(): Promise<void>;
  /** What it wrote, the newest 64 KiB. */
  log(): string;
};

type Launch = {
  readonly python: string;
  /** Arguments of serve.py for the given port. */
  readonly args: (port: number) => readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly model: string;
  /** A free port is looked for when absent. */
  readonly port?: number | undefined;
};

const startBudgetMs = 60_000;
const stopBudgetMs = 3_000;
const logLimit = 64 * 1024;

/** Resolves when the engine answers `/health` with 200; rejects with its last lines when it ends or takes a minute. */
export async function launch(options: Launch): Promise<Engine> {
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    const engine = start(options, port);
    try {
      await ready(engine);
      return engine.handle;
    } catch (error) {
      await engine.handle.stop();
      // Another process may have taken the free port in between.
      if (
        options.port !== undefined ||
        attempt === 3 ||
        !/address already in use|couldn't bind/i.test(engine.handle.log())
      ) {
        throw error;
      }
    }
  }
}

type Started = { readonly child: ChildProcess; readonly handle: Engine };

function start(options: Launch, port: number): Started {
  const script = join(import.meta.dirname, 'serve.py');
  // Standard input stays open as long as this process lives: serve.py ends itself when it closes.
  const child = spawn(options.python, ['-I', script, ...options.args(port)], {
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin?.on('error', () => {}); // the engine may be gone before the pipe is closed
  const log = keepLog(child);
  const end = (signal: NodeJS.Signals) => endChild(child, signal);
  const handle = {
    url: `http://127.0.0.1:${port}`,
    port,
    pid: child.pid ?? -1,
    model: options.model,
    stop: () => end('SIGTERM'),
    kill9: () => end('SIGKILL'),
    log,
  };
  return { child, handle };
}

function keepLog(child: ChildProcess): () => string {
  let text = '';
  const add = (part: Buffer | string) => {
    text = (text + part).slice(-logLimit);
  };
  child.stdout?.on('data', add);
  child.stderr?.on('data', add);
  child.once('error', (error) => add(`could not be started: ${error.message}\n`));
  child.once('exit', (code, signal) => add(`ended with ${signal ?? code}\n`));
  return () => text;
}

async function endChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (hasEnded(child)) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  const late = setTimeout(() => child.kill('SIGKILL'), stopBudgetMs);
  await gone;
  clearTimeout(late);
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

async function ready({ child, handle }: Started): Promise<void> {
  const deadlineMs = Date.now() + startBudgetMs;
  while (Date.now() < deadlineMs && !hasEnded(child)) {
    if ((await healthStatus(handle.url)) === 200 && !hasEnded(child)) return;
    await sleep(50);
  }
  const what = hasEnded(child) ? 'ended while starting' : 'was not ready within a minute';
  throw new Error(`The engine for ${handle.url} ${what}: ${handle.log().slice(-1500)}`);
}

/** The status of `/health`, or undefined where nothing answers. */
export async function healthStatus(url: string): Promise<number | undefined> {
  try {
    const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(5_000) });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return undefined;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('A loopback port has a number.');
  return address.port;
}
