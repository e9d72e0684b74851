// What may befall the file while the daemon runs.

import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, readdirSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { openDatabase } from '../../store/database.ts';
import { createRecorder, type Recorder } from '../../store/recorder.ts';
import { writeMany } from './many-requests.ts';
import { NOW_MS, openedStore, outcome, temporaryFolder } from './sample.ts';

function recorderAt(t: TestContext, path: string, daemonId = 'd-1'): Recorder {
  const recorder = createRecorder({
    open: (found) => openDatabase({ path, mode: 'write', nowMs: NOW_MS, isDamaged: found === 'damaged' }),
    daemon: { daemonId, pid: process.pid, startedAtMs: NOW_MS, version: '0.0.0' },
    clock: () => NOW_MS,
    flushAfterMs: 600_000,
    closeWithinMs: 100,
  });
  t.after(() => recorder.close());
  return recorder;
}

async function record(recorder: Recorder, id: string): Promise<void> {
  recorder.end(outcome(id));
  await recorder.flush();
}

function idsIn(path: string): readonly unknown[] {
  const sqlite = new Database(path, { readonly: true });
  try {
    return sqlite.prepare('select request_id from requests order by id').pluck().all();
  } finally {
    sqlite.close();
  }
}

test('a database that is removed while the daemon runs is begun anew, and nothing goes to the file that is gone', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const recorder = recorderAt(t, path);
  await record(recorder, 'before');
  rmSync(path);
  await record(recorder, 'after');
  assert.deepEqual(idsIn(path), ['after']);
  assert.deepEqual([recorder.health.written, recorder.health.dropped], [2, 0]);
  assert.equal(recorder.health.wasRemoved, true);
});

test('with its WAL and all, a database that is removed is begun anew', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'anyclaude.db');
  const recorder = recorderAt(t, path);
  await record(recorder, 'before');
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
  await record(recorder, 'after');
  assert.deepEqual(idsIn(path), ['after']);
});

test('of two daemons whose database is removed, one begins a fresh one and both write to it', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const [one, two] = [recorderAt(t, path, 'd-1'), recorderAt(t, path, 'd-2')];
  await record(one, 'one-before');
  await record(two, 'two-before');
  rmSync(path);
  await record(one, 'one-after');
  await record(two, 'two-after');
  await record(one, 'one-again');
  assert.deepEqual(idsIn(path), ['one-after', 'two-after', 'one-again']);
  await one.close();
  await two.close();
  assert.deepEqual(idsIn(path), ['one-after', 'two-after', 'one-again']);
});

test('a database that another one replaces is left alone, and the other one is written to', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'anyclaude.db');
  const recorder = recorderAt(t, path);
  await record(recorder, 'before');
  const restored = join(folder, 'restored.db');
  await (await openedStore(t, restored)).close();
  renameSync(restored, path);
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
  await record(recorder, 'after');
  assert.deepEqual(idsIn(path), ['after']);
});

test('a database that turns out to be damaged is moved aside with its WAL, and the record goes on', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'anyclaude.db');
  const store = await openedStore(t, path);
  await writeMany(store, { count: 400, fromMs: NOW_MS - 1000, untilMs: NOW_MS });
  await store.close();
  const recorder = recorderAt(t, path);
  await record(recorder, 'before');
  overwriteTables(path);
  for (let n = 0; n < 5 && recorder.health.movedAside === undefined; n += 1)
    await record(recorder, `after-${n}`);
  await recorder.flush();
  const { movedAside } = recorder.health;
  assert.ok(movedAside !== undefined && existsSync(movedAside), String(recorder.health.lastError));
  assert.equal(existsSync(`${movedAside}-wal`), true);
  assert.deepEqual(recorder.health.queued, 0);
  assert.equal(recorder.health.dropped, 0);
  assert.ok(idsIn(path).includes('after-0'));
});

/** All pages but the first one are overwritten, as a broken disk would do it. */
function overwriteTables(path: string): void {
  const other = new Database(path);
  other.pragma('wal_checkpoint(truncate)');
  const pages = Number(other.pragma('page_count', { simple: true }));
  const size = Number(other.pragma('page_size', { simple: true }));
  other.close();
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc((pages - 1) * size, 'damaged '), 0, undefined, size);
  closeSync(file);
}
