import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { sql } from 'kysely';
import { type DbIo, dbBackup, dbCheck, dbPath, dbVacuum } from '../../cli/db.ts';
import { MIGRATIONS } from '../../migrations/index.ts';
import { openDatabase } from '../../store/database.ts';
import { writeMany } from '../store/many-requests.ts';
import { NOW_MS, openedStore, temporaryFolder } from '../store/sample.ts';
import { anyclaude, newPlace } from './anyclaude.ts';

async function filled(t: TestContext) {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const store = await openedStore(t, path);
  await writeMany(store, { count: 300, fromMs: NOW_MS - 1000, untilMs: NOW_MS });
  return { path, store };
}

async function said(databasePath: string, run: (io: DbIo) => Promise<number> | number) {
  const out: string[] = [];
  const err: string[] = [];
  const stdout = { write: (text: string) => out.push(text) };
  const stderr = { write: (text: string) => err.push(text) };
  const exitCode = await run({ stdout, stderr, nowMs: NOW_MS, databasePath });
  return { exitCode, stdout: out.join(''), stderr: err.join('') };
}

const requestsIn = (path: string) => {
  const sqlite = new Database(path, { readonly: true });
  try {
    return sqlite.prepare('select count(*) from requests').pluck().get();
  } finally {
    sqlite.close();
  }
};

test('db path says where the database is, be it there or not', async () => {
  assert.deepEqual(await said('/nowhere/anyclaude.db', dbPath), {
    exitCode: 0,
    stdout: '/nowhere/anyclaude.db\n',
    stderr: '',
  });
});

test('a backup of a database in use has all that was committed, WAL and all, for its owner alone', async (t) => {
  const { path, store } = await filled(t);
  assert.ok(statSync(`${path}-wal`).size > 0);
  const { exitCode, stdout } = await said(path, (io) => dbBackup(undefined, io));
  const copy = stdout.trimEnd();
  assert.equal(exitCode, 0);
  assert.equal(copy, `${path}.backup-2026-03-04T12-00-00`);
  assert.equal((statSync(copy).mode & 0o777).toString(8), '600');
  assert.equal(requestsIn(copy), 300);
  await writeMany(store, { count: 10, fromMs: NOW_MS, untilMs: NOW_MS + 1, prefix: 'later' });
  assert.equal(requestsIn(path), 310, 'the daemon writes on');
  assert.equal(requestsIn(copy), 300);
});

test('a backup goes where it is told, and never over a file that exists', async (t) => {
  const { path } = await filled(t);
  const target = join(temporaryFolder(t), 'copy.db');
  assert.equal((await said(path, (io) => dbBackup(target, io))).stdout, `${target}\n`);
  writeFileSync(target, 'mine');
  const again = await said(path, (io) => dbBackup(target, io));
  assert.equal(again.exitCode, 1);
  assert.match(again.stderr, /exists already and is not overwritten/);
  assert.equal(readFileSync(target, 'utf8'), 'mine');
  const nowhere = await said(path, (io) => dbBackup('/nowhere/at/all.db', io));
  assert.equal(nowhere.exitCode, 1);
  assert.match(nowhere.stderr, /no such file or directory/i);
});

test('vacuum gives room back, and the daemon that has the file open goes on', async (t) => {
  const { path, store } = await filled(t);
  await store.db.deleteFrom('requests').execute();
  await sql`pragma wal_checkpoint(truncate)`.execute(store.db);
  const before = statSync(path).size;
  const { exitCode, stdout } = await said(path, dbVacuum);
  assert.equal(exitCode, 0);
  assert.match(stdout, /^\d+\.\d MB before, \d+\.\d MB after\.\n$/);
  assert.ok(statSync(path).size < before);
  await writeMany(store, { count: 5, fromMs: NOW_MS, untilMs: NOW_MS + 1, prefix: 'later' });
  assert.equal(requestsIn(path), 5);
});

test('check reads all of a sound database and names its schema', async (t) => {
  const { path } = await filled(t);
  const { exitCode, stdout, stderr } = await said(path, dbCheck);
  assert.deepEqual([exitCode, stderr], [0, '']);
  const newest = Object.keys(MIGRATIONS).at(-1);
  assert.match(stdout, new RegExp(`schema +${newest} \\(current\\)`));
  assert.match(stdout, /, 300 requests\n/);
  assert.match(stdout, /integrity ok/);
});

test('check finds a page that is damaged and fails', async (t) => {
  const { path, store } = await filled(t);
  await store.close();
  const bytes = readFileSync(path);
  bytes.fill('damaged ', 4096 * 20, 4096 * 24);
  writeFileSync(path, bytes);
  const { exitCode, stdout, stderr } = await said(path, dbCheck);
  assert.equal(exitCode, 1);
  assert.match(stdout + stderr, /damaged/);
});

