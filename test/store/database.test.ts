import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { sql } from 'kysely';
import { MIGRATIONS } from '../../migrations/index.ts';
import { openDatabase } from '../../store/database.ts';
import { statsReport } from '../../store/report.ts';
import { toEnded } from '../../store/row.ts';
import { isSafeSqlite } from '../../store/sqlite-version.ts';
import { writeRecords } from '../../store/write.ts';
import { NOW_MS, openedStore, outcome, temporaryFolder } from './sample.ts';

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

async function withRows(path: string, rows: number): Promise<void> {
  const opened = await openDatabase({ path, mode: 'write', nowMs: NOW_MS });
  assert.ok(opened.state === 'open');
  const records = Array.from({ length: rows }, (_, n) => toEnded(outcome(`r-${n}`), 'd-1'));
  await writeRecords(opened.database.db, records);
  await opened.database.close();
}

test('the folder, the database, its WAL and its shared memory belong to their owner alone, whatever the umask', async (t) => {
  const folder = join(temporaryFolder(t), 'state');
  const before = process.umask(0);
  t.after(() => process.umask(before));
  await openedStore(t, join(folder, 'anyclaude.db'));
  assert.equal(mode(folder), '700');
  const files = readdirSync(folder);
  assert.deepEqual(files.sort(), ['anyclaude.db', 'anyclaude.db-shm', 'anyclaude.db-wal']);
  for (const file of files) assert.equal(mode(join(folder, file)), '600', file);
});

test('a database that was left open to others is closed to them', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  await withRows(path, 1);
  chmodSync(path, 0o644);
  await openedStore(t, path);
  assert.equal(mode(path), '600');
});

test('commits are synced, waits are short and freed pages can be given back', async (t) => {
  const { db } = await openedStore(t, join(temporaryFolder(t), 'anyclaude.db'));
  const pragma = async (name: string) =>
    Object.values((await sql.raw<object>(`pragma ${name}`).execute(db)).rows[0] ?? {})[0];
  assert.equal(await pragma('journal_mode'), 'wal');
  assert.equal(await pragma('synchronous'), 2);
  assert.equal(await pragma('busy_timeout'), 5);
  assert.equal(await pragma('foreign_keys'), 1);
  assert.equal(await pragma('auto_vacuum'), 2);
});

test('the SQLite in use is one that cannot lose a WAL', () => {
  const memory = new Database(':memory:');
  assert.equal(isSafeSqlite(String(memory.prepare('select sqlite_version()').pluck().get())), true);
  memory.close();
  assert.deepEqual(['3.51.2', '3.9.99', '3.51.3', '3.60.0', '4.0.0'].map(isSafeSqlite), [
    false,
    false,
    true,
    true,
    true,
  ]);
});

test('garbage is moved aside and a fresh database takes its place', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  writeFileSync(path, Buffer.alloc(20_000, 'no database at all '));
  writeFileSync(`${path}-wal`, 'an old WAL');
  const opened = await openDatabase({ path, mode: 'write', nowMs: NOW_MS });
  assert.ok(opened.state === 'open');
  t.after(() => opened.database.close());
  const aside = `${path}.corrupt-2026-03-04T12-00-00.000Z`;
  assert.equal(opened.movedAside, aside);
  assert.match(readFileSync(aside, 'utf8'), /^no database at all/);
  assert.equal(readFileSync(`${aside}-wal`, 'utf8'), 'an old WAL');
  assert.equal(
    (await statsReport(opened.database.db, { sinceMs: 0, untilMs: NOW_MS }, 'route')).totals.requests,
    0,
  );
});

test('a truncated database and one with a page of rubbish are moved aside', async (t) => {
  const damages: readonly ((path: string) => void)[] = [
    (path) => truncateSync(path, Math.floor(statSync(path).size / 2)),
    (path) => {
      const bytes = readFileSync(path);
      bytes.fill(0xff, 4096 * 10, 4096 * 12);
      writeFileSync(path, bytes);
    },
  ];
  for (const damage of damages) {
    const path = join(temporaryFolder(t), 'anyclaude.db');
    await withRows(path, 500);
    damage(path);
    const opened = await openDatabase({ path, mode: 'write', nowMs: NOW_MS });
    assert.ok(opened.state === 'open');
    assert.ok(opened.movedAside !== undefined && existsSync(opened.movedAside));
    await opened.database.close();
  }
});

test('a sound database, and an empty file, are not moved aside', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  writeFileSync(path, '');
  for (let start = 0; start < 2; start += 1) {
    const opened = await openDatabase({ path, mode: 'write', nowMs: NOW_MS });
    assert.ok(opened.state === 'open');
    assert.equal(opened.movedAside, undefined);
    await opened.database.close();
  }
});

