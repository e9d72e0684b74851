// What the caches did, summed up four ways; each figure can be worked out by hand.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { CacheBreak, CacheReport, Outcome } from '../../router/outcome.ts';
import { KV_BY, kvFigures, kvTotals, NO_KV_FIGURES } from '../../store/kv-figures.ts';
import { toEnded, toRunning } from '../../store/row.ts';
import { writeRecords } from '../../store/write.ts';
import { freshStore, NOW_MS, outcome } from './sample.ts';

const RANGE = { sinceMs: NOW_MS - 1000, untilMs: NOW_MS };

test('tokens are reused, computed or unknown, and together they are the prompts', async (t) => {
  const figures = await kvTotals((await written(t)).db, RANGE);
  assert.equal(figures.requests, 6);
  assert.equal(figures.reusedTokens, 900 + 1800 + 0 + 500);
  assert.equal(figures.computedTokens, 100 + 200 + 3000 + 500);
  assert.equal(figures.unknownTokens, 4000);
});

test('seconds saved come with their bounds, their evidence and what was only foretold', async (t) => {
  const { saved } = await kvTotals((await written(t)).db, RANGE);
  assert.deepEqual(saved, {
    ...{ seconds: 4.5, lowSeconds: 3, highSeconds: 6, requests: 4, predictedRequests: 1 },
    byEvidence: { reported: 1.5, progress: 2, inferred: 1 },
  });
});

test('breaks are told by cause, the most frequent first, with what they cost', async (t) => {
  const { breaks } = await kvTotals((await written(t)).db, RANGE);
  assert.deepEqual(breaks, {
    count: 3,
    tokens: 1700,
    seconds: 2.5,
    causes: [
      { cause: 'tools-added', count: 2, tokens: 1700 },
      { cause: 'server-lost', count: 1, tokens: 0 },
    ],
  });
});

test('a row for each request, conversation, project and backend, those with most tokens first', async (t) => {
  const { db } = await written(t);
  const named = (await kvFigures(db, RANGE, 'conversation')).map(({ session, agent, requests }) => [
    session,
    agent,
    requests,
  ]);
  assert.deepEqual(named, [
    ['s-2', null, 3],
    ['s-1', null, 2],
    ['s-1', 'a-1', 1],
  ]);
  const projects = await kvFigures(db, RANGE, 'project');
  assert.deepEqual(
    projects.map(({ project, breaks }) => [project, breaks.causes.map(({ cause }) => cause)]),
    [
      ['orchard', ['tools-added']],
      [null, ['server-lost']],
    ],
  );
  const backends = await kvFigures(db, RANGE, 'backend');
  assert.deepEqual(
    backends.map(({ backend, unknownTokens }) => [backend, unknownTokens]),
    [
      ['mlx-lm', 0],
      ['lmstudio', 4000],
    ],
  );
  const requests = await kvFigures(db, RANGE, 'request');
  assert.deepEqual(requests.map(({ requestId, reusedTokens }) => [requestId, reusedTokens]).slice(0, 3), [
    ['5', 0],
    ['3', 0],
    ['2', 1800],
  ]);
  assert.equal(requests.length, 6);
});

test('where nothing is known nothing is claimed', async (t) => {
  const { db } = await freshStore(t);
  assert.deepEqual(await kvTotals(db, RANGE), NO_KV_FIGURES);
  for (const by of KV_BY) if (by !== 'all') assert.deepEqual(await kvFigures(db, RANGE, by), []);
  await writeRecords(db, [toEnded(answer('silent', { evidence: 'none' }), 'd-1')]);
  const { saved, breaks, unknownTokens } = await kvTotals(db, RANGE);
  assert.deepEqual([saved, breaks.seconds, unknownTokens], [null, null, 0]);
});

test('what the daemon answered itself, what still runs and what lies outside is not counted', async (t) => {
  const { db } = await written(t);
  await writeRecords(db, [
    toEnded(answer('title', { evidence: 'none' }, { answeredBy: 'daemon' }), 'd-1'),
    toEnded(answer('older', known(9, 9), { startedAtMs: NOW_MS - 2000 }), 'd-1'),
    toRunning({ requestId: 'running', startedAtMs: NOW_MS }, 'd-1'),
  ]);
  assert.equal((await kvTotals(db, RANGE)).requests, 6);
});

const BREAK: CacheBreak = { cause: 'tools-added', segment: 'tools', detail: 'tool list: +1 tool X' };

/** Two conversations and a subagent: reported, in progress, inferred and unknown caches. */
async function written(t: TestContext) {
  const store = await freshStore(t);
  const second = { sessionId: 's-2', project: 'orchard' };
  const lost = { ...BREAK, lostTokens: 700, lostSeconds: 2.5, lostSecondsBasis: 'measured' } as const;
  const outcomes = [
    answer('1', known(1000, 900), { saved: saved(1.5, 'measured') }),
    answer('2', known(2000, 1800, 'progress'), { ...second, saved: saved(2, 'predicted') }),
    answer('3', known(3000, 0), { ...second, cacheBreak: lost, saved: saved(0, 'measured') }),
    answer('4', known(1000, 500, 'inferred'), { agentId: 'a-1', saved: saved(1, 'measured') }),
    answer(
      '5',
      { evidence: 'none', promptTokens: 4000 },
      { ...second, answeredBy: 'lmstudio', cacheBreak: { ...BREAK, lostTokens: 1000 } },
    ),
    answer('6', { evidence: 'none' }, { cacheBreak: { ...BREAK, cause: 'server-lost', segment: 'server' } }),
  ];
  const records = outcomes.map((ended) => toEnded(ended, 'd-1'));
  await writeRecords(store.db, records);
  return store;
}

function answer(requestId: string, cache: CacheReport, changes: Partial<Outcome> = {}): Outcome {
  const { agentId: _a, project: _p, ...rest } = outcome(requestId, { sessionId: 's-1', cache });
  return { ...rest, ...changes };
}

function known(
  promptTokens: number,
  cachedTokens: number,
  evidence: 'reported' | 'progress' | 'inferred' = 'reported',
): CacheReport {
  return { evidence, promptTokens, cachedTokens };
}

function saved(seconds: number, basis: 'measured' | 'predicted') {
  const known = seconds > 0;
  return {
    ...{ seconds, basis, coldSamples: 4 },
    lowSeconds: known ? seconds - 0.5 : 0,
    highSeconds: known ? seconds + 0.5 : 0,
  };
}
