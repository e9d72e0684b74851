// What the caches did, whatever the rows are by; each figure can be worked out by hand.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { sql } from 'kysely';
import type { CacheBreak, CacheReport, Outcome } from '../../router/outcome.ts';
import { emptyReport, STATS_BY, type StatsBy, statsReport } from '../../store/report.ts';
import { toEnded, toRunning } from '../../store/row.ts';
import { keepUp } from '../../store/upkeep.ts';
import { writeRecords } from '../../store/write.ts';
import { manyRecords, writeMany } from './many-requests.ts';
import { freshStore, NOW_MS, outcome } from './sample.ts';

const HOUR_MS = 3_600_000;
const RANGE = { sinceMs: NOW_MS - 1000, untilMs: NOW_MS };

const figuresOf = async (t: TestContext) =>
  (await statsReport((await written(t)).db, RANGE, 'route')).kvCache;
const rowsBy = async (t: TestContext, by: StatsBy) =>
  (await statsReport((await written(t)).db, RANGE, by)).rows;

test('tokens are reused, computed or unknown, and together they are the prompts', async (t) => {
  const figures = await figuresOf(t);
  assert.equal(figures.requests, 6);
  assert.equal(figures.reusedTokens, 900 + 1800 + 0 + 500);
  assert.equal(figures.computedTokens, 100 + 200 + 3000 + 500);
  assert.equal(figures.unknownTokens, 4000);
});

test('seconds saved come with their bounds, their evidence and what was only foretold', async (t) => {
  const { saved } = await figuresOf(t);
  assert.deepEqual(saved, {
    ...{ seconds: 4.5, lowSeconds: 3, highSeconds: 6, requests: 3, predictedRequests: 1 },
    byEvidence: { reported: 1.5, progress: 2, inferred: 1 },
  });
});

test('breaks are told by cause, the most frequent first, with what they cost', async (t) => {
  const { breaks } = await figuresOf(t);
  assert.deepEqual(breaks, {
    count: 3,
    tokens: 1700,
    seconds: 2.5,
    causes: [
      { cause: 'tools-added', count: 2, tokens: 1700, seconds: 2.5 },
      { cause: 'server-lost', count: 1, tokens: 0, seconds: null },
    ],
  });
});

test('each conversation, project and backend has its own tokens, seconds and broken caches', async (t) => {
  const sessions = await rowsBy(t, 'session');
  assert.deepEqual(
    sessions.map(({ session, kvCache }) => [session, kvCache.reusedTokens, kvCache.saved?.seconds]),
    [
      ['s-1', 1400, 2.5],
      ['s-2', 1800, 2],
    ],
  );
  const projects = await rowsBy(t, 'project');
  assert.deepEqual(
    projects.map(({ project, kvCache }) => [project, kvCache.breaks.causes.map(({ cause }) => cause)]),
    [
      [null, ['server-lost']],
      ['orchard', ['tools-added']],
    ],
  );
  const backends = await rowsBy(t, 'backend');
  assert.deepEqual(
    backends.map(({ backend, kvCache }) => [backend, kvCache.unknownTokens, kvCache.breaks.tokens]),
    [
      ['mlx-lm', 0, 700],
      ['lmstudio', 4000, 1000],
    ],
  );
  assert.equal(backends[1]?.kvCache.saved, null);
});

test('a cache that nothing was found in saved nothing, and no request of it is counted', async (t) => {
  const { db } = await freshStore(t);
  const cold = answer('cold', known(3000, 0), { saved: saved(0, 'measured') });
  await writeRecords(db, [toEnded(cold, 'd-1')]);
  const { totals, kvCache } = await statsReport(db, RANGE, 'route');
  assert.deepEqual([totals.savedSeconds, totals.savedRequests], [0, 0]);
  assert.deepEqual([kvCache.saved?.seconds, kvCache.saved?.requests], [0, 0]);
});

test('where nothing is known nothing is claimed', async (t) => {
  const { db } = await freshStore(t);
  for (const by of STATS_BY) {
    const { kvCache, rows } = await statsReport(db, RANGE, by);
    assert.deepEqual([kvCache, rows], [emptyReport(RANGE, by).kvCache, []]);
  }
  await writeRecords(db, [toEnded(answer('silent', { evidence: 'none' }), 'd-1')]);
  const { saved, breaks, unknownTokens } = (await statsReport(db, RANGE, 'route')).kvCache;
  assert.deepEqual([saved, breaks.seconds, unknownTokens], [null, null, 0]);
});

