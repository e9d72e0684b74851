import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createUpkeep } from '../../daemon/upkeep.ts';
import type { StoreDatabase } from '../../store/database.ts';
import type { UpkeepReport } from '../../store/upkeep.ts';
import { writeMany } from '../store/many-requests.ts';
import { freshStore, NOW_MS } from '../store/sample.ts';

const HOUR_MS = 3_600_000;

async function keeping(t: TestContext) {
  const store = await freshStore(t);
  await writeMany(store, { count: 60, fromMs: NOW_MS - 12 * HOUR_MS, untilMs: NOW_MS });
  const reports: UpkeepReport[] = [];
  const clock = { nowMs: NOW_MS };
  const use = <Result>(work: (db: StoreDatabase['db']) => Promise<Result>) => work(store.db);
  const upkeep = createUpkeep({
    recorder: { use },
    retention: { requestDays: 90, rollupDays: 730 },
    wall: () => clock.nowMs,
    onDone: (report) => reports.push(report),
  });
  return { store, upkeep, reports, clock };
}

test('a night that was missed is made up for at the first look, and the next look does nothing', async (t) => {
  const { upkeep, reports, clock } = await keeping(t);
  await upkeep.look();
  await upkeep.look();
  assert.deepEqual(
    reports.map(({ rolledHours }) => rolledHours),
    [12],
  );
  clock.nowMs += 24 * HOUR_MS;
  await upkeep.look();
  assert.equal(reports.length, 2);
});

test('a look while it runs is the same run', async (t) => {
  const { upkeep, reports } = await keeping(t);
  await Promise.all([upkeep.look(), upkeep.look(), upkeep.look()]);
  assert.equal(reports.length, 1);
});

test('a daemon that stops ends it after its step, and nothing is claimed to be done', async (t) => {
  const { store, upkeep, reports } = await keeping(t);
  const running = upkeep.look();
  await upkeep.stop();
  await running;
  await upkeep.look();
  assert.deepEqual(reports, []);
  const state = await store.db.selectFrom('rollup_state').selectAll().executeTakeFirstOrThrow();
  assert.equal(state.kept_ms, 0);
});

test('without a database there is nothing to keep up', async () => {
  const upkeep = createUpkeep({
    recorder: { use: async () => undefined },
    retention: { requestDays: 90, rollupDays: 730 },
    wall: () => NOW_MS,
    onDone: () => assert.fail('nothing was done'),
  });
  await upkeep.look();
});
