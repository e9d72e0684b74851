// A day's work as it might have been: a person and four coding sessions before two model servers, with the pauses, the
// parallel subagents, a server that goes down and prompts that lose their cache. The same each time; only the hour
// is that of the run.

import type { Outcome } from '../../router/outcome.ts';
import type { Warmup } from '../../router/warmup.ts';
import { seeded } from '../../test/fixture/words.ts';
import { createSession, pause, prompt, type Session } from './session.ts';

const MINUTE_MS = 60_000;

/** What the dashboard shows by default, and the hour before it: a window of time reaches back. */
export const DAY_MS = 7 * 60 * MINUTE_MS;

export type Day = {
  /** By the time they ended. */
  readonly outcomes: readonly Outcome[];
  readonly warmups: readonly Warmup[];
  isUp(backend: string, atMs: number): boolean;
};

/** In minutes after the beginning. The last one goes on to the end. */
const SESSIONS = [
  { name: 'kettle', from: 12, to: 96, edits: 0.35 },
  { name: 'lamp', from: 101, to: 186, edits: 0.6 },
  { name: 'garden', from: 236, to: 374, edits: 0.45 },
  { name: 'kettle again', from: 366, to: 420, edits: 0.4 },
];
const LMSTUDIO_DOWN = { from: 283, to: 297 };

/** The day that ends at `endMs`, Unix epoch. */
export function workingDay(endMs: number): Day {
  const beginMs = endMs - DAY_MS;
  const random = seeded(11);
  const isUp = (backend: string, atMs: number) => {
    const minute = (atMs - beginMs) / MINUTE_MS;
    return backend !== 'lmstudio' || minute < LMSTUDIO_DOWN.from || minute >= LMSTUDIO_DOWN.to;
  };
  const outcomes: Outcome[] = [];
  const warmups: Warmup[] = [];
  for (const { name, from, to, edits } of SESSIONS) {
    const session = createSession({ name, edits, random, isUp });
    work(session, { fromMs: beginMs + from * MINUTE_MS, toMs: beginMs + to * MINUTE_MS, random });
    outcomes.push(...session.outcomes);
    warmups.push(...session.warmups);
  }
  const ended = (one: Outcome | Warmup) => one.startedAtMs + one.durationMs;
  return {
    outcomes: outcomes.filter((one) => ended(one) < endMs).toSorted((a, b) => ended(a) - ended(b)),
    warmups: warmups.filter((one) => ended(one) < endMs).toSorted((a, b) => ended(a) - ended(b)),
    isUp,
  };
}

type Span = { readonly fromMs: number; readonly toMs: number; readonly random: () => number };

/** Prompts one after the other, with the time between them that a person reads and thinks. */
function work(session: Session, { fromMs, toMs, random }: Span): void {
  let atMs = fromMs;
  while (atMs < toMs) {
    atMs = prompt(session, atMs);
    const pauseMs = 15_000 + random() ** 2 * 150_000;
    if (pauseMs > 45_000) pause(session, atMs + 8_000);
    atMs += pauseMs;
  }
}
