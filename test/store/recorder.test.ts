import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { sql } from 'kysely';
import type { CacheBreak } from '../../router/outcome.ts';
import type { Saved } from '../../router/savings.ts';
import type { Warmup } from '../../router/warmup.ts';
import { openDatabase, type StoreDatabase } from '../../store/database.ts';
import { createRecorder, type Recorder, type RecorderOptions } from '../../store/recorder.ts';
import { freshStore, NOW_MS, openedStore, outcome, temporaryFolder } from './sample.ts';

const DAEMON = { daemonId: 'd-1', pid: process.pid, startedAtMs: NOW_MS, version: '0.0.0' };
/** Long enough that only the test itself flushes. */
const NEVER_MS = 600_000;

function recorderOn(t: TestContext, store: StoreDatabase, changes: Partial<RecorderOptions> = {}): Recorder {
  const recorder = createRecorder({
    open: async () => ({ state: 'open', database: store }),
    daemon: DAEMON,
    clock: () => NOW_MS,
    flushAfterMs: NEVER_MS,
    closeWithinMs: 100,
    ...changes,
  });
  t.after(() => recorder.close());
  return recorder;
}

const rowsOf = (store: StoreDatabase) => store.db.selectFrom('requests').selectAll().orderBy('id').execute();

function counts({ health }: Recorder) {
  return { queued: health.queued, written: health.written, dropped: health.dropped };
}

test('an outcome becomes one row that holds all of it', async (t) => {
  const store = await freshStore(t);
  const recorder = recorderOn(t, store);
  const attempts = [
    { backend: 'lmstudio', fault: 'connect', phase: 'queued', message: 'nothing listens', durationMs: 3 },
    { backend: 'spare', fault: 'loading', phase: 'before-first-token', message: 'loads', durationMs: 4 },
  ] as const;
  const { decision: made } = outcome('r-0');
  assert.ok(made);
  const parts = { queue: 0, load: 0, prefill: 0.25, decode: 1, quality: 0, preference: 0, future: 0 };
  const predicted = {
    ...{ backend: 'mlx-lm', seconds: 1.25, parts },
    ...{ ttftSeconds: 0.5, sigma: 0.12345, matchedTokens: 900, warm: 0.9 },
  };
  const shadow = { backend: 'lmstudio', reason: 'cheaper', detail: 'warm' } as const;
  const decision = { ...made, predicted, alternatives: [], shadow };
  const signals = [{ name: 'context: just edited', value: -0.5 }];
  const cacheBreak: CacheBreak = {
    ...{ cause: 'tools-added', segment: 'tools', detail: 'tool list: +1 tool X', lostTokens: 700 },
    ...{ lostSeconds: 1.2, lostSecondsBasis: 'measured' },
  };
  const saved: Saved = {
    ...{ seconds: 1.5, lowSeconds: 1.1, highSeconds: 1.9 },
    ...{ basis: 'measured', coldSamples: 7 },
  };
  const server = { serverVersion: '0.32.2', coldLoad: false };
  recorder.end(
    outcome('r-1', { attempts, decision, signals, firstTokenMs: 480, cacheBreak, saved, ...server }),
  );
  await recorder.flush();
  const [row] = await rowsOf(store);
  assert.deepEqual(row, {
    id: 1,
    request_id: 'r-1',
    daemon_id: 'd-1',
    started_ms: NOW_MS,
    ended_ms: NOW_MS + 2500,
    result: 'completed',
    kind: 'main',
    task: 'analysis',
    task_probability: 0.9,
    classify_reason: 'question-words',
    decision_reason: 'task',
    decision_detail: 'analysis goes to mlx-lm',
    passed_over: '[{"backend":"lmstudio","why":"not-preferred","detail":"takes edits"}]',
    backend: 'mlx-lm',
    model: 'qwen-test',
    requested_model: 'claude-anyclaude',
    stream: 1,
    session_id: 'session-1',
    agent_id: 'agent-1',
    turn_id: 'turn-1',
    project: 'sample',
    client_version: '2.1.330',
    phase: null,
    fault: null,
    refusal: null,
    http_status: 200,
    stop_reason: 'end_turn',
    prompt_tokens: 1000,
    cached_tokens: 900,
    written_tokens: 100,
    output_tokens: 100,
    cache_evidence: 'reported',
    cache_result: 'hit',
    queue_ms: 1.5,
    overhead_ms: 0.75,
    ttft_ms: 500,
    duration_ms: 2500,
    attempts: 2,
    tool_calls: 0,
    invalid_tool_calls: 0,
    bytes_in: 80_000,
    bytes_out: 4_000,
    predicted_ttft_ms: 500,
    first_token_ms: 480,
    predicted: JSON.stringify({ ...predicted, sigma: 0.123 }),
    alternatives: null,
    shadow: '{"backend":"lmstudio","reason":"cheaper","detail":"warm"}',
    signals: '[{"name":"context: just edited","value":-0.5}]',
    break_cause: 'tools-added',
    break_segment: 'tools',
    break_detail: 'tool list: +1 tool X',
    break_tokens: 700,
    break_seconds: 1.2,
    break_seconds_basis: 'measured',
    saved_seconds: 1.5,
    saved_low_seconds: 1.1,
    saved_high_seconds: 1.9,
    saved_basis: 'measured',
    saved_cold_samples: 7,
    server_version: '0.32.2',
    cold_load: 0,
    message: null,
  });
  const tried = await store.db.selectFrom('attempts').selectAll().orderBy('n').execute();
  assert.deepEqual(
    tried.map(({ n, backend, fault }) => [n, backend, fault]),
    [
      [1, 'lmstudio', 'connect'],
      [2, 'spare', 'loading'],
    ],
  );
});

