import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { StoreDatabase } from '../../store/database.ts';
import { STATS_BY, type StatsBy, type StatsReport, statsReport } from '../../store/report.ts';
import { toEnded, toRunning } from '../../store/row.ts';
import { requestSeries } from '../../store/series.ts';
import { isUpkeepDue, keepUp } from '../../store/upkeep.ts';
import { toWarmupRow, writeWarmups } from '../../store/warmups.ts';
import { writeRecords } from '../../store/write.ts';
import { manyRecords, writeMany } from './many-requests.ts';
import { freshStore, NOW_MS, openedStore, outcome, temporaryFolder } from './sample.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const RETENTION = { requestDays: 90, rollupDays: 730 };
/** A day and a bit that begins and ends in mid-hour. */
const RANGE = { sinceMs: NOW_MS - 27 * HOUR_MS + 1_234_567, untilMs: NOW_MS - 1_000_000 };
const MANY = { count: 700, fromMs: NOW_MS - 30 * HOUR_MS, untilMs: NOW_MS };

const rolledReport = (store: StoreDatabase, by: StatsBy, range = RANGE) =>
  statsReport(store.db, range, by, { exactUpTo: 0 });
const kept = (store: StoreDatabase, changes: { nowMs?: number; requestDays?: number } = {}) =>
  keepUp(store.db, {
    nowMs: changes.nowMs ?? NOW_MS,
    rest: setImmediate,
    retention: { ...RETENTION, requestDays: changes.requestDays ?? RETENTION.requestDays },
  });

async function filled(t: TestContext): Promise<StoreDatabase> {
  const store = await freshStore(t);
  await writeMany(store, MANY);
  return store;
}

type Plain = { readonly [key: string]: unknown };

/** Without what only an estimate can tell, and with sums of fractions rounded: they are added in another order. */
function addedUp(report: StatsReport): Plain {
  const figures = ({
    ttftMs,
    decodeTokensPerS,
    ...rest
  }: StatsReport['totals'] | StatsReport['rows'][number]) => ({
    ...rest,
    n: [ttftMs.all.n, ttftMs.warm.n, ttftMs.cold.n, ttftMs.unknown.n, decodeTokensPerS.n],
  });
  const { percentiles: _p, totals, rows, timeline, ...rest } = report;
  const plain = { ...rest, totals: figures(totals), rows: rows.map(figures) };
  const ended = timeline.points.reduce((sum, { requests }) => sum + requests, 0);
  return JSON.parse(
    JSON.stringify({ ...plain, ended }, (_key, value) =>
      typeof value === 'number' ? Number(value.toPrecision(9)) : value,
    ),
  );
}

test('by whatever is asked, closed hours and the rows around them give what all rows give', async (t) => {
  const store = await filled(t);
  const exact = new Map<StatsBy, StatsReport>();
  for (const by of STATS_BY) exact.set(by, await statsReport(store.db, RANGE, by));
  assert.equal((await kept(store)).rolledHours, 30);
  for (const [by, report] of exact) {
    const rolled = await rolledReport(store, by);
    assert.deepEqual([report.percentiles, rolled.percentiles], ['exact', 'estimated']);
    assert.deepEqual(withoutSessions(by, addedUp(rolled)), withoutSessions(by, addedUp(report)), by);
  }
});

/** By reason, the sums of hours do not tell how many sessions there were. */
function withoutSessions(by: StatsBy, report: Plain): Plain {
  if (by !== 'reason') return report;
  return JSON.parse(JSON.stringify(report, (key, value) => (key === 'sessions' ? undefined : value)));
}

test('what is drawn over time stays when the rows of its hours are gone', async (t) => {
  const store = await filled(t);
  const range = { sinceMs: NOW_MS - 30 * HOUR_MS, untilMs: NOW_MS, stepMs: 3 * HOUR_MS };
  const exact = await requestSeries(store.db, range);
  assert.ok((await kept(store, { requestDays: 1 })).prunedHours > 4);
  const rolled = await requestSeries(store.db, range);
  assert.deepEqual([exact.percentiles, rolled.percentiles], ['exact', 'estimated']);
  assert.equal(rolled.points.length, 10);
  for (const [at, { warmTtftMs, coldTtftMs, ...counted }] of exact.points.entries()) {
    const {
      warmTtftMs: warm,
      coldTtftMs: cold,
      ...kept
    } = rolled.points[at] ?? { ...counted, warmTtftMs: null, coldTtftMs: null };
    assert.deepEqual(kept, counted);
    assert.deepEqual([warm === null, cold === null], [warmTtftMs === null, coldTtftMs === null]);
  }
});

