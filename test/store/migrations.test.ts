import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { type Kysely, sql } from 'kysely';
import { MIGRATIONS } from '../../migrations/index.ts';
import { CACHE_RESULTS } from '../../router/cache.ts';
import { CLASSIFY_REASONS, DECISION_REASONS } from '../../router/decision.ts';
import { KINDS } from '../../router/outcome.ts';
import { openDatabase } from '../../store/database.ts';
import { freshStore, NOW_MS, temporaryFolder } from './sample.ts';

const COMPLETED = {
  request_id: 'r-1',
  daemon_id: 'd-1',
  started_ms: NOW_MS,
  ended_ms: NOW_MS + 10,
  result: 'completed',
  kind: 'main',
  backend: 'mlx-lm',
  cache_evidence: 'reported',
  cache_result: 'hit',
  prompt_tokens: 100,
  cached_tokens: 90,
};
const ATTEMPT = {
  request_id: 'r-1',
  n: 1,
  backend: 'lmstudio',
  fault: 'connect',
  phase: 'queued',
  message: 'm',
};

/** Values as a stranger would write them: the schema has to refuse what the types would. */
async function insert(
  db: Kysely<never>,
  table: string,
  row: Readonly<Record<string, unknown>>,
): Promise<void> {
  const columns = sql.join(Object.keys(row).map((name) => sql.ref(name)));
  await sql`insert into ${sql.table(table)} (${columns}) values (${sql.join(Object.values(row))})`.execute(
    db,
  );
}

test('every file of the migrations folder is in its list', () => {
  const files = readdirSync('migrations').filter((name) => /^\d/.test(name));
  assert.deepEqual(
    files.sort().map((name) => name.replace('.ts', '')),
    Object.keys(MIGRATIONS),
  );
});

test('an empty file gets every table, STRICT', async (t) => {
  const { db } = await freshStore(t);
  const { rows } = await sql<{ name: string; strict: number }>`
    select name, strict from pragma_table_list where name in ('requests', 'attempts', 'daemons') order by name
  `.execute(db);
  assert.deepEqual(rows, [
    { name: 'attempts', strict: 1 },
    { name: 'daemons', strict: 1 },
    { name: 'requests', strict: 1 },
  ]);
});

const REFUSED: readonly [why: string, change: Readonly<Record<string, unknown>>][] = [
  ['an unknown result', { result: 'ok' }],
  ['an unknown task', { task: 'chat' }],
  ['an unknown phase', { phase: 'late' }],
  ['an unknown cache evidence', { cache_evidence: 'guessed' }],
  ['an unknown cache result', { cache_result: 'warm' }],
  ['a stream flag that is no flag', { stream: 2 }],
  ['a probability above 1', { task_probability: 1.5 }],
  ['an HTTP status that does not exist', { http_status: 0 }],
  ['a completed request without a kind', { kind: null }],
  ['a completed request without a backend', { backend: null }],
  ['a completed request without an end', { ended_ms: null }],
  ['a failure without a fault', { result: 'failed', phase: 'queued' }],
  ['a failure without a phase', { result: 'failed', fault: 'connect' }],
  ['a refusal without a reason', { result: 'refused' }],
  ['evidence without a figure', { cached_tokens: null }],
  ['a figure without evidence', { cache_evidence: 'none', cache_result: 'unknown' }],
  ['a hit without evidence', { cache_evidence: 'none', cached_tokens: null }],
  ['more cached than sent', { cached_tokens: 101 }],
  ['cached tokens of an unknown prompt', { prompt_tokens: null }],
  ['more written than was not cached', { written_tokens: 11 }],
  ['a missing start', { started_ms: null }],
  ['a time with a fraction', { started_ms: 1.5 }],
  ['words for a number', { output_tokens: 'many' }],
  ...[
    'prompt_tokens',
    'cached_tokens',
    'written_tokens',
    'output_tokens',
    'queue_ms',
    'overhead_ms',
    'ttft_ms',
    'duration_ms',
    'attempts',
    'tool_calls',
    'invalid_tool_calls',
    'bytes_in',
    'bytes_out',
  ].map((column): [string, Record<string, unknown>] => [`a negative ${column}`, { [column]: -1 }]),
];

