// Requests of every sort, spread over time, the same ones for the same seed.

import type { Outcome } from '../../router/outcome.ts';
import type { StoreDatabase } from '../../store/database.ts';
import { type PendingRecord, toEnded } from '../../store/row.ts';
import { writeRecords } from '../../store/write.ts';
import { outcome } from './sample.ts';

export type Spread = {
  readonly count: number;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly seed?: number;
  readonly prefix?: string;
};

export async function writeMany(store: StoreDatabase, spread: Spread): Promise<void> {
  const records = manyRecords(spread);
  for (let at = 0; at < records.length; at += 50) await writeRecords(store.db, records.slice(at, at + 50));
}

export function manyRecords({
  count,
  fromMs,
  untilMs,
  seed = 1,
  prefix = 'r',
}: Spread): readonly PendingRecord[] {
  const random = randomOf(seed);
  return Array.from({ length: count }, (_, n) => {
    const startedAtMs = Math.floor(fromMs + random() * (untilMs - fromMs));
    return withMeasures(toEnded(someOutcome(`${prefix}-${n}`, startedAtMs, random), 'd-1'), random);
  });
}

function someOutcome(id: string, startedAtMs: number, random: () => number): Outcome {
  const session = Math.floor(random() * 6);
  const project = session % 3 === 0 ? {} : { project: `project-${session % 3}` };
  const { project: _p, ...base } = outcome(id, {
    startedAtMs,
    sessionId: `session-${session}`,
    ...endingOf(random),
  });
  const kind = random();
  if (kind < 0.1)
    return { ...base, ...project, answeredBy: 'daemon', kind: 'title', cache: { evidence: 'none' } };
  if (kind < 0.35) return { ...base, ...project, ...onLmstudio(random) };
  if (kind < 0.45) return { ...base, ...project, ...onClaude(random) };
  return { ...base, ...project, ...onMlx(random) };
}

function endingOf(random: () => number): Pick<Outcome, 'ending'> {
  const chance = random();
  if (chance < 0.9) return { ending: { result: 'completed' } };
  if (chance < 0.95) return { ending: { result: 'cancelled', phase: 'mid-stream' } };
  return { ending: { result: 'failed', phase: 'mid-stream', fault: 'reset' } };
}

function onMlx(random: () => number): Partial<Outcome> {
  const promptTokens = 1000 + Math.floor(random() * 50_000);
  const cachedTokens = random() < 0.7 ? Math.floor(promptTokens * 0.95) : Math.floor(random() * 50);
  const ttftMs = cachedTokens > 1000 ? 300 + random() * 600 : 5000 + random() * 30_000;
  const evidence = random() < 0.9 ? 'reported' : 'inferred';
  return {
    cache: { evidence, promptTokens, cachedTokens },
    ttftMs,
    durationMs: ttftMs + 500 + random() * 4000,
    outputTokens: 20 + Math.floor(random() * 300),
  };
}

function onLmstudio(random: () => number): Partial<Outcome> {
  const ttftMs = 200 + random() * 2000;
  return {
    answeredBy: 'lmstudio',
    model: 'coder-test',
    classification: { task: 'edit', probability: 0.8, reason: 'edit-words' },
    cache: { evidence: 'none' },
    ttftMs,
    durationMs: ttftMs + 1000,
    outputTokens: 40,
    toolCalls: random() < 0.5 ? ['Edit'] : [],
  };
}

function onClaude(random: () => number): Partial<Outcome> {
  const promptTokens = 10_000;
  const cachedTokens = Math.floor(random() * 9000);
  return {
    answeredBy: 'claude',
    model: random() < 0.5 ? 'claude-test-large' : 'claude-test-small',
    cache: { evidence: 'reported', promptTokens, cachedTokens, writtenTokens: 500 },
  };
}

/** What other parts of the daemon put into the row. */
function withMeasures(record: PendingRecord, random: () => number): PendingRecord {
  const { cache_result } = record.request;
  const saved_seconds = 5 + random() * 20;
  const saved = {
    saved_seconds,
    saved_low_seconds: saved_seconds * 0.8,
    saved_high_seconds: saved_seconds * 1.3,
    saved_basis: random() < 0.7 ? 'measured' : 'predicted',
  } as const;
  const broken = {
    break_cause: random() < 0.5 ? 'tools-added' : 'server-lost',
    break_tokens: 900,
    break_seconds: 1.5,
  } as const;
  const request = {
    ...record.request,
    ...(cache_result === 'hit' && saved),
    ...(cache_result === 'miss' && broken),
  };
  return { ...record, request };
}

/** Numbers from 0 to 1 that are the same in every run (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