test('an estimated percentile is a tenth off at most', async (t) => {
  const store = await filled(t);
  const exact = (await statsReport(store.db, RANGE, 'backend')).rows;
  await kept(store);
  const estimated = (await rolledReport(store, 'backend')).rows;
  let compared = 0;
  for (const [at, row] of exact.entries()) {
    const guess = estimated[at];
    for (const name of ['all', 'warm', 'cold', 'unknown'] as const) {
      for (const p of ['p50', 'p95'] as const) {
        const [right, guessed] = [row.ttftMs[name][p], guess?.ttftMs[name][p]];
        if (right === null) assert.equal(guessed, null);
        if (right === null || row.ttftMs[name].n < 20) continue;
        compared += 1;
        assert.ok(
          Math.abs((guessed ?? 0) / right - 1) < 0.1,
          `${row.backend} ${name} ${p}: ${guessed}, not ${right}`,
        );
      }
    }
  }
  assert.ok(compared >= 8, String(compared));
});

test('upkeep done twice changes nothing', async (t) => {
  const store = await filled(t);
  await kept(store);
  const first = await rolledReport(store, 'route');
  assert.deepEqual(await kept(store), { rolledHours: 0, prunedHours: 0, forgottenHours: 0 });
  assert.deepEqual(await rolledReport(store, 'route'), first);
});

test('rows that come after their hour was rolled up count at once and once, before the next upkeep and after it', async (t) => {
  const store = await filled(t);
  await kept(store);
  await writeMany(store, { ...MANY, count: 40, seed: 2, prefix: 'late' });
  const exact = addedUp(await statsReport(store.db, RANGE, 'route'));
  assert.deepEqual(addedUp(await rolledReport(store, 'route')), exact);
  assert.ok((await kept(store)).rolledHours > 10);
  assert.deepEqual(addedUp(await rolledReport(store, 'route')), exact);
});

test('a request that ends hours after it began is running, and then counted in the hour it began', async (t) => {
  const store = await freshStore(t);
  const startedAtMs = NOW_MS - 5 * HOUR_MS - 10;
  await writeRecords(store.db, [toRunning({ requestId: 'long', startedAtMs }, 'd-1')]);
  await kept(store);
  const range = { sinceMs: NOW_MS - DAY_MS, untilMs: NOW_MS };
  const before = (await rolledReport(store, 'route', range)).totals;
  assert.deepEqual([before.requests, before.running, before.completed], [1, 1, 0]);
  await writeRecords(store.db, [toEnded(outcome('long', { startedAtMs, durationMs: 4 * HOUR_MS }), 'd-1')]);
  for (const when of ['before the next upkeep', 'after it']) {
    const { totals, rows } = await rolledReport(store, 'route', range);
    assert.deepEqual([totals.requests, totals.running, totals.completed, rows.length], [1, 0, 1, 1], when);
    await kept(store);
  }
});

test('rows older than their retention go, and what they came to stays', async (t) => {
  const store = await filled(t);
  const range = { sinceMs: NOW_MS - 3 * DAY_MS, untilMs: NOW_MS };
  const exact = addedUp(await statsReport(store.db, range, 'route'));
  const { prunedHours } = await kept(store, { requestDays: 1 });
  assert.equal(prunedHours, 6);
  const left = await store.db.selectFrom('requests').select('started_ms').orderBy('started_ms').execute();
  assert.ok(left.length > 500 && left.length < 650);
  assert.ok((left[0]?.started_ms ?? 0) >= NOW_MS - DAY_MS);
  assert.deepEqual(addedUp(await statsReport(store.db, range, 'route')), exact);
});

test('a range that ends or begins in an hour without rows takes in the whole hour, and says so', async (t) => {
  const store = await filled(t);
  await kept(store, { requestDays: 1 });
  const hourMs = NOW_MS - 29 * HOUR_MS;
  const report = await statsReport(
    store.db,
    { sinceMs: hourMs + 5, untilMs: hourMs + 2 * HOUR_MS + 5 },
    'route',
  );
  assert.deepEqual(report.range, { sinceMs: hourMs, untilMs: hourMs + 3 * HOUR_MS - 1 });
  const three = manyRecords(MANY).filter(
    ({ request }) => request.started_ms >= hourMs && request.started_ms < hourMs + 3 * HOUR_MS,
  );
  assert.equal(report.totals.requests, three.length);
});

test('a row that comes in after its hour was pruned is added to that hour, once', async (t) => {
  const store = await filled(t);
  await kept(store, { requestDays: 1 });
  const range = { sinceMs: NOW_MS - 3 * DAY_MS, untilMs: NOW_MS };
  const before = (await statsReport(store.db, range, 'backend')).totals;
  await writeRecords(store.db, [
    toEnded(outcome('late', { startedAtMs: NOW_MS - 29 * HOUR_MS + 77 }), 'd-1'),
  ]);
  for (const when of ['before the next upkeep', 'after it', 'after another one']) {
    const { totals } = await statsReport(store.db, range, 'backend');
    assert.equal(totals.requests, before.requests + 1, when);
    assert.equal(totals.ttftMs.warm.n, before.ttftMs.warm.n + 1, when);
    assert.equal(totals.promptTokens, (before.promptTokens ?? 0) + 1000, when);
    await kept(store, { requestDays: 1 });
  }
  const rest = store.db.selectFrom('requests').select('request_id').where('request_id', '=', 'late');
  assert.deepEqual(await rest.execute(), []);
});

