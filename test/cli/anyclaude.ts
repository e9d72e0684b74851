// Runs the real command line as a process of its own, with a home of its own.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Result = { readonly code: number | null; readonly stdout: string; readonly stderr: string };
export type Place = {
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  remove(): void;
};

const MAIN = join(import.meta.dirname, '../../cli/main.ts');

/** An empty home for one test: nothing of the machine's own settings reaches the command. */
export function newPlace(extra: NodeJS.ProcessEnv = {}): Place {
  const root = mkdtempSync(join(tmpdir(), 'anyclaude-cli-'));
  const user = join(root, 'user');
  mkdirSync(user);
  const home = join(root, 'state');
  const env = { PATH: process.env['PATH'], HOME: user, ANYCLAUDE_HOME: home, ...extra };
  return { home, env, remove: () => rmSync(root, { recursive: true, force: true }) };
}

export function spawnAnyclaude(place: Place, args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args], { env: place.env, cwd: place.env['HOME'] });
}

export async function anyclaude(place: Place, ...args: readonly string[]): Promise<Result> {
  return ended(spawnAnyclaude(place, args));
}

export function ended(child: ChildProcess): Promise<Result> {
  const text = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => {
    text.stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    text.stderr += chunk;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...text })));
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
