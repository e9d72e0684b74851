// What was learned outlives the daemon.

import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { loadLearned } from '../../daemon/learned.ts';
import { databasePath } from '../../daemon/state.ts';
import type { StoreDatabase } from '../../store/database.ts';
import { NOW_MS, openedStore, temporaryFolder } from '../store/sample.ts';

const TEXT = [{ hash: 'a', text: 'Explain how the cart of the shop adds up its prices. '.repeat(40) }];

/** A state folder whose database is open, as it is once a daemon has run for a while. */
async function running(t: TestContext) {
  const home = temporaryFolder(t);
  const store = await openedStore(t, databasePath(home));
  return { home, store, recorder: recorderOf(store) };
}

function recorderOf({ db }: StoreDatabase) {
  return { use: <Result>(work: (database: typeof db) => Promise<Result>) => work(db) };
}

test('token weights and speeds come back after a restart', async (t) => {
  const { home, recorder } = await running(t);
  const first = await loadLearned(home);
  const before = first.estimator.estimate('qwen-test', TEXT);
  for (let n = 0; n < 5; n += 1) first.estimator.learn('qwen-test', TEXT, 3 * before);
  await first.save(recorder, NOW_MS);
  const again = await loadLearned(home);
  assert.deepEqual(JSON.stringify(again.estimator), JSON.stringify(first.estimator));
  assert.deepEqual(JSON.stringify(again.memory), JSON.stringify(first.memory));
  assert.notEqual(JSON.stringify(again.estimator), JSON.stringify((await loadLearned('/nowhere')).estimator));
});

test('what has not changed is not written again', async (t) => {
  const { home, store, recorder } = await running(t);
  const learned = await loadLearned(home);
  await learned.save(recorder, NOW_MS);
  await learned.save(recorder, NOW_MS + 1000);
  const times = await store.db.selectFrom('learned').select('updated_ms').execute();
  assert.deepEqual(times, [{ updated_ms: NOW_MS }, { updated_ms: NOW_MS }]);
  learned.estimator.learn('qwen-test', TEXT, 500);
  await learned.save(recorder, NOW_MS + 2000);
  const rows = await store.db.selectFrom('learned').select(['key', 'updated_ms']).orderBy('key').execute();
  assert.deepEqual(rows, [
    { key: 'speeds', updated_ms: NOW_MS },
    { key: 'tokens', updated_ms: NOW_MS + 2000 },
  ]);
});

test('files of earlier versions are taken over once and then removed', async (t) => {
  const { home, recorder } = await running(t);
  const teacher = (await loadLearned(home)).estimator;
  teacher.learn('qwen-test', TEXT, 1234);
  const files = ['token-weights.json', 'speeds.json'].map((name) => join(home, name));
  writeFileSync(files[0] ?? '', JSON.stringify(teacher));
  writeFileSync(files[1] ?? '', 'not JSON');
  const learned = await loadLearned(home);
  assert.equal(JSON.stringify(learned.estimator), JSON.stringify(teacher));
  assert.deepEqual(files.map(existsSync), [true, true], 'kept until they are in the store');
  await learned.save(recorder, NOW_MS);
  assert.deepEqual(files.map(existsSync), [false, false]);
  assert.equal(JSON.stringify((await loadLearned(home)).estimator), JSON.stringify(teacher));
});

test('a row of the store wins over a file that came back', async (t) => {
  const { home, recorder } = await running(t);
  await (await loadLearned(home)).save(recorder, NOW_MS);
  const other = (await loadLearned('/nowhere')).estimator;
  other.learn('qwen-test', TEXT, 1234);
  writeFileSync(join(home, 'token-weights.json'), JSON.stringify(other));
  assert.notEqual(JSON.stringify((await loadLearned(home)).estimator), JSON.stringify(other));
});

test('without a store the files stay where they are', async (t) => {
  const home = temporaryFolder(t);
  writeFileSync(join(home, 'speeds.json'), '{}');
  await (await loadLearned(home)).save({ use: async () => undefined }, NOW_MS);
  assert.equal(existsSync(join(home, 'speeds.json')), true);
});

test('a damaged row, a damaged database or none at all teaches nothing', async (t) => {
  const fresh = await loadLearned('/nowhere');
  const isFresh = async (home: string) => {
    const { estimator, memory } = await loadLearned(home);
    assert.equal(JSON.stringify(estimator), JSON.stringify(fresh.estimator));
    assert.equal(JSON.stringify(memory), JSON.stringify(fresh.memory));
  };
  const { home } = await running(t);
  const sqlite = new Database(databasePath(home));
  const write = sqlite.prepare('insert or replace into learned values (?, ?, 0)');
  for (const value of [
    '{"classes":',
    '[]',
    'null',
    '{"models":{"m":{"weights":["x"]}},"servers":7,"habits":[]}',
  ]) {
    write.run('tokens', value);
    write.run('speeds', value);
    await isFresh(home);
  }
  sqlite.close();
  const broken = temporaryFolder(t);
  writeFileSync(databasePath(broken), 'no database at all '.repeat(1000));
  await isFresh(broken);
});

test('of two daemons on one file the last one that writes is believed', async (t) => {
  const { home, recorder } = await running(t);
  const [one, two] = [await loadLearned(home), await loadLearned(home)];
  one.estimator.learn('qwen-test', TEXT, 1000);
  two.estimator.learn('qwen-test', TEXT, 2000);
  await one.save(recorder, NOW_MS);
  await two.save(recorder, NOW_MS + 1);
  assert.equal(JSON.stringify((await loadLearned(home)).estimator), JSON.stringify(two.estimator));
});
