// One coding session: what it asks, of whom, and what each of its requests came to be.

import type { DecisionReason, Task } from '../../router/decision.ts';
import type { Attempt, Outcome } from '../../router/outcome.ts';
import type { Warmup } from '../../router/warmup.ts';
import { outcome } from '../../test/store/sample.ts';
import { type Chance, chanceOf } from './chance.ts';
import {
  answered,
  FRONT_TOKENS,
  type Held,
  idOf,
  type Local,
  lost,
  readAhead,
  relayedToClaude,
} from './server.ts';

export type Session = {
  readonly name: string;
  /** Share of the prompts that ask for an edit. */
  readonly edits: number;
  readonly chance: Chance;
  readonly isUp: (backend: string, atMs: number) => boolean;
  readonly outcomes: Outcome[];
  readonly warmups: Warmup[];
  readonly held: Record<Local, Held>;
  /** What the next prompt begins with. */
  contextTokens: number;
  last: Local;
};

const COMPACTED_AT_TOKENS = 105_000;

export function createSession(
  given: Pick<Session, 'name' | 'edits' | 'isUp'> & { random: () => number },
): Session {
  return {
    ...given,
    chance: chanceOf(given.random),
    ...{ outcomes: [], warmups: [] },
    held: { 'mlx-lm': { tokens: 0 }, lmstudio: { tokens: 0 } },
    contextTokens: FRONT_TOKENS + 900,
    last: 'mlx-lm',
  };
}

/** A prompt of the person and its tool loop. Returns when it ended, in milliseconds. */
export function prompt(session: Session, atMs: number): number {
  const { chance, outcomes, last } = session;
  const task: Task = chance.is(session.edits) ? 'edit' : 'analysis';
  if (session.contextTokens > COMPACTED_AT_TOKENS) session.contextTokens = FRONT_TOKENS + 6_500;
  if (outcomes.length === 0) outcomes.push(title(session, atMs));
  const wished = backendFor(task);
  const rounds = 1 + Math.floor(chance.low() * 9);
  let now = atMs;
  for (let round = 0; round < rounds; round += 1) {
    const reason = round > 0 ? 'tool-loop' : wished === last ? 'follows-task' : 'task';
    now = request(session, { atMs: now, task, reason }) + chance.between(400, 6_000);
  }
  return now;
}

/** The person reads, and the other server catches up. */
export function pause(session: Session, atMs: number): void {
  const other: Local = session.last === 'mlx-lm' ? 'lmstudio' : 'mlx-lm';
  if (session.isUp(other, atMs)) readAhead(session, other, atMs);
}

type Asking = { readonly atMs: number; readonly task: Task; readonly reason: DecisionReason };

function request(session: Session, { atMs, task, reason }: Asking): number {
  const { chance, outcomes } = session;
  const wished = backendFor(task);
  const isUp = session.isUp(wished, atMs);
  const backend: Local = isUp ? wished : 'mlx-lm';
  session.contextTokens += Math.round(chance.between(150, reason === 'tool-loop' ? 2_400 : 700));
  // The person chose Claude's own model for this one.
  if (reason !== 'tool-loop' && chance.is(0.04)) {
    const relayed = relayedToClaude(session, atMs, task);
    outcomes.push(relayed);
    return atMs + relayed.durationMs;
  }
  const cacheBreak = lost(session, backend);
  const made = answered(session, backend, {
    ...{ atMs, task, reason: isUp ? reason : 'backend-down' },
    attempts: isUp && wished === 'lmstudio' && chance.is(0.02) ? [gaveWay(wished)] : [],
  });
  const lostSeconds = ((made.ttftMs ?? 0) / 1000) * 0.95;
  outcomes.push({
    ...made,
    ...(cacheBreak && { cacheBreak: { ...cacheBreak, lostSeconds } }),
    ...(chance.is(0.015) && { ending: { result: 'cancelled', phase: 'mid-stream' } }),
    ...(chance.is(0.006) && { ending: { result: 'failed', phase: 'mid-stream', fault: 'reset' } }),
  });
  session.last = made.answeredBy === 'lmstudio' ? 'lmstudio' : 'mlx-lm';
  return atMs + made.durationMs;
}

function backendFor(task: Task): Local {
  return task === 'edit' ? 'lmstudio' : 'mlx-lm';
}

/** The first choice answered, but not with an answer. */
function gaveWay(backend: Local): Attempt {
  const httpStatus = 500;
  return { backend, fault: 'status', phase: 'before-first-token', httpStatus, message: '', durationMs: 40 };
}

/** Claude Code asks for a title; the daemon answers that itself. */
function title(session: Session, atMs: number): Outcome {
  const asked = outcome(idOf(session), { startedAtMs: atMs, kind: 'title', answeredBy: 'daemon' });
  const { classification: _classified, decision: _decided, model: _model, ...rest } = asked;
  return { ...rest, cache: { evidence: 'none' }, durationMs: 2, ttftMs: 1 };
}
