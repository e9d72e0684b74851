import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Outcome } from '../../router/outcome.ts';
import { emptyReport, STATS_BY, type StatsBy, statsReport } from '../../store/report.ts';
import { toEnded } from '../../store/row.ts';
import { writeRecords } from '../../store/write.ts';
import { freshStore, NOW_MS, outcome } from './sample.ts';
import { writeWorkingDay } from './working-day.ts';

const RANGE = { sinceMs: NOW_MS - 1000, untilMs: NOW_MS };

async function workingDay(t: TestContext, by: StatsBy = 'route') {
  const store = await freshStore(t);
  await writeWorkingDay(store);
  return statsReport(store.db, RANGE, by);
}

async function reportOf(t: TestContext, outcomes: readonly Outcome[], by: StatsBy = 'route') {
  const store = await freshStore(t);
  await writeRecords(
    store.db,
    outcomes.map((ended) => toEnded(ended, 'd-1')),
  );
  return statsReport(store.db, RANGE, by);
}

test('the totals count every request once, and tokens only where they are known', async (t) => {
  const { totals, answeredHere } = await workingDay(t);
  const { ttftMs: _t, decodeTokensPerS, ...figures } = totals;
  assert.deepEqual(decodeTokensPerS, { n: 14, p5: 39, p50: 49.5 });
  assert.deepEqual(figures, {
    requests: 21,
    completed: 16,
    failed: 1,
    cancelled: 1,
    refused: 1,
    interrupted: 1,
    running: 1,
    sessions: 2,
    okPercent: (100 * 16) / 19,
    promptTokens: 16_000,
    outputTokens: 11 * 100 + 3 * 40,
    cacheKnownRequests: 11,
    cacheInferredRequests: 0,
    cacheUnknownRequests: 3,
    cacheHitRequests: 5,
    hitPercent: (100 * 5) / 11,
    cacheKnownPromptTokens: 16_000,
    cachedTokens: 4_600,
    cachedPercent: 28.75,
    writtenTokens: null,
    cacheBreaks: 0,
    breakTokens: null,
    breakSeconds: null,
    savedSeconds: null,
    savedRequests: 0,
    outputTokensPerS: (11 * 99 + 3 * 39) / (11 * 2 + 3 * 1),
  });
  assert.deepEqual(answeredHere, { requests: 2 });
});

test('a row per task and backend, with warm and cold waits apart', async (t) => {
  const { rows } = await workingDay(t);
  assert.deepEqual(
    rows.map(({ task, backend, requests }) => [task, backend, requests]),
    [
      ['analysis', 'mlx-lm', 12],
      ['edit', 'lmstudio', 4],
      [null, null, 2],
    ],
  );
  const [analysis, edit, nobody] = rows;
  assert.deepEqual(analysis?.ttftMs, {
    all: { n: 11, p50: 5000, p95: 13_500 },
    warm: { n: 5, p50: 600, p95: 780 },
    cold: { n: 5, p50: 12_000, p95: 13_800 },
    unknown: { n: 0, p50: null, p95: null },
  });
  assert.equal(analysis?.okPercent, (100 * 11) / 12);
  assert.equal(analysis?.outputTokensPerS, 49.5);
  assert.equal(nobody?.okPercent, 0);
  assert.equal(edit?.okPercent, 100, 'a request that the client left is no failure');
});

test('a backend that is silent about its cache has unknown figures, not zeros', async (t) => {
  const edit = (await workingDay(t)).rows.find((row) => row.backend === 'lmstudio');
  assert.ok(edit !== undefined);
  assert.deepEqual(
    [edit.promptTokens, edit.cachedTokens, edit.hitPercent, edit.cachedPercent, edit.cacheUnknownRequests],
    [null, null, null, null, 3],
  );
  assert.deepEqual(edit.ttftMs.warm, { n: 0, p50: null, p95: null });
  assert.deepEqual(edit.ttftMs.all, { n: 3, p50: 200, p95: 200 });
  assert.equal(edit.outputTokens, 120);
});

for (const by of STATS_BY) {
  test(`by ${by}, rows, running requests and those answered here add up to the total`, async (t) => {
    const { rows, totals, answeredHere } = await workingDay(t, by);
    const inRows = rows.reduce((sum, row) => sum + row.requests, 0);
    assert.equal(inRows + totals.running + answeredHere.requests, totals.requests);
  });
}

test('a row names what it is grouped by and nothing else', async (t) => {
  const named = async (by: StatsBy) =>
    (await workingDay(t, by)).rows.map(({ task, backend, model, day }) => [
      task,
      backend,
      model,
      day?.length,
    ]);
  assert.deepEqual(await named('backend'), [
    [undefined, 'mlx-lm', undefined, undefined],
    [undefined, 'lmstudio', undefined, undefined],
    [undefined, null, undefined, undefined],
  ]);
  assert.deepEqual(
    (await named('model')).map((row) => row[2]),
    ['qwen-test', 'coder-test', null],
  );
  assert.deepEqual(await named('day'), [[undefined, undefined, undefined, 10]]);
});