test('what nobody told is NULL, not 0', async (t) => {
  const store = await freshStore(t);
  const recorder = recorderOn(t, store);
  const {
    outputTokens: _o,
    ttftMs: _t,
    sessionId: _s,
    ...rest
  } = outcome('r-1', { cache: { evidence: 'none' } });
  recorder.end(rest);
  await recorder.flush();
  const [row] = await rowsOf(store);
  for (const column of [
    'output_tokens',
    'ttft_ms',
    'session_id',
    'prompt_tokens',
    'cached_tokens',
  ] as const) {
    assert.equal(row?.[column], null, column);
  }
  assert.equal(row?.cache_result, 'unknown');
});

test('a cache report that cannot be true costs its figures, not the record', async (t) => {
  const store = await freshStore(t);
  const recorder = recorderOn(t, store);
  recorder.end(outcome('more', { cache: { evidence: 'reported', promptTokens: 10, cachedTokens: 11 } }));
  recorder.end(
    outcome('nan', {
      durationMs: Number.NaN,
      cache: { evidence: 'reported', promptTokens: Number.NaN, cachedTokens: 1 },
    }),
  );
  recorder.end(
    outcome('written', {
      cache: { evidence: 'reported', promptTokens: 10, cachedTokens: 5, writtenTokens: 6 },
    }),
  );
  await recorder.flush();
  assert.deepEqual(counts(recorder), { queued: 0, written: 3, dropped: 0 });
  assert.deepEqual(
    (await rowsOf(store)).map((row) => [
      row.prompt_tokens,
      row.cached_tokens,
      row.written_tokens,
      row.cache_evidence,
    ]),
    [
      [10, null, null, 'none'],
      [null, null, null, 'none'],
      [10, 5, null, 'reported'],
    ],
  );
});

test('a request that has begun is a running row, and its end completes that row', async (t) => {
  const store = await freshStore(t);
  const recorder = recorderOn(t, store);
  recorder.begin({ requestId: 'r-1', startedAtMs: NOW_MS, kind: 'main', sessionId: 'session-1' });
  await recorder.flush();
  assert.deepEqual(
    (await rowsOf(store)).map(({ id, result, ended_ms }) => [id, result, ended_ms]),
    [[1, 'running', null]],
  );
  assert.deepEqual(counts(recorder), { queued: 0, written: 0, dropped: 0 });
  recorder.end(outcome('r-1', { ending: { result: 'failed', phase: 'mid-stream', fault: 'reset' } }));
  await recorder.flush();
  assert.deepEqual(
    (await rowsOf(store)).map(({ id, result, fault, phase }) => [id, result, fault, phase]),
    [[1, 'failed', 'reset', 'mid-stream']],
  );
});

test('a short request is written once: its end takes the place of its beginning in the queue', async (t) => {
  const store = await freshStore(t);
  await sql`create table writes (n integer)`.execute(store.db);
  for (const event of ['insert', 'update']) {
    await sql
      .raw(`create trigger on_${event} after ${event} on requests begin insert into writes values (1); end`)
      .execute(store.db);
  }
  const recorder = recorderOn(t, store);
  recorder.begin({ requestId: 'r-1', startedAtMs: NOW_MS });
  recorder.end(outcome('r-1'));
  assert.equal(recorder.health.queued, 1);
  await recorder.flush();
  assert.equal((await rowsOf(store)).length, 1);
  assert.equal((await sql`select * from writes`.execute(store.db)).rows.length, 1);
});

test('a beginning that comes late does not undo the end', async (t) => {
  const store = await freshStore(t);
  const recorder = recorderOn(t, store);
  recorder.end(outcome('r-1'));
  recorder.begin({ requestId: 'r-1', startedAtMs: NOW_MS });
  await recorder.flush();
  recorder.begin({ requestId: 'r-1', startedAtMs: NOW_MS });
  await recorder.flush();
  assert.deepEqual(
    (await rowsOf(store)).map(({ result }) => result),
    ['completed'],
  );
});

