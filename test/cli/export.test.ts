import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { type ExportOptions, runExport } from '../../cli/export.ts';
import type { StoreDatabase } from '../../store/database.ts';
import { toEnded } from '../../store/row.ts';
import { keepUp } from '../../store/upkeep.ts';
import { writeRecords } from '../../store/write.ts';
import { writeMany } from '../store/many-requests.ts';
import { NOW_MS, openedStore, outcome, temporaryFolder } from '../store/sample.ts';
import { ended, newPlace } from './anyclaude.ts';
import { assertDocumented } from './documented.ts';

const MAIN = join(import.meta.dirname, '../../cli/main.ts');
const HOUR_MS = 3_600_000;

/** Takes a chunk at a time, slowly, and counts how many were written before it asked for more. */
class SlowReader extends Writable {
  text = '';
  #waiting = 0;
  mostWaiting = 0;

  constructor() {
    super({ highWaterMark: 1, decodeStrings: false });
  }

  override write(...args: unknown[]): boolean {
    this.#waiting += 1;
    this.mostWaiting = Math.max(this.mostWaiting, this.#waiting);
    return Reflect.apply(super.write, this, args);
  }

  override _write(chunk: string, _encoding: BufferEncoding, done: () => void): void {
    setImmediate(() => {
      this.text += chunk;
      this.#waiting -= 1;
      done();
    });
  }
}

async function exported(databasePath: string, options: ExportOptions) {
  const stdout = new SlowReader();
  const notes: string[] = [];
  const stderr = { write: (text: string) => notes.push(text) };
  const exitCode = await runExport(options, { stdout, stderr, nowMs: NOW_MS, databasePath });
  await new Promise<void>((resolve) => stdout.end(resolve));
  return { exitCode, text: stdout.text, stderr: notes.join(''), mostWaiting: stdout.mostWaiting };
}

async function filled(t: TestContext, count: number): Promise<{ path: string; store: StoreDatabase }> {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const store = await openedStore(t, path);
  await writeMany(store, { count, fromMs: NOW_MS - 20 * HOUR_MS, untilMs: NOW_MS });
  return { path, store };
}

test('every request of the period comes once, in the order they started, whatever the pages', async (t) => {
  const { path, store } = await filled(t, 1300);
  const same = Array.from({ length: 600 }, (_, n) =>
    toEnded(outcome(`same-${n}`, { startedAtMs: NOW_MS - HOUR_MS }), 'd-1'),
  );
  await writeRecords(store.db, same.slice(0, 300));
  await writeRecords(store.db, same.slice(300));
  const { exitCode, text, stderr } = await exported(path, { since: '10h', until: '30m' });
  assert.deepEqual([exitCode, stderr], [0, '']);
  const rows = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const expected = await store.db
    .selectFrom('requests')
    .select('request_id')
    .where('started_ms', '>=', NOW_MS - 10 * HOUR_MS)
    .where('started_ms', '<=', NOW_MS - HOUR_MS / 2)
    .orderBy('started_ms')
    .orderBy('id')
    .execute();
  assert.ok(expected.length > 1000);
  assert.deepEqual(
    rows.map(({ request_id }) => request_id),
    expected.map(({ request_id }) => request_id),
  );
});

test('no page is read before the last one was taken', async (t) => {
  const { path } = await filled(t, 1300);
  const { mostWaiting, text } = await exported(path, {});
  assert.equal(text.trimEnd().split('\n').length, 1300);
  assert.equal(mostWaiting, 1);
});

test('a line of JSON has every column, what is JSON as such, and the attempts that failed', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const store = await openedStore(t, path);
  const attempts = [
    { backend: 'lmstudio', fault: 'connect', phase: 'queued', message: 'nothing listens', durationMs: 3 },
  ] as const;
  await writeRecords(store.db, [toEnded(outcome('a', { attempts }), 'd-1'), toEnded(outcome('b'), 'd-1')]);
  const rows = (await exported(path, {})).text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const { schema, failed_attempts, ...columns } = rows[0];
  assert.equal(schema, 1);
  assert.deepEqual(Object.keys(columns), EXPORT_KEYS);
  assertDocumented('export', rows[0]);
  const stored = await store.db.selectFrom('requests').selectAll().executeTakeFirstOrThrow();
  assert.deepEqual(Object.keys(stored), EXPORT_KEYS, 'a new column: export it, at the end, and document it');
  assert.deepEqual(Object.keys(failed_attempts[0]), [
    ...['request_id', 'n', 'backend', 'fault', 'phase', 'message', 'duration_ms'],
  ]);
  assert.deepEqual(columns.passed_over, [
    { backend: 'lmstudio', why: 'not-preferred', detail: 'takes edits' },
  ]);
  assert.equal(columns.alternatives, null);
  assert.deepEqual(
    failed_attempts.map(({ backend, fault }: { backend: string; fault: string }) => [backend, fault]),
    [['lmstudio', 'connect']],
  );
  assert.deepEqual(rows[1].failed_attempts, []);
});

