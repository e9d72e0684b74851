// What was learned of this machine outlives the daemon: rows in the store. Without them a fresh daemon is off by tens
// of percent until the first reports have come in.

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createMemory, type Memory } from '../router/memory.ts';
import type { Recorder } from '../store/recorder.ts';
import { createTokenEstimator, type TokenEstimator } from '../wire/count.ts';
import { databasePath } from './state.ts';

/** Tokens by model, and speeds by backend. */
export type Learned = {
  readonly estimator: TokenEstimator;
  readonly memory: Memory;
  /** Writes what is new since the last time. Rejects with the database's error; then nothing is forgotten. */
  save(recorder: Pick<Recorder, 'use'>, nowMs: number): Promise<void>;
};

/** Where earlier versions kept each part. */
const FILES = { tokens: 'token-weights.json', speeds: 'speeds.json' } as const;
type Part = keyof typeof FILES;

/** What is missing or damaged teaches nothing and is no trouble. */
export async function loadLearned(home: string): Promise<Learned> {
  const { readLearned } = await import('../store/learned.ts');
  const stored = readLearned(databasePath(home));
  const known = (part: Part) => (stored.has(part) ? stored.get(part) : fromFile(home, part));
  const estimator = createTokenEstimator(known('tokens'));
  const memory = createMemory(undefined, known('speeds'));
  return { estimator, memory, save: saving(home, { tokens: estimator, speeds: memory }) };
}

function saving(home: string, parts: Readonly<Record<Part, { toJSON(): unknown }>>): Learned['save'] {
  let written: ReadonlyMap<string, string> = new Map();
  return async (recorder, nowMs) => {
    const current = new Map(Object.entries(parts).map(([part, learned]) => [part, JSON.stringify(learned)]));
    const changed = new Map([...current].filter(([part, json]) => written.get(part) !== json));
    const { writeLearned } = await import('../store/learned.ts');
    const done = await recorder.use(async (db) => {
      await writeLearned(db, changed, nowMs);
      return true;
    });
    if (done === undefined) return; // the store is not open: it is tried again
    written = current;
    for (const file of Object.values(FILES)) rmSync(join(home, file), { force: true });
  };
}

function fromFile(home: string, part: Part): unknown {
  try {
    return JSON.parse(readFileSync(join(home, FILES[part]), 'utf8'));
  } catch {
    return undefined;
  }
}
