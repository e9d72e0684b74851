// The two model servers as formulas: what they hold of a session, and how long they take for the rest.

import type { BreakCause } from '../../router/breaks.ts';
import type { DecisionReason, Task } from '../../router/decision.ts';
import type { Attempt, CacheBreak, CacheReport, Outcome } from '../../router/outcome.ts';
import type { Warmup } from '../../router/warmup.ts';
import { outcome } from '../../test/store/sample.ts';
import type { Session } from './session.ts';

export type Local = 'mlx-lm' | 'lmstudio';

/** What a server holds of a session, and the prefill in a pause that put the last of it there. */
export type Held = { tokens: number; warmup?: Warmup | undefined };

/** What every prompt begins with: tools and rules. */
export const FRONT_TOKENS = 16_500;

/** Tokens a second, and the seconds that even a warm prompt takes. */
export const SERVERS = {
  'mlx-lm': { prefill: 1_300, decode: 54, idle: 0.16, model: 'mlx-community/Qwen3-Coder-30B-A3B-4bit' },
  lmstudio: { prefill: 1_050, decode: 41, idle: 0.24, model: 'qwen3-coder-30b' },
} as const satisfies Record<Local, object>;

const RULES = {
  analysis: ['question-words', 'model-words', 'problem-report', 'model-context'],
  edit: ['edit-words', 'model-words', 'model-progress', 'short-consent'],
} as const;

type Asked = {
  readonly atMs: number;
  readonly task: Task;
  readonly reason: DecisionReason;
  readonly attempts: readonly Attempt[];
};

/** The session's next prompt, computed and answered. What was tried in vain goes to MLX-LM. */
export function answered(session: Session, wished: Local, asked: Asked): Outcome {
  const { chance, held, outcomes } = session;
  const backend: Local = asked.attempts.length > 0 ? 'mlx-lm' : wished;
  const { prefill, decode, idle, model } = SERVERS[backend];
  const promptTokens = session.contextTokens;
  const cachedTokens = Math.round(Math.min(held[backend].tokens, promptTokens) * 0.995);
  settle(session, backend, cachedTokens);
  const computing = chance.around((promptTokens - cachedTokens) / prefill, 0.25);
  const queueMs = chance.is(0.08) ? chance.between(200, 5_500) : chance.between(0.1, 2);
  const ttftMs = queueMs + (idle + computing + promptTokens / 260_000) * 1000;
  const calls = chance.is(0.7);
  const outputTokens = Math.round(chance.around(calls ? 120 : 260, 0.9));
  session.contextTokens += outputTokens;
  held[backend] = { tokens: session.contextTokens };
  const isLearning = outcomes.length < 14;
  const guess = chance.around(isLearning ? 1.35 : 1.02, isLearning ? 0.7 : 0.3);
  return outcome(idOf(session), {
    ...{ startedAtMs: asked.atMs, answeredBy: backend, model, attempts: asked.attempts },
    durationMs: ttftMs + outputTokens * chance.around(1000 / decode, 0.2),
    ...{ ttftMs, firstTokenMs: ttftMs, queueMs, outputTokens },
    ...overheadOf(session, promptTokens),
    classification: {
      ...{ task: asked.task, probability: chance.between(0.62, 1), reason: chance.pick(RULES[asked.task]) },
    },
    decision: {
      ...{ targets: [{ backend: wished, model }], reason: asked.reason, detail: '', passedOver: [] },
      predicted: predicted(wished, (ttftMs / 1000) * guess),
    },
    cache: report(session, backend, { promptTokens, cachedTokens }),
    toolCalls: calls ? [asked.task === 'edit' ? 'Edit' : 'Read'] : [],
    invalidToolCalls: Number(calls && backend === 'mlx-lm' && chance.is(0.025)),
    ...(cachedTokens > 4_000 && { saved: saved((cachedTokens / prefill) * 0.97) }),
  });
}

/** Most of what the daemon takes goes into reading a long prompt and writing it anew. */
function overheadOf({ chance }: Session, promptTokens: number) {
  const ownMs = chance.around(2.6, 0.6);
  return {
    overheadMs: ownMs + promptTokens / 40_000,
    classifyMs: ownMs * 0.2,
    translateMs: ownMs * 0.3 + promptTokens / 80_000,
  };
}