test('roll-ups older than their retention are forgotten, with the names of their groups', async (t) => {
  const store = await filled(t);
  await kept(store);
  const later = NOW_MS + 731 * DAY_MS;
  const { forgottenHours } = await kept(store, { nowMs: later });
  assert.equal(forgottenHours, 30);
  for (const table of ['requests', 'rollup_hours', 'rollup_buckets', 'rollup_groups'] as const) {
    const { rows } = await store.db.executeQuery<{ n: number }>(
      store.db
        .selectFrom(table as 'requests')
        .select((eb) => eb.fn.countAll<number>().as('n'))
        .compile(),
    );
    assert.equal(rows[0]?.n, 0, table);
  }
});

test('upkeep that is cut off goes on where it was', async (t) => {
  const store = await filled(t);
  const controller = new AbortController();
  let steps = 0;
  const onStep = () => {
    steps += 1;
    if (steps === 5) controller.abort();
  };
  const options = { nowMs: NOW_MS, retention: RETENTION };
  const cut = await keepUp(store.db, { ...options, signal: controller.signal, onStep });
  assert.equal(cut.rolledHours, 5);
  assert.equal(await isUpkeepDue(store.db, NOW_MS), true);
  assert.equal((await kept(store)).rolledHours, 25);
  assert.equal(await isUpkeepDue(store.db, NOW_MS), false);
});

test('upkeep is due once a night, and after a night that was slept through', async (t) => {
  const store = await freshStore(t);
  const at = (day: number, hour: number, minute = 0) => new Date(2026, 2, day, hour, minute).getTime();
  assert.equal(await isUpkeepDue(store.db, at(4, 12)), true, 'never done');
  await kept(store, { nowMs: at(4, 12) });
  assert.equal(await isUpkeepDue(store.db, at(5, 3, 29)), false);
  assert.equal(await isUpkeepDue(store.db, at(5, 3, 30)), true);
  assert.equal(await isUpkeepDue(store.db, at(5, 9)), true);
  await kept(store, { nowMs: at(5, 9) });
  assert.equal(await isUpkeepDue(store.db, at(5, 23)), false);
});

test('prefills that no request asked for go with the requests of their time', async (t) => {
  const store = await freshStore(t);
  const warmup = { purpose: 'warm', backend: 'mlx-lm', model: 'qwen-test', result: 'completed' } as const;
  const at = (warmupId: string, startedAtMs: number) =>
    toWarmupRow({ ...warmup, warmupId, startedAtMs, durationMs: 10, steps: 1 }, 'd-1');
  const old = Array.from({ length: 250 }, (_, n) => at(`old-${n}`, NOW_MS - 91 * DAY_MS));
  for (let from = 0; from < old.length; from += 50) await writeWarmups(store.db, old.slice(from, from + 50));
  await writeWarmups(store.db, [at('new', NOW_MS - 89 * DAY_MS)]);
  await kept(store);
  const left = await store.db.selectFrom('warmups').select('warmup_id').execute();
  assert.deepEqual(left, [{ warmup_id: 'new' }]);
});

test('daemons that ended before the oldest row are forgotten, the others are not', async (t) => {
  const store = await freshStore(t);
  const daemon = { pid: 1, process_start: null, version: '0.0.0' };
  const long = NOW_MS - 91 * DAY_MS;
  await store.db
    .insertInto('daemons')
    .values([
      { ...daemon, daemon_id: 'gone', started_ms: long, ended_ms: long + 1 },
      { ...daemon, daemon_id: 'runs', started_ms: long, ended_ms: null },
      { ...daemon, daemon_id: 'new', started_ms: NOW_MS - DAY_MS, ended_ms: NOW_MS },
    ])
    .execute();
  await kept(store);
  const left = await store.db.selectFrom('daemons').select('daemon_id').orderBy('daemon_id').execute();
  assert.deepEqual(
    left.map((row) => row.daemon_id),
    ['new', 'runs'],
  );
});

test('two connections to one file share the work of one upkeep, and count nothing twice', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const [one, two] = [await openedStore(t, path), await openedStore(t, path)];
  await writeMany(one, MANY);
  const exact = addedUp(await statsReport(one.db, RANGE, 'route'));
  const reports = await Promise.all([kept(one), kept(two)]);
  assert.equal(
    reports.reduce((sum, report) => sum + report.rolledHours, 0),
    30,
  );
  assert.deepEqual(addedUp(await rolledReport(two, 'route')), exact);
});