test('the queue reaches the file without anyone asking', async (t) => {
  const store = await freshStore(t);
  const recorder = recorderOn(t, store, { flushAfterMs: 1 });
  for (let n = 0; n < 250; n += 1) recorder.end(outcome(`r-${n}`));
  for (let waits = 0; recorder.health.queued > 0 && waits < 500; waits += 1) await delay(10);
  assert.deepEqual(counts(recorder), { queued: 0, written: 250, dropped: 0 });
  assert.equal((await rowsOf(store)).length, 250);
});

test('while another process holds the lock, rows wait, requests do not, and nothing is lost', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const store = await openedStore(t, path);
  const recorder = recorderOn(t, store, { flushAfterMs: 1 });
  await recorder.flush();
  const other = new Database(path);
  t.after(() => other.close());
  other.exec('begin immediate');
  let turns = 0;
  const ticking = setInterval(() => {
    turns += 1;
  }, 1);
  t.after(() => clearInterval(ticking));
  for (let n = 0; n < 150; n += 1) recorder.end(outcome(`r-${n}`));
  for (let waits = 0; recorder.health.lastError === undefined && waits < 500; waits += 1) await delay(10);
  assert.match(recorder.health.lastError ?? '', /locked/);
  assert.deepEqual(counts(recorder), { queued: 150, written: 0, dropped: 0 });
  assert.ok(turns > 0, 'the event loop stood still');
  other.exec('rollback');
  await recorder.flush();
  assert.deepEqual(counts(recorder), { queued: 0, written: 150, dropped: 0 });
  assert.equal(recorder.health.lastError, undefined);
  assert.equal((await rowsOf(store)).length, 150);
});

test('a database that is locked when the daemon starts is opened once it is free, by itself', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const other = new Database(path);
  t.after(() => other.close());
  other.exec('begin exclusive');
  const recorder = createRecorder({
    open: () => openDatabase({ path, mode: 'write', nowMs: NOW_MS }),
    daemon: DAEMON,
    clock: () => NOW_MS,
    flushAfterMs: 1,
  });
  t.after(() => recorder.close());
  recorder.end(outcome('r-1'));
  await recorder.flush();
  assert.match(recorder.health.lastError ?? '', /locked by another process/);
  other.exec('rollback');
  for (let waits = 0; recorder.health.queued > 0 && waits < 500; waits += 1) await delay(10);
  assert.deepEqual(counts(recorder), { queued: 0, written: 1, dropped: 0 });
});

test('a full disk keeps the rows until there is room again', async (t) => {
  const store = await freshStore(t);
  const recorder = recorderOn(t, store);
  await recorder.flush();
  const pages = await sql<{ page_count: number }>`pragma page_count`.execute(store.db);
  await sql.raw(`pragma max_page_count = ${pages.rows[0]?.page_count}`).execute(store.db);
  for (let n = 0; n < 300; n += 1) recorder.end(outcome(`r-${n}`, { message: 'm'.repeat(900) }));
  await recorder.flush();
  assert.match(recorder.health.lastError ?? '', /full/);
  const { queued, written, dropped } = recorder.health;
  assert.ok(queued > 0);
  assert.deepEqual([queued + written, dropped], [300, 0]);
  await sql.raw('pragma max_page_count = 1000000').execute(store.db);
  await recorder.flush();
  assert.deepEqual(counts(recorder), { queued: 0, written: 300, dropped: 0 });
  assert.equal((await rowsOf(store)).length, 300);
});

test('an outcome that finds the queue full is counted and named, a beginning costs nothing', async (t) => {
  const store = await freshStore(t);
  const lost: string[] = [];
  const recorder = recorderOn(t, store, {
    capacity: 2,
    onDrop: (id, reason) => lost.push(`${id}: ${reason}`),
  });
  await recorder.flush();
  recorder.begin({ requestId: 'r-1', startedAtMs: NOW_MS });
  recorder.end(outcome('r-2'));
  recorder.begin({ requestId: 'r-3', startedAtMs: NOW_MS });
  recorder.end(outcome('r-4'));
  recorder.end(outcome('r-1'));
  assert.deepEqual(counts(recorder), { queued: 2, written: 0, dropped: 1 });
  assert.deepEqual(lost, ['r-4: the queue is full']);
  await recorder.flush();
  recorder.end(outcome('r-3'));
  await recorder.flush();
  assert.deepEqual((await rowsOf(store)).map((row) => row.request_id).sort(), ['r-1', 'r-2', 'r-3']);
});

