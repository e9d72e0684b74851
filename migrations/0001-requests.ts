// One row a request, its failed attempts, and the daemons that wrote them.
//
// A step is history: it names its values itself and imports nothing of ours. Short vocabularies that will not
// grow are CHECKed; kinds, faults and reasons are not, because SQLite can only widen a CHECK by rebuilding the
// table, and a value it does not know yet would cost the whole row. The compiler keeps those closed.

import { type CreateTableBuilder, type Kysely, type RawBuilder, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await createDaemons(db);
  await createRequests(db);
  await createAttempts(db);
  await createIndexes(db);
}

async function createDaemons(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('daemons')
    .addColumn('daemon_id', 'text', (column) => column.notNull().primaryKey())
    .addColumn('pid', 'integer', (column) => column.notNull())
    .addColumn('process_start', 'text')
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('started_ms', 'integer', (column) => column.notNull())
    .addColumn('ended_ms', 'integer')
    .modifyEnd(sql`strict`)
    .execute();
}

async function createRequests(db: Kysely<unknown>): Promise<void> {
  await withChecks(requestColumns(db)).modifyEnd(sql`strict`).execute();
}

function requestColumns(db: Kysely<unknown>) {
  return db.schema
    .createTable('requests')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('request_id', 'text', (column) => column.notNull().unique())
    .addColumn('daemon_id', 'text', (column) => column.notNull())
    .addColumn('started_ms', 'integer', (column) => column.notNull())
    .addColumn('ended_ms', 'integer')
    .addColumn('result', 'text', (column) => column.notNull())
    .addColumn('kind', 'text')
    .addColumn('task', 'text')
    .addColumn('task_probability', 'real')
    .addColumn('classify_reason', 'text')
    .addColumn('decision_reason', 'text')
    .addColumn('decision_detail', 'text')
    .addColumn('passed_over', 'text')
    .addColumn('backend', 'text')
    .addColumn('model', 'text')
    .addColumn('requested_model', 'text')
    .addColumn('stream', 'integer')
    .addColumn('session_id', 'text')
    .addColumn('agent_id', 'text')
    .addColumn('turn_id', 'text')
    .addColumn('project', 'text')
    .addColumn('client_version', 'text')
    .addColumn('phase', 'text')
    .addColumn('fault', 'text')
    .addColumn('refusal', 'text')
    .addColumn('http_status', 'integer')
    .addColumn('stop_reason', 'text')
    .addColumn('prompt_tokens', 'integer')
    .addColumn('cached_tokens', 'integer')
    .addColumn('written_tokens', 'integer')
    .addColumn('output_tokens', 'integer')
    .addColumn('cache_evidence', 'text', (column) => column.notNull())
    .addColumn('cache_result', 'text', (column) => column.notNull())
    .addColumn('queue_ms', 'real')
    .addColumn('overhead_ms', 'real')
    .addColumn('ttft_ms', 'real')
    .addColumn('duration_ms', 'real')
    .addColumn('attempts', 'integer')
    .addColumn('tool_calls', 'integer')
    .addColumn('invalid_tool_calls', 'integer')
    .addColumn('bytes_in', 'integer')
    .addColumn('bytes_out', 'integer')
    .addColumn('message', 'text');
}

const NOT_NEGATIVE = [
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
];

function withChecks<T extends string, C extends string>(table: CreateTableBuilder<T, C>) {
  const checks: Record<string, RawBuilder<unknown>> = {
    requests_result: oneOf('result', [
      'running',
      'completed',
      'refused',
      'failed',
      'cancelled',
      'interrupted',
    ]),
    requests_task: oneOf('task', ['analysis', 'edit']),
    requests_phase: oneOf('phase', ['queued', 'before-first-token', 'mid-stream']),
    requests_evidence: oneOf('cache_evidence', ['reported', 'progress', 'inferred', 'none']),
    requests_cache: oneOf('cache_result', ['hit', 'partial', 'miss', 'unknown']),
    requests_stream: sql`stream in (0, 1)`,
    requests_probability: sql`task_probability between 0 and 1`,
    requests_status: sql`http_status between 100 and 599`,
    // What ended by itself says how: only what is still running, or was cut off by a crash, may be silent.
    requests_ended: sql`result in ('running', 'interrupted')
      or (kind is not null and backend is not null and ended_ms is not null)`,
    requests_failed: sql`result <> 'failed' or (fault is not null and phase is not null)`,
    requests_refused: sql`result <> 'refused' or refusal is not null`,
    // Without evidence there is no figure, and with it there is one: unknown is never written as 0.
    requests_silence: sql`(cache_evidence = 'none') = (cached_tokens is null)`,
    requests_silent_result: sql`cache_evidence <> 'none' or cache_result = 'unknown'`,
    requests_cached: sql`cached_tokens is null or (prompt_tokens is not null and cached_tokens <= prompt_tokens)`,
    requests_written: sql`written_tokens is null or (cached_tokens is not null
      and written_tokens <= prompt_tokens - cached_tokens)`,
  };
  for (const column of NOT_NEGATIVE) checks[`requests_${column}`] = sql`${sql.ref(column)} >= 0`;
  return Object.entries(checks).reduce((built, [name, rule]) => built.addCheckConstraint(name, rule), table);
}

async function createAttempts(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('attempts')
    .addColumn('request_id', 'text', (column) =>
      column.notNull().references('requests.request_id').onDelete('cascade'),
    )
    .addColumn('n', 'integer', (column) => column.notNull())
    .addColumn('backend', 'text', (column) => column.notNull())
    .addColumn('fault', 'text', (column) => column.notNull())
    .addColumn('phase', 'text', (column) => column.notNull())
    .addColumn('message', 'text', (column) => column.notNull())
    .addColumn('duration_ms', 'real')
    .addPrimaryKeyConstraint('attempts_key', ['request_id', 'n'])
    .addCheckConstraint('attempts_n', sql`n >= 1`)
    .addCheckConstraint('attempts_phase', oneOf('phase', ['queued', 'before-first-token', 'mid-stream']))
    .addCheckConstraint('attempts_duration', sql`duration_ms >= 0`)
    .modifyEnd(sql`strict`)
    .execute();
}

async function createIndexes(db: Kysely<unknown>): Promise<void> {
  const index = (name: string) => db.schema.createIndex(name).on('requests');
  await index('requests_by_start').column('started_ms').execute();
  await index('requests_by_backend').columns(['backend', 'started_ms']).execute();
  await index('requests_by_session').columns(['session_id', 'started_ms']).execute();
  await index('requests_running').column('daemon_id').where(sql<boolean>`result = 'running'`).execute();
}

function oneOf(column: string, values: readonly string[]): RawBuilder<unknown> {
  return sql`${sql.ref(column)} in (${sql.join(values.map((value) => sql.lit(value)))})`;
}
