// What was read in pauses, summed up from the runs: what it cost, and what was had of it.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { renderExplained } from '../../cli/explain-screen.ts';
import { renderStats } from '../../cli/stats-screen.ts';
import type { Warmup, WarmupUse } from '../../router/warmup.ts';
import { readExplained } from '../../store/explained.ts';
import { statsReport } from '../../store/report.ts';
import { findRequest } from '../../store/request.ts';
import { toEnded } from '../../store/row.ts';
import { claudeApi } from '../../store/stats-document.ts';
import { toWarmupRow, writeWarmups } from '../../store/warmups.ts';
import { writeRecords } from '../../store/write.ts';
import { freshStore, NOW_MS, outcome } from './sample.ts';

const RANGE = { sinceMs: NOW_MS - 60_000, untilMs: NOW_MS };

function run(warmupId: string, more: Partial<Warmup>): Warmup {
  const fixed = {
    purpose: 'catch-up',
    backend: 'lmstudio',
    model: 'coder-test',
    result: 'completed',
  } as const;
  return { ...fixed, warmupId, startedAtMs: NOW_MS - 1000, durationMs: 2000, steps: 2, ...more };
}

function used(requestId: string, tokens: number, savedSeconds: number): WarmupUse {
  return { result: 'used', requestId, tokens, savedSeconds };
}

async function written(t: TestContext, runs: readonly Warmup[]) {
  const store = await freshStore(t);
  await writeRecords(store.db, [toEnded(outcome('edit'), 'd-1'), toEnded(outcome('other'), 'd-1')]);
  await writeWarmups(
    store.db,
    runs.map((each) => toWarmupRow(each, 'd-1')),
  );
  return store.db;
}

const RUNS = [
  run('one', { computedTokens: 1000, use: used('edit', 900, 4) }),
  run('two', {
    computedTokens: 300,
    result: 'cancelled',
    reason: 'a request came in',
    use: used('edit', 300, 1),
  }),
  run('three', { computedTokens: 200, use: { result: 'wasted' } }),
  run('open', { computedTokens: 50 }),
  run('untold', { use: { result: 'unknown', requestId: 'other' } }),
  run('long ago', { startedAtMs: RANGE.sinceMs - 1, computedTokens: 7 }),
];

test('pauses are told with their cost, what was used of them, and what was wasted', async (t) => {
  const { pauses } = await statsReport(await written(t, RUNS), RANGE, 'route');
  assert.deepEqual(pauses, {
    ...{ runs: 5, cutOff: 1, seconds: 10, computedTokens: 1550 },
    ...{ usedTokens: 1200, wastedTokens: 300, savedSeconds: 5 },
  });
});

test('where nothing was read in pauses, stats say nothing of them', async (t) => {
  const report = await statsReport(await written(t, []), RANGE, 'route');
  assert.equal(report.pauses, null);
  assert.doesNotMatch(screenOf(report), /pause/i);
});

test('stats show what pauses cost and saved', async (t) => {
  const report = await statsReport(await written(t, RUNS), RANGE, 'route');
  assert.match(
    screenOf(report).replace(/\s+/g, ' '),
    /In pauses: 1550 tokens read ahead in 10\.0 s \(5 runs\); 1200 used, which saved 5\.0 s; 300 wasted\./,
  );
});

test('explain tells of a request what had been read for it, and of another one nothing', async (t) => {
  const db = await written(t, RUNS);
  const screens = await Promise.all(
    ['edit', 'other'].map(async (id) => {
      const row = await findRequest(db, id);
      assert.ok(row);
      return renderExplained(readExplained(row), { columns: 200, colour: false, unicode: true });
    }),
  );
  assert.match(
    screens[0] ?? '',
    /Read in the pause before it: 1200 tokens, so that it waited about 5\.00 s less/,
  );
  assert.doesNotMatch(screens[1] ?? '', /pause/);
});

function screenOf(report: Awaited<ReturnType<typeof statsReport>>): string {
  const screen = { columns: 120, colour: false, unicode: true, format: 'screen' } as const;
  return renderStats(report, claudeApi(report.claudeApi, undefined), screen);
}
