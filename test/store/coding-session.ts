// One coding session whose figures are easy to work out by hand: a question, an edit that moves in mid-turn, an agent
// beside it, a compaction and a turn that was given up. And a second session, a short one.

import type { Outcome } from '../../router/outcome.ts';
import type { StoreDatabase } from '../../store/database.ts';
import { toEnded } from '../../store/row.ts';
import { writeRecords } from '../../store/write.ts';
import { NOW_MS, outcome } from './sample.ts';

export const SESSION_ID = '5e551011-0000-4000-8000-000000000001';
export const OTHER_SESSION_ID = '5e551011-ffff-4000-8000-000000000002';

type Cached = readonly [cached: number, prompt: number];

const known = ([cachedTokens, promptTokens]: Cached): Outcome['cache'] => ({
  ...{ evidence: 'reported', promptTokens, cachedTokens },
});
const inferred = ([cachedTokens, promptTokens]: Cached): Outcome['cache'] => ({
  ...{ evidence: 'inferred', promptTokens, cachedTokens },
});

/** `atS` seconds after the session began, an hour ago. */
function request(id: string, atS: number, changes: Partial<Outcome>): Outcome {
  const { agentId: _a, ...sample } = outcome(id);
  const startedAtMs = NOW_MS - 3_600_000 + 1000 * atS;
  return { ...sample, sessionId: SESSION_ID, project: '/home/dev/orchard', startedAtMs, ...changes };
}

const EDIT: Partial<Outcome> = {
  turnId: 'turn-2',
  answeredBy: 'lmstudio',
  classification: { task: 'edit', probability: 0.9, reason: 'edit-words' },
};

const BROKEN: Partial<Outcome> = {
  cacheBreak: {
    ...{ cause: 'tools-changed', segment: 'tools', detail: 'Read was described anew' },
    ...{ lostTokens: 20_000, lostSeconds: 11, lostSecondsBasis: 'inferred' },
  },
};

export const REQUESTS: readonly Outcome[] = [
  request('title', 0, { kind: 'title', answeredBy: 'daemon', cache: { evidence: 'none' } }),
  request('q-1', 1, { ttftMs: 31_200, durationMs: 33_000, cache: known([0, 18_000]), toolCalls: ['Read'] }),
  request('q-2', 40, { ttftMs: 600, durationMs: 4_600, cache: known([18_000, 20_000]) }),
  request('e-1', 100, { turnId: 'turn-2', ttftMs: 500, durationMs: 3_000, cache: known([20_000, 21_000]) }),
  request('agent', 101, {
    ...{ kind: 'subagent', agentId: 'a9f3c2d1', turnId: 'turn-a' },
    ...{ ttftMs: 8_000, durationMs: 10_000, cache: known([0, 6_000]) },
  }),
  request('e-2', 110, {
    ...EDIT,
    ttftMs: 12_000,
    durationMs: 15_000,
    cache: inferred([0, 22_000]),
    ...BROKEN,
  }),
  request('e-3', 130, {
    ...EDIT,
    ...{ ttftMs: 900, durationMs: 1_900, cache: inferred([22_000, 23_000]), toolCalls: ['Edit', 'Edit'] },
  }),
  request('compact', 200, { kind: 'compact', turnId: 'turn-c', ttftMs: 2_000, cache: { evidence: 'none' } }),
  request('given-up', 300, {
    ...{ turnId: 'turn-3', durationMs: 5_000, cache: { evidence: 'none' } },
    ending: { result: 'cancelled', phase: 'before-first-token' },
  }),
].map((each) => {
  if (each.ending.result === 'completed') return each;
  const { ttftMs: _t, outputTokens: _o, ...cutShort } = each;
  return cutShort;
});

export async function writeCodingSessions(store: StoreDatabase): Promise<void> {
  const { sessionId: _s, ...nobody } = outcome('nobody', { startedAtMs: NOW_MS - 1000 });
  const { agentId: _a, ...other } = outcome('other', {
    sessionId: OTHER_SESSION_ID,
    startedAtMs: NOW_MS - 7_200_000,
  });
  const all = [other, ...REQUESTS, nobody];
  await writeRecords(
    store.db,
    all.map((each) => toEnded(each, 'd-1')),
  );
}