test('a row that the schema refuses is dropped alone', async (t) => {
  const store = await freshStore(t);
  const lost: string[] = [];
  const recorder = recorderOn(t, store, { onDrop: (id) => lost.push(id) });
  recorder.end(outcome('r-1'));
  recorder.end({
    ...outcome('r-2'),
    classification: { task: 'chat' as 'edit', probability: 1, reason: 'default' },
  });
  recorder.end(outcome('r-3'));
  await recorder.flush();
  assert.deepEqual(counts(recorder), { queued: 0, written: 2, dropped: 1 });
  assert.deepEqual(lost, ['r-2']);
});

test('closing writes what is queued and says that the daemon ended', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const store = await openedStore(t, path);
  const recorder = recorderOn(t, store);
  recorder.begin({ requestId: 'r-1', startedAtMs: NOW_MS });
  recorder.end(outcome('r-2'));
  await recorder.close();
  await recorder.close();
  const again = await openedStore(t, path);
  assert.deepEqual(
    (await rowsOf(again)).map(({ request_id, result }) => [request_id, result]),
    [
      ['r-1', 'interrupted'],
      ['r-2', 'completed'],
    ],
  );
  const daemons = await again.db.selectFrom('daemons').select(['daemon_id', 'ended_ms']).execute();
  assert.deepEqual(daemons, [{ daemon_id: 'd-1', ended_ms: NOW_MS }]);
});

test('without a usable store the outcomes are counted as dropped when the daemon ends', async (t) => {
  const path = join(temporaryFolder(t), 'file');
  writeFileSync(path, '');
  const recorder = createRecorder({
    open: () => openDatabase({ path: join(path, 'anyclaude.db'), mode: 'write', nowMs: NOW_MS }),
    daemon: DAEMON,
    clock: () => NOW_MS,
    closeWithinMs: 1,
  });
  recorder.end(outcome('r-1'));
  await recorder.flush();
  assert.match(recorder.health.lastError ?? '', /cannot be opened/);
  await recorder.close();
  recorder.end(outcome('r-2'));
  assert.deepEqual(counts(recorder), { queued: 0, written: 0, dropped: 2 });
});

test('a prefill in a pause is one row, and what came of it is added to that row', async (t) => {
  const store = await freshStore(t);
  const recorder = recorderOn(t, store);
  const warmup: Warmup = {
    ...{
      warmupId: 'w-1',
      purpose: 'catch-up',
      backend: 'lmstudio',
      model: 'm',
      sessionId: 's',
      project: '/p',
    },
    ...{ startedAtMs: NOW_MS, durationMs: 1500.5, result: 'cancelled', reason: 'a request came in' },
    ...{ steps: 3, promptTokens: 1000, cachedTokens: 200, computedTokens: 850 },
  };
  recorder.warmup(warmup);
  await recorder.flush();
  const use = { result: 'used', requestId: 'r-9', tokens: 700, savedSeconds: 1.25 } as const;
  recorder.warmup({ ...warmup, use });
  recorder.warmup({
    ...{ warmupId: 'w-2', purpose: 'warm', backend: 'mlx-lm', model: 'm', startedAtMs: NOW_MS },
    ...{ durationMs: 1, result: 'failed', steps: 1 },
  });
  await recorder.flush();
  const rows = await store.db.selectFrom('warmups').selectAll().orderBy('id').execute();
  assert.deepEqual(rows[0], {
    ...{ id: 1, warmup_id: 'w-1', daemon_id: 'd-1', purpose: 'catch-up', backend: 'lmstudio', model: 'm' },
    ...{ session_id: 's', project: '/p', started_ms: NOW_MS, ended_ms: NOW_MS + 1501 },
    ...{ result: 'cancelled', reason: 'a request came in', steps: 3, cost_ms: 1500.5 },
    ...{ prompt_tokens: 1000, cached_tokens: 200, computed_tokens: 850 },
    ...{ use: 'used', used_request_id: 'r-9', used_tokens: 700, saved_ms: 1250 },
  });
  assert.equal(rows.length, 2);
  assert.deepEqual([rows[1]?.computed_tokens, rows[1]?.use, rows[1]?.session_id], [null, null, null]);
});

test('a prefill that the schema refuses costs no request its row', async (t) => {
  const store = await freshStore(t);
  const recorder = recorderOn(t, store);
  recorder.warmup({
    ...{ warmupId: 'w-1', purpose: 'warm', backend: 'b', model: 'm', startedAtMs: NOW_MS, durationMs: -1 },
    ...{ result: 'completed', steps: 1 },
  });
  recorder.end(outcome('r-1'));
  await recorder.flush();
  assert.equal((await rowsOf(store)).length, 1);
  assert.equal((await store.db.selectFrom('warmups').selectAll().execute()).length, 0);
  assert.equal(recorder.health.lastError, undefined);
});