test('a database of a newer anyclaude is told, and never written by vacuum', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const migrations = { ...MIGRATIONS, '9999-later': { up: async () => {} } };
  const future = await openDatabase({ path, mode: 'write', nowMs: NOW_MS, migrations });
  assert.ok(future.state === 'open');
  await future.database.close();
  const before = readFileSync(path);
  const check = await said(path, dbCheck);
  assert.equal(check.exitCode, 1);
  assert.match(check.stdout, /9999-later \(newer than this anyclaude/);
  const vacuum = await said(path, dbVacuum);
  assert.equal(vacuum.exitCode, 1);
  assert.match(vacuum.stderr, /newer anyclaude and is left as it is/);
  assert.deepEqual(readFileSync(path), before);
});

/** The files of a daemon that was killed: what it committed last stands in the WAL alone. */
function killed(t: TestContext, path: string): string {
  const copy = join(temporaryFolder(t), 'anyclaude.db');
  for (const suffix of ['', '-wal']) copyFileSync(path + suffix, copy + suffix);
  assert.ok(statSync(`${copy}-wal`).size > 0);
  return copy;
}

const bytesOf = (path: string) =>
  ['', '-wal'].map((suffix) => readFileSync(path + suffix).toString('base64'));

function overwrite(path: string, from: number, to: number): void {
  const bytes = readFileSync(path);
  bytes.fill('damaged ', from, to);
  writeFileSync(path, bytes);
}

test('vacuum leaves a damaged database as it is, with the WAL that may hold what it has lost', async (t) => {
  const { path, store } = await filled(t);
  await sql`pragma wal_checkpoint(truncate)`.execute(store.db);
  await writeMany(store, { count: 10, fromMs: NOW_MS, untilMs: NOW_MS + 1, prefix: 'later' });
  const copy = killed(t, path);
  for (const [from, to] of [
    [4096 * 20, 4096 * 24],
    [0, 4096],
  ] as const) {
    overwrite(copy, from, to);
    if (from === 0) writeFileSync(`${copy}-wal`, 'of another database '.repeat(800));
    const before = bytesOf(copy);
    const { exitCode, stderr } = await said(copy, dbVacuum);
    assert.equal(exitCode, 1);
    assert.match(stderr, /is damaged \(.*moves it aside/);
    assert.deepEqual(bytesOf(copy), before);
  }
});

test('vacuum leaves a newer database as it is, with its WAL', async (t) => {
  const { path, store } = await filled(t);
  await sql`insert into kysely_migration (name, timestamp) values ('9999-later', '')`.execute(store.db);
  const copy = killed(t, path);
  const before = bytesOf(copy);
  const { exitCode, stderr } = await said(copy, dbVacuum);
  assert.equal(exitCode, 1);
  assert.match(stderr, /newer anyclaude and is left as it is/);
  assert.deepEqual(bytesOf(copy), before);
});

test('without a database, or with something else in its place, one sentence says so', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  for (const run of [dbCheck, dbVacuum, (io: DbIo) => dbBackup(undefined, io)]) {
    const { exitCode, stderr } = await said(path, run);
    assert.equal(exitCode, 1);
    assert.match(stderr, /Nothing has been recorded yet/);
    assert.equal(existsSync(path), false);
  }
  writeFileSync(path, '');
  for (const run of [dbCheck, dbVacuum, (io: DbIo) => dbBackup(undefined, io)]) {
    const { exitCode, stderr } = await said(path, run);
    assert.equal(exitCode, 1);
    assert.match(stderr, /Nothing has been recorded yet: the database at .* is empty/);
  }
  writeFileSync(path, 'no database at all '.repeat(1000));
  for (const run of [dbCheck, dbVacuum, (io: DbIo) => dbBackup(undefined, io)]) {
    const { exitCode, stderr } = await said(path, run);
    assert.equal(exitCode, 1);
    assert.match(stderr, /is damaged \(file is not a database\)/);
  }
});

test('the commands are in the command line', async (t) => {
  const place = newPlace();
  t.after(() => place.remove());
  const path = join(place.home, 'anyclaude.db');
  assert.equal((await anyclaude(place, 'db', 'path')).stdout, `${path}\n`);
  await (await openedStore(t, path)).close();
  const run = async (...args: readonly string[]) => (await anyclaude(place, ...args)).code;
  assert.equal(await run('db', 'check'), 0);
  assert.equal(await run('db', 'backup', join(place.home, 'copy.db')), 0);
  assert.equal(await run('db', 'vacuum'), 0);
  assert.equal(await run('export', '--since', '7d', '--format', 'csv'), 0);
  assert.equal(await run('stats', '--since', '7d', '--until', 'today', '--by', 'reason', '--csv'), 0);
  assert.equal(await run('stats', '--watch'), 2);
});
