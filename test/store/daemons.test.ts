import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { processStart, registerDaemon } from '../../store/daemons.ts';
import { openDatabase, type StoreDatabase } from '../../store/database.ts';
import { statsReport } from '../../store/report.ts';
import { toRunning } from '../../store/row.ts';
import { writeRecords } from '../../store/write.ts';
import { freshStore, NOW_MS, openedStore, temporaryFolder } from './sample.ts';

const SELF = { daemonId: 'self', pid: process.pid, startedAtMs: NOW_MS, version: '0.0.0' };

type OtherDaemon = {
  readonly pid: number;
  readonly process_start?: string | null;
  readonly ended_ms?: number;
};

/** A daemon with one request in flight, as another process would have left it. */
async function leaveBehind(store: StoreDatabase, id: string, other: OtherDaemon): Promise<void> {
  const row = {
    daemon_id: id,
    version: '0.0.0',
    started_ms: NOW_MS,
    process_start: null,
    ended_ms: null,
    ...other,
  };
  await store.db.insertInto('daemons').values(row).execute();
  await leaveRequest(store, id);
}

async function leaveRequest(store: StoreDatabase, daemonId: string): Promise<void> {
  await writeRecords(store.db, [toRunning({ requestId: `of-${daemonId}`, startedAtMs: NOW_MS }, daemonId)]);
}

async function results(store: StoreDatabase): Promise<Record<string, string>> {
  const rows = await store.db.selectFrom('requests').select(['daemon_id', 'result']).execute();
  return Object.fromEntries(rows.map(({ daemon_id, result }) => [daemon_id, result]));
}

async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(child, 'exit');
  assert.ok(child.pid !== undefined);
  return child.pid;
}

test('what dead daemons left in flight is interrupted, what living ones and this one work on is not', async (t) => {
  const store = await freshStore(t);
  const start = (await processStart(process.pid)) ?? null;
  await leaveBehind(store, 'gone', { pid: await deadPid() });
  await leaveBehind(store, 'pid-taken-over', { pid: process.pid, process_start: 'another boot/1' });
  await leaveBehind(store, 'stopped', { pid: process.pid, process_start: start, ended_ms: NOW_MS });
  await leaveBehind(store, 'alive', { pid: process.pid, process_start: start });
  await leaveBehind(store, 'alive-start-unknown', { pid: process.pid });
  await leaveRequest(store, 'never-registered');
  await leaveRequest(store, 'self');
  await registerDaemon(store.db, SELF);
  assert.deepEqual(await results(store), {
    gone: 'interrupted',
    'pid-taken-over': 'interrupted',
    stopped: 'interrupted',
    'never-registered': 'interrupted',
    alive: 'running',
    'alive-start-unknown': 'running',
    self: 'running',
  });
});

test('a reader sees as interrupted what dead daemons left in flight, and changes nothing', async (t) => {
  const store = await freshStore(t);
  const start = (await processStart(process.pid)) ?? null;
  await leaveBehind(store, "gone, 'quoted'", { pid: await deadPid() });
  await leaveBehind(store, 'alive', { pid: process.pid, process_start: start });
  const before = await store.db.selectFrom('requests').selectAll().execute();
  const opened = await openDatabase({ path: store.path, mode: 'read', nowMs: NOW_MS });
  assert.ok(opened.state === 'open');
  t.after(() => opened.database.close());
  assert.deepEqual(await results(opened.database), { "gone, 'quoted'": 'interrupted', alive: 'running' });
  const seen = await opened.database.db.selectFrom('requests').selectAll().execute();
  assert.deepEqual(Object.keys(seen[0] ?? {}), Object.keys(before[0] ?? {}));
  const { totals } = await statsReport(opened.database.db, { sinceMs: 0, untilMs: NOW_MS }, 'route');
  assert.deepEqual([totals.requests, totals.interrupted, totals.running], [2, 1, 1]);
  assert.deepEqual(await store.db.selectFrom('requests').selectAll().execute(), before);
});

test('a process that runs has one start, and a process that does not has none', async () => {
  const own = await processStart(process.pid);
  assert.ok(own !== undefined && own.length > 0);
  assert.equal(await processStart(process.pid), own);
  assert.notEqual(await processStart(process.ppid), own);
  assert.equal(await processStart(await deadPid()), undefined);
});

test('kill -9 loses no committed record, and the next start says what was cut off', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const acknowledged = await writeUntilKilled(t, path);
  const store = await openedStore(t, path);
  await registerDaemon(store.db, SELF);
  const rows = await store.db.selectFrom('requests').select(['request_id', 'result']).execute();
  const stored = new Map(rows.map(({ request_id, result }) => [request_id, result]));
  assert.ok(acknowledged.length >= 20);
  for (const id of acknowledged) assert.equal(stored.get(id), 'completed', id);
  assert.equal(stored.get('in-flight'), 'interrupted');
  assert.equal(rows.length, new Set(rows.map((row) => row.request_id)).size);
});

/** Runs a writer of its own process, kills it in mid-write and gives the ids that it had reported as written. */
async function writeUntilKilled(t: TestContext, path: string): Promise<readonly string[]> {
  const writer = spawn(process.execPath, [fileURLToPath(import.meta.resolve('./writer.ts')), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => writer.kill('SIGKILL'));
  let printed = '';
  writer.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
    if (printed.split('\n').length > 20) writer.kill('SIGKILL');
  });
  await once(writer, 'close');
  return printed.split('\n').slice(0, -1);
}