test('a row that is right is taken', async (t) => {
  const { db } = await freshStore(t);
  await insert(db as never, 'requests', COMPLETED);
  await insert(db as never, 'attempts', ATTEMPT);
});

for (const [why, change] of REFUSED) {
  test(`the schema refuses ${why}`, async (t) => {
    const { db } = await freshStore(t);
    await assert.rejects(
      insert(db as never, 'requests', { ...COMPLETED, ...change }),
      /CHECK|NOT NULL|cannot store/,
    );
  });
}

test('the schema refuses a second row of one request', async (t) => {
  const { db } = await freshStore(t);
  await insert(db as never, 'requests', COMPLETED);
  await assert.rejects(insert(db as never, 'requests', COMPLETED), /UNIQUE/);
});

test('the schema refuses an attempt of no request, before the first, or that lasted less than nothing', async (t) => {
  const { db } = await freshStore(t);
  await insert(db as never, 'requests', COMPLETED);
  await assert.rejects(insert(db as never, 'attempts', { ...ATTEMPT, request_id: 'r-2' }), /FOREIGN KEY/);
  await assert.rejects(insert(db as never, 'attempts', { ...ATTEMPT, n: 0 }), /CHECK/);
  await assert.rejects(insert(db as never, 'attempts', { ...ATTEMPT, phase: 'late' }), /CHECK/);
  await assert.rejects(insert(db as never, 'attempts', { ...ATTEMPT, duration_ms: -1 }), /CHECK/);
});

test('the schema takes every kind, reason and cache result that the router has', async (t) => {
  const { db } = await freshStore(t);
  const rows = [
    ...KINDS.map((kind) => ({ kind })),
    ...CLASSIFY_REASONS.map((classify_reason) => ({ classify_reason })),
    ...DECISION_REASONS.map((decision_reason) => ({ decision_reason })),
    ...CACHE_RESULTS.map((cache_result) => ({ cache_result })),
  ];
  for (const [n, row] of rows.entries())
    await insert(db as never, 'requests', { ...COMPLETED, ...row, request_id: `${n}` });
});

test('a step that fails half way leaves the schema as it was, and the next start completes it', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const failing = {
    ...MIGRATIONS,
    '9999-later': {
      async up(db: Kysely<unknown>) {
        await db.schema.createTable('half').addColumn('id', 'integer').execute();
        throw new Error('power cut');
      },
    },
  };
  const failed = await openDatabase({ path, mode: 'write', nowMs: NOW_MS, migrations: failing });
  assert.equal(failed.state === 'unusable' && failed.why, 'failed');
  const raw = new Database(path, { readonly: true });
  const tables = raw.prepare(`select name from sqlite_schema where name in ('half', 'requests')`).all();
  raw.close();
  assert.deepEqual(tables, []);
  const opened = await openDatabase({ path, mode: 'write', nowMs: NOW_MS });
  assert.equal(opened.state, 'open');
  if (opened.state === 'open') await opened.database.close();
});

test('a database with history is copied before a step changes it, and keeps its rows', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const first = await openDatabase({ path, mode: 'write', nowMs: NOW_MS });
  assert.ok(first.state === 'open');
  await insert(first.database.db as never, 'requests', COMPLETED);
  await first.database.close();
  const backup = `${path}.backup-${Object.keys(MIGRATIONS).at(-1)}`;
  assert.equal(existsSync(backup), false);
  const later = {
    up: async (db: Kysely<unknown>) => {
      await db.schema.alterTable('requests').addColumn('later', 'text').execute();
    },
  };
  const migrations = { ...MIGRATIONS, '9999-later': later };
  const second = await openDatabase({ path, mode: 'write', nowMs: NOW_MS, migrations });
  assert.ok(second.state === 'open');
  await second.database.close();
  for (const file of [path, backup]) {
    const raw = new Database(file, { readonly: true });
    assert.deepEqual(raw.prepare('select request_id from requests').pluck().all(), ['r-1'], file);
    raw.close();
  }
});