test('a database in the moment before its first table is one that nothing was recorded in', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const begun = new Database(path);
  begun.pragma('journal_mode = WAL');
  const opened = await openDatabase({ path, mode: 'read', nowMs: NOW_MS });
  assert.ok(opened.state === 'unusable');
  assert.equal(opened.why, 'missing');
  begun.close();
});

test('a newer schema is neither written nor read, and stays as it is to the byte', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const migrations = { ...MIGRATIONS, '9999-future': { up: async () => {} } };
  const future = await openDatabase({ path, mode: 'write', nowMs: NOW_MS, migrations });
  assert.ok(future.state === 'open');
  await future.database.close();
  const before = readFileSync(path);
  for (const how of ['write', 'read'] as const) {
    const opened = await openDatabase({ path, mode: how, nowMs: NOW_MS });
    assert.ok(opened.state === 'unusable');
    assert.equal(opened.why, 'newer');
    assert.match(opened.message, /newer anyclaude/);
  }
  assert.deepEqual(readFileSync(path), before);
});

/** The files of a daemon that was killed: what it committed last stands in the WAL alone. */
const copyOf = (t: TestContext, path: string) => {
  const copy = join(temporaryFolder(t), 'anyclaude.db');
  for (const suffix of ['', '-wal']) copyFileSync(path + suffix, copy + suffix);
  return copy;
};
const bytesOf = (path: string) => ['', '-wal'].map((suffix) => readFileSync(path + suffix).toString('hex'));

test('a database of a newer program that was killed keeps its WAL where it is', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const { db } = await openedStore(t, path);
  await sql`insert into kysely_migration (name, timestamp) values ('9999-later', '')`.execute(db);
  const copy = copyOf(t, path);
  const before = bytesOf(copy);
  const opened = await openDatabase({ path: copy, mode: 'write', nowMs: NOW_MS });
  assert.ok(opened.state === 'unusable' && opened.why === 'newer');
  assert.deepEqual(bytesOf(copy), before);
});

test('a damaged database is moved aside with its WAL, both as they were', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const { db } = await openedStore(t, path);
  await sql`pragma wal_checkpoint(truncate)`.execute(db);
  await writeRecords(db, [toEnded(outcome('in the WAL'), 'd-1')]);
  const copy = copyOf(t, path);
  const bytes = readFileSync(copy);
  bytes.fill(0xff, 4096 * 4, 4096 * 12);
  writeFileSync(copy, bytes);
  const before = bytesOf(copy);
  const opened = await openDatabase({ path: copy, mode: 'write', nowMs: NOW_MS });
  assert.ok(opened.state === 'open' && opened.movedAside !== undefined);
  await opened.database.close();
  assert.deepEqual(bytesOf(opened.movedAside), before);
});

test('reading needs no daemon and creates no database', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const missing = await openDatabase({ path, mode: 'read', nowMs: NOW_MS });
  assert.equal(missing.state === 'unusable' && missing.why, 'missing');
  assert.equal(existsSync(path), false);
  await withRows(path, 3);
  const opened = await openDatabase({ path, mode: 'read', nowMs: NOW_MS });
  assert.ok(opened.state === 'open');
  t.after(() => opened.database.close());
  assert.equal(
    (await statsReport(opened.database.db, { sinceMs: 0, untilMs: NOW_MS }, 'route')).totals.requests,
    3,
  );
  await assert.rejects(opened.database.db.deleteFrom('requests').execute(), /readonly/);
});

test('a database of an older program is not read before the daemon has brought it up to date', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  await withRows(path, 1);
  const migrations = { ...MIGRATIONS, '0002-later': { up: async () => {} } };
  const opened = await openDatabase({ path, mode: 'read', nowMs: NOW_MS, migrations });
  assert.equal(opened.state === 'unusable' && opened.why, 'older');
});

test('what cannot be opened is told in a sentence, not thrown', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  mkdirSync(path);
  for (const how of ['write', 'read'] as const) {
    const opened = await openDatabase({ path, mode: how, nowMs: NOW_MS });
    assert.ok(opened.state === 'unusable');
    assert.ok(opened.message.includes(path), opened.message);
  }
});

test('a file locked while it has to be created is busy, not damaged', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const other = new Database(path);
  t.after(() => other.close());
  other.exec('begin exclusive');
  const opened = await openDatabase({ path, mode: 'write', nowMs: NOW_MS });
  assert.equal(opened.state === 'unusable' && opened.why, 'busy');
  assert.equal(existsSync(path), true);
});
