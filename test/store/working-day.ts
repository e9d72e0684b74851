// Twenty-one requests whose figures are easy to work out by hand.

import type { Outcome } from '../../router/outcome.ts';
import type { StoreDatabase } from '../../store/database.ts';
import { type PendingRecord, toEnded, toRunning } from '../../store/row.ts';
import { writeRecords } from '../../store/write.ts';
import { NOW_MS, outcome, registerLiving } from './sample.ts';

type Answer = { readonly promptTokens: number; readonly cachedTokens: number; readonly ttftMs: number };

/** On mlx-lm, 99 tokens put out in the 2 s after the first one. */
function analysis(id: string, { promptTokens, cachedTokens, ttftMs }: Answer): Outcome {
  const cache = { evidence: 'reported', promptTokens, cachedTokens } as const;
  return outcome(id, { ttftMs, durationMs: ttftMs + 2000, outputTokens: 100, cache });
}

/** On a backend that says nothing of its cache: 39 tokens in the second after the first one. */
function edit(id: string): Outcome {
  return outcome(id, {
    answeredBy: 'lmstudio',
    model: 'coder-test',
    sessionId: 'session-2',
    classification: { task: 'edit', probability: 0.8, reason: 'edit-words' },
    cache: { evidence: 'none' },
    ttftMs: 200,
    durationMs: 1200,
    outputTokens: 40,
  });
}

/** No backend answered it. */
function unanswered(id: string, ending: Outcome['ending']): Outcome {
  const { model: _m, classification: _c, decision: _d, ttftMs: _t, outputTokens: _o, ...rest } = outcome(id);
  return { ...rest, answeredBy: 'daemon', cache: { evidence: 'none' }, ending };
}

function cutShort(full: Outcome, ending: Outcome['ending']): Outcome {
  const { ttftMs: _t, outputTokens: _o, ...rest } = full;
  return { ...rest, cache: { evidence: 'none' }, ending };
}

export async function writeWorkingDay(store: StoreDatabase): Promise<void> {
  const warm = [400, 500, 600, 700, 800].map((ttftMs) =>
    analysis(`warm-${ttftMs}`, { promptTokens: 1000, cachedTokens: 900, ttftMs }),
  );
  const cold = [10_000, 11_000, 12_000, 13_000, 14_000].map((ttftMs) =>
    analysis(`cold-${ttftMs}`, { promptTokens: 2000, cachedTokens: 0, ttftMs }),
  );
  const outcomes = [
    ...warm,
    ...cold,
    analysis('partial', { promptTokens: 1000, cachedTokens: 100, ttftMs: 5000 }),
    cutShort(outcome('failed'), { result: 'failed', phase: 'before-first-token', fault: 'reset' }),
    ...['edit-1', 'edit-2', 'edit-3'].map(edit),
    cutShort(edit('left'), { result: 'cancelled', phase: 'before-first-token' }),
    ...['title-1', 'title-2'].map((id) => unanswered(id, { result: 'completed' })),
    unanswered('refused', { result: 'refused', refusal: 'no-backend' }),
  ];
  const interrupted = toRunning({ requestId: 'cut-off', startedAtMs: NOW_MS }, 'd-1');
  const records: readonly PendingRecord[] = [
    ...outcomes.map((ended) => toEnded(ended, 'd-1')),
    { ...interrupted, request: { ...interrupted.request, result: 'interrupted' } },
    toRunning({ requestId: 'running', startedAtMs: NOW_MS }, 'd-1'),
  ];
  await registerLiving(store, 'd-1');
  await writeRecords(store.db, records);
}