test('what the daemon answered itself, what still runs and what lies outside is not counted', async (t) => {
  const { db } = await written(t);
  await writeRecords(db, [
    toEnded(answer('title', { evidence: 'none' }, { answeredBy: 'daemon' }), 'd-1'),
    toEnded(answer('older', known(9, 9), { startedAtMs: NOW_MS - 2000 }), 'd-1'),
    toRunning({ requestId: 'running', startedAtMs: NOW_MS }, 'd-1'),
  ]);
  assert.equal((await statsReport(db, RANGE, 'route')).kvCache.requests, 6);
});

const LONG = { sinceMs: NOW_MS - 30 * HOUR_MS, untilMs: NOW_MS };

for (const from of ['rows', 'sums of hours'] as const) {
  test(`out of ${from}, the figures of the rows add up to those of all requests, whatever they are by`, async (t) => {
    const store = await freshStore(t);
    const many = { count: 400, fromMs: LONG.sinceMs, untilMs: LONG.untilMs };
    await writeMany(store, many);
    if (from === 'sums of hours') await keepUp(store.db, UPKEEP);
    const requests = manyRecords(many).map(({ request }) => request);
    const added = requests.filter(({ break_cause }) => break_cause === 'tools-added').length;
    for (const by of STATS_BY) {
      const { rows, kvCache } = await statsReport(store.db, LONG, by, {
        exactUpTo: from === 'rows' ? Number.MAX_SAFE_INTEGER : 0,
      });
      const sum = (figure: (row: (typeof rows)[number]) => number | undefined) =>
        Number(rows.reduce((all, row) => all + (figure(row) ?? 0), 0).toFixed(6));
      const ofAll = (figure: number | undefined) => Number(figure?.toFixed(6));
      assert.equal(
        sum(({ kvCache: kv }) => kv.reusedTokens),
        kvCache.reusedTokens,
        by,
      );
      assert.equal(
        sum(({ kvCache: kv }) => kv.computedTokens),
        kvCache.computedTokens,
        by,
      );
      assert.equal(
        sum(({ kvCache: kv }) => kv.unknownTokens),
        kvCache.unknownTokens,
        by,
      );
      assert.equal(
        sum(({ kvCache: kv }) => kv.saved?.lowSeconds),
        ofAll(kvCache.saved?.lowSeconds),
        by,
      );
      assert.equal(
        sum(({ kvCache: kv }) => kv.saved?.byEvidence.inferred),
        ofAll(kvCache.saved?.byEvidence.inferred),
      );
      assert.equal(
        sum((row) => countOf('tools-added', row)),
        added,
        by,
      );
      for (const {
        kvCache: { breaks },
      } of rows)
        assert.equal(
          breaks.causes.reduce((count, each) => count + each.count, 0),
          breaks.count,
          by,
        );
    }
  });
}

test('of hours that an older program summed up the causes are told of all requests, not of a row', async (t) => {
  const store = await freshStore(t);
  await writeMany(store, { count: 400, fromMs: LONG.sinceMs, untilMs: LONG.untilMs });
  await keepUp(store.db, UPKEEP);
  await sql`update rollup_groups set session_id = null, project = null, decision_reason = null, task = null,
    backend = null, model = null where facet = 'cause'`.execute(store.db);
  for (const by of ['project', 'session', 'backend'] as const) {
    const { rows, kvCache } = await statsReport(store.db, LONG, by, { exactUpTo: 0 });
    const all = kvCache.breaks.causes.reduce((count, each) => count + each.count, 0);
    assert.ok(all > 0 && all === kvCache.breaks.count);
    const told = rows
      .flatMap((row) => row.kvCache.breaks.causes)
      .reduce((count, each) => count + each.count, 0);
    assert.ok(told < all, `${by}: ${told} of ${all}`);
    const nobody = rows.find((row) => row.project === null);
    const causes = nobody?.kvCache.breaks.causes.reduce((count, each) => count + each.count, 0) ?? 0;
    assert.ok(causes <= (nobody?.kvCache.breaks.count ?? 0));
  }
});

const UPKEEP = {
  nowMs: NOW_MS,
  rest: setImmediate,
  retention: { requestDays: 90, rollupDays: 730 },
};

function countOf(
  cause: string,
  { kvCache }: Awaited<ReturnType<typeof statsReport>>['rows'][number],
): number | undefined {
  return kvCache.breaks.causes.find((each) => each.cause === cause)?.count;
}

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
