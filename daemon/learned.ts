// What was learned of this machine outlives the daemon: small files in the state folder. Without them a fresh daemon
// is off by tens of percent until the first reports have come in.

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMemory, type Memory } from '../router/memory.ts';
import { createTokenEstimator, type TokenEstimator } from '../wire/count.ts';

/** Tokens by model, and speeds by backend. */
export type Learned = { readonly estimator: TokenEstimator; readonly memory: Memory };

const TOKENS = 'token-weights.json';
const SPEEDS = 'speeds.json';

/** A file that is missing or damaged teaches nothing and is no trouble. */
export function loadLearned(home: string): Learned {
  return {
    estimator: createTokenEstimator(read(home, TOKENS)),
    memory: createMemory(undefined, read(home, SPEEDS)),
  };
}

/** Throws where the disk does not take it. */
export function saveLearned(home: string, { estimator, memory }: Learned): void {
  write(home, TOKENS, estimator);
  write(home, SPEEDS, memory);
}

function read(home: string, name: string): unknown {
  try {
    return JSON.parse(readFileSync(join(home, name), 'utf8'));
  } catch {
    return undefined;
  }
}

function write(home: string, name: string, learned: { toJSON(): unknown }): void {
  const path = join(home, name);
  const temporary = `${path}.${process.pid}`;
  rmSync(temporary, { force: true });
  writeFileSync(temporary, JSON.stringify(learned), { mode: 0o600, flag: 'wx' });
  renameSync(temporary, path);
}