/** The Claude API reports its cache, and what it wrote there. */
export function relayedToClaude(session: Session, atMs: number, task: Task): Outcome {
  const { chance, contextTokens } = session;
  const ttftMs = chance.between(900, 2_600);
  const outputTokens = Math.round(chance.around(300, 0.7));
  const cachedTokens = Math.round(contextTokens * chance.between(0.7, 0.9));
  const target = { backend: 'claude', model: 'claude-sonnet' };
  return outcome(idOf(session), {
    ...{
      startedAtMs: atMs,
      answeredBy: 'claude',
      model: target.model,
      ttftMs,
      firstTokenMs: ttftMs,
      outputTokens,
    },
    durationMs: ttftMs + outputTokens * 13,
    classification: { task, probability: 1, reason: 'override' },
    decision: { targets: [target], reason: 'override', detail: '', passedOver: [] },
    cache: {
      ...{ evidence: 'reported', promptTokens: contextTokens, cachedTokens },
      writtenTokens: Math.round((contextTokens - cachedTokens) * 0.95),
    },
  });
}

/** LM Studio tells nothing of its cache; mostly the wait betrays it. */
function report(
  { chance }: Session,
  backend: Local,
  { promptTokens, cachedTokens }: { promptTokens: number; cachedTokens: number },
): CacheReport {
  if (backend === 'mlx-lm') return { evidence: 'reported', promptTokens, cachedTokens };
  if (chance.is(0.25)) return { evidence: 'none', promptTokens };
  return { evidence: 'inferred', promptTokens, cachedTokens };
}

/** Now and then a server has to compute again what it had held. */
export function lost({ chance, contextTokens, held }: Session, backend: Local): CacheBreak | undefined {
  const { tokens } = held[backend];
  const isCompacted = contextTokens + 20_000 < tokens;
  if (tokens === 0 || (!isCompacted && !chance.is(0.02))) return undefined;
  const cause = isCompacted
    ? 'history-compacted'
    : chance.pick<BreakCause>(['tools-added', 'server-lost', 'system-changed']);
  const kept = isCompacted ? FRONT_TOKENS - 2_000 : 0;
  held[backend] = { tokens: kept };
  return { cause, segment: 'messages', detail: '', lostTokens: tokens - kept, lostSecondsBasis: 'measured' };
}

/** A prefill in a pause: of what the other server has answered, or of all of it. */
export function readAhead(session: Session, backend: Local, atMs: number): void {
  const { chance, held, warmups } = session;
  const missing = session.contextTokens - held[backend].tokens;
  if (missing < 2_000) return;
  settle(session, backend, 0);
  const isCut = chance.is(0.2);
  const computedTokens = Math.round(missing * (isCut ? chance.between(0.2, 0.8) : 0.99));
  const { model, prefill } = SERVERS[backend];
  const warmup: Warmup = {
    ...{ warmupId: '', backend, model, startedAtMs: atMs, computedTokens },
    purpose: held[backend].tokens === 0 ? 'warm' : 'catch-up',
    durationMs: chance.around(computedTokens / prefill, 0.15) * 1000,
    result: isCut ? 'cancelled' : 'completed',
    steps: Math.ceil(computedTokens / 2_000),
  };
  warmups.push(warmup);
  held[backend] = { tokens: held[backend].tokens + computedTokens, warmup };
}

/** It is known now what the last prefill in a pause was good for. */
function settle({ held, warmups }: Session, backend: Local, cachedTokens: number): void {
  const { warmup } = held[backend];
  if (warmup?.computedTokens === undefined) return;
  const tokens = Math.min(warmup.computedTokens, cachedTokens);
  const savedSeconds = tokens / SERVERS[backend].prefill;
  warmups[warmups.indexOf(warmup)] = {
    ...warmup,
    use: tokens > 0 ? { result: 'used', requestId: '', tokens, savedSeconds } : { result: 'wasted' },
  };
  held[backend].warmup = undefined;
}

function predicted(backend: Local, ttftSeconds: number) {
  const parts = { queue: 0, load: 0, prefill: ttftSeconds, decode: 0, quality: 0, preference: 0, future: 0 };
  return { backend, seconds: ttftSeconds, parts, ttftSeconds, sigma: 1, matchedTokens: 0, warm: 1 };
}

function saved(seconds: number) {
  return { seconds, lowSeconds: seconds, highSeconds: seconds, basis: 'measured', coldSamples: 20 } as const;
}

/** Shaped like the ids that the daemon gives, the same for the same request. */
export function idOf({ name, outcomes }: Session): string {
  return `req_${Buffer.from(`${outcomes.length} ${name}`).toString('hex').padEnd(32, '0').slice(0, 32)}`;
}