/** Swedish dates are written as ISO 8601 says. */
const localDay = (ms: number) => new Date(ms).toLocaleDateString('sv-SE');

test('days are in order and each request is in its own', async (t) => {
  const day = 86_400_000;
  const store = await freshStore(t);
  const at = (id: string, startedAtMs: number) => toEnded(outcome(id, { startedAtMs }), 'd-1');
  await writeRecords(store.db, [at('c', NOW_MS), at('a', NOW_MS - 2 * day), at('b', NOW_MS - 2 * day)]);
  const { rows } = await statsReport(store.db, { sinceMs: 0, untilMs: NOW_MS }, 'day');
  assert.deepEqual(
    rows.map((row) => [row.day, row.requests]),
    [
      [localDay(NOW_MS - 2 * day), 2],
      [localDay(NOW_MS), 1],
    ],
  );
});

test('only requests that started in the range are counted, both ends included', async (t) => {
  const at = (id: string, startedAtMs: number) => outcome(id, { startedAtMs });
  const outside = [at('before', RANGE.sinceMs - 1), at('after', RANGE.untilMs + 1)];
  const { totals } = await reportOf(t, [...outside, at('first', RANGE.sinceMs), at('last', RANGE.untilMs)]);
  assert.equal(totals.requests, 2);
});

test('tokens that went to the Claude API are told apart by model, each sort of token once', async (t) => {
  const claude = (model: string, cachedTokens: number): Partial<Outcome> => ({
    answeredBy: 'claude',
    model,
    cache: { evidence: 'reported', promptTokens: 1000, cachedTokens, writtenTokens: 50 },
    outputTokens: 20,
  });
  const { claudeApi, totals } = await reportOf(t, [
    outcome('a', claude('claude-test-large', 900)),
    outcome('b', claude('claude-test-large', 0)),
    outcome('c', claude('claude-test-small', 100)),
    outcome('d'),
  ]);
  assert.deepEqual(claudeApi, [
    {
      ...{ model: 'claude-test-large', requests: 2, inputTokens: 1000, cacheWriteTokens: 100 },
      ...{ cacheReadTokens: 900, outputTokens: 40 },
    },
    {
      ...{ model: 'claude-test-small', requests: 1, inputTokens: 850, cacheWriteTokens: 50 },
      ...{ cacheReadTokens: 100, outputTokens: 20 },
    },
  ]);
  assert.equal(totals.requests, 4);
});

test('the timeline has a point for each step of the range, those without a request too', async (t) => {
  const store = await freshStore(t);
  const hour = 3_600_000;
  const at = (id: string, startedAtMs: number) => toEnded(outcome(id, { startedAtMs }), 'd-1');
  await writeRecords(store.db, [
    at('a', NOW_MS - 5 * hour),
    at('b', NOW_MS - 2 * hour),
    at('c', NOW_MS - 2 * hour),
  ]);
  const { timeline } = await statsReport(store.db, { sinceMs: NOW_MS - 24 * hour, untilMs: NOW_MS }, 'route');
  assert.equal(timeline.stepMs, 600_000);
  assert.deepEqual(
    timeline.points.filter(({ requests }) => requests > 0),
    [
      { startMs: NOW_MS - 5 * hour, requests: 1 },
      { startMs: NOW_MS - 2 * hour, requests: 2 },
    ],
  );
  assert.equal(timeline.points.length, 31, 'from the first request to the end');
});

test('a tokens-per-second figure needs output and a first token', async (t) => {
  const { outputTokens: _o, ...silent } = outcome('no-count');
  const { firstTokenMs: _t, ...waitless } = outcome('no-first-token');
  const { totals } = await reportOf(t, [silent, waitless]);
  assert.equal(totals.outputTokensPerS, null);
});

test('inferred cache figures are counted as such', async (t) => {
  const cache = { evidence: 'inferred', promptTokens: 10, cachedTokens: 9 } as const;
  const { totals } = await reportOf(t, [outcome('a', { cache }), outcome('b')]);
  assert.deepEqual([totals.cacheKnownRequests, totals.cacheInferredRequests], [2, 1]);
});

test('an empty database and no database give the same report', async (t) => {
  assert.deepEqual(await reportOf(t, []), emptyReport(RANGE, 'route'));
});

test('the speed of a tool call is counted from its first token, and unknown where that is not known', async (t) => {
  const call = { toolCalls: ['Edit'], ttftMs: 2400, outputTokens: 201 };
  const { firstTokenMs: _, ...untold } = outcome('untold', call);
  const { totals } = await reportOf(t, [outcome('told', { ...call, firstTokenMs: 500 }), untold]);
  assert.equal(totals.outputTokensPerS, 100);
  assert.equal(totals.decodeTokensPerS.n, 1);
});