test('CSV has a heading, quotes what needs it, and leaves empty what is unknown', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const store = await openedStore(t, path);
  const told = outcome('a', { message: 'said "no",\nthen nothing', cache: { evidence: 'none' } });
  await writeRecords(store.db, [toEnded(told, 'd-1')]);
  const { text } = await exported(path, { format: 'csv' });
  const [titles = '', ...rest] = text.split('\r\n');
  assert.deepEqual(titles.split(','), EXPORT_KEYS);
  assert.match(rest.join('\r\n'), /,"said ""no"",\nthen nothing",/);
  const cells = new Map(titles.split(',').map((title, at) => [title, rest[0]?.split(',')[at]]));
  assert.equal(cells.get('request_id'), 'a');
  assert.equal((await exported(path, { format: 'csv', since: '2h', until: '1h' })).text, `${titles}\r\n`);
});

test('without a database CSV has the heading that it has with one', async (t) => {
  const { path } = await filled(t, 1);
  const none = join(temporaryFolder(t), 'anyclaude.db');
  const missing = await exported(none, { format: 'csv' });
  assert.equal(missing.exitCode, 0);
  assert.match(missing.stderr, /Nothing has been recorded yet/);
  assert.equal(missing.text, `${(await exported(path, { format: 'csv' })).text.split('\r\n')[0]}\r\n`);
  assert.equal(existsSync(none), false);
});

test('a measure has no more digits than were measured', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const store = await openedStore(t, path);
  await writeRecords(store.db, [toEnded(outcome('a', { overheadMs: 6.568656000000146 }), 'd-1')]);
  assert.equal(JSON.parse((await exported(path, {})).text).overhead_ms, 6.569);
});

test('a disk that is full is told in a sentence, without a stack', {
  skip: existsSync('/dev/full') ? false : 'there is no /dev/full here',
}, async (t) => {
  const place = newPlace();
  t.after(() => place.remove());
  for (const args of [['stats'], ['export', '--format', 'csv']]) {
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [MAIN, ...args], {
      env: place.env,
      stdio: ['ignore', full, 'pipe'],
    });
    closeSync(full);
    const { code, stderr } = await ended(child);
    assert.equal(code, 1);
    assert.match(stderr, /^anyclaude: the output could not be written: .*no space left on device/m);
    assert.doesNotMatch(stderr, /^ +at /m);
  }
});

test('where rows were pruned, a note says where their sums are', async (t) => {
  const { path, store } = await filled(t, 50);
  await keepUp(store.db, { nowMs: NOW_MS + 24 * HOUR_MS, retention: { requestDays: 1, rollupDays: 730 } });
  const { exitCode, stderr } = await exported(path, { since: '7d' });
  assert.equal(exitCode, 0);
  assert.match(stderr, /kept as hourly sums alone/);
});

test('a wrong format or period is a usage error; without a database there is nothing and no new file', async (t) => {
  const { path } = await filled(t, 1);
  const wrong = await exported(path, { format: 'xml' });
  assert.deepEqual([wrong.exitCode, wrong.text], [2, '']);
  assert.match(wrong.stderr, /--format takes jsonl or csv, not "xml"/);
  assert.match((await exported(path, { since: 'soon' })).stderr, /--since takes a span/);
  const none = join(temporaryFolder(t), 'anyclaude.db');
  const missing = await exported(none, {});
  assert.deepEqual([missing.exitCode, missing.text, existsSync(none)], [0, '', false]);
  writeFileSync(none, 'no database at all '.repeat(1000));
  const damaged = await exported(none, {});
  assert.equal(damaged.exitCode, 1);
  assert.match(damaged.stderr, /damaged/);
});

/** Frozen: one goes or changes its meaning only with a new `schema`. */
const EXPORT_KEYS = `
  id request_id daemon_id started_ms ended_ms result kind task task_probability classify_reason
  decision_reason decision_detail passed_over backend model requested_model stream session_id agent_id
  turn_id project client_version phase fault refusal http_status stop_reason prompt_tokens cached_tokens
  written_tokens output_tokens cache_evidence cache_result queue_ms overhead_ms ttft_ms duration_ms
  attempts tool_calls invalid_tool_calls bytes_in bytes_out message predicted_ttft_ms first_token_ms
  predicted alternatives shadow signals break_cause break_segment break_detail break_tokens break_seconds
  break_seconds_basis saved_seconds saved_low_seconds saved_high_seconds saved_basis saved_cold_samples
  server_version cold_load
`
  .trim()
  .split(/\s+/);
