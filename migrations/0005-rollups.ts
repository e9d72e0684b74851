// What remains of requests when their rows are gone: sums and histograms by the hour.
//
// Every hour is summed up several times, once for each facet by which it is asked for. That is a few rows a facet;
// the product of all facets would be as many rows as there were requests. Percentiles cannot be added up, counts of
// buckets can: bucket k of a histogram holds the values from 2^(k/4) up to 2^((k+1)/4).
//
// A request that ends after its hour was summed up makes that hour late. A trigger sees to it, so that no writer can
// forget it: an hour that is late is summed up again.

import { type CreateTableBuilder, type Kysely, type RawBuilder, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await createGroups(db);
  await createHours(db);
  await createBuckets(db);
  await createState(db);
  await createLate(db);
}

const FACETS = ['route', 'project', 'reason', 'session', 'cause', 'here'];
const KEYS = ['task', 'backend', 'model', 'project', 'decision_reason', 'session_id', 'break_cause'];
const COUNTS = [
  'requests',
  'completed',
  'failed',
  'cancelled',
  'refused',
  'interrupted',
  'cache_known',
  'cache_inferred',
  'cache_unknown',
  'cache_hits',
  'saved_requests',
  'saved_predicted',
  'breaks',
];
/** NULL where no request of the hour told. */
const SUMS = [
  ['prompt_tokens', 'integer'],
  ['known_prompt_tokens', 'integer'],
  ['cached_tokens', 'integer'],
  ['written_tokens', 'integer'],
  ['output_tokens', 'integer'],
  ['decode_tokens', 'integer'],
  ['decode_ms', 'real'],
  ['saved_seconds', 'real'],
  ['saved_low_seconds', 'real'],
  ['saved_high_seconds', 'real'],
  ['saved_reported_seconds', 'real'],
  ['saved_progress_seconds', 'real'],
  ['saved_inferred_seconds', 'real'],
  ['break_tokens', 'integer'],
  ['break_seconds', 'real'],
] as const;
const HISTOGRAMS = ['ttft-hit', 'ttft-partial', 'ttft-miss', 'ttft-unknown', 'decode'];

async function createGroups(db: Kysely<unknown>): Promise<void> {
  const start: CreateTableBuilder<string, string> = db.schema
    .createTable('rollup_groups')
    .addColumn('group_id', 'integer', (column) => column.primaryKey())
    .addColumn('facet', 'text', (column) => column.notNull())
    .addColumn('last_hour_ms', 'integer', (column) => column.notNull())
    .addCheckConstraint('rollup_groups_facet', oneOf('facet', FACETS));
  await KEYS.reduce((table, key) => table.addColumn(key, 'text'), start)
    .modifyEnd(sql`strict`)
    .execute();
  const index = (name: string) => db.schema.createIndex(name).on('rollup_groups');
  // The widest key comes first: a facet has few projects and many sessions.
  const found = ['facet', 'session_id', 'project', 'decision_reason', 'task', 'backend', 'model'];
  await index('rollup_groups_by_key').columns(found).execute();
  await index('rollup_groups_by_age').column('last_hour_ms').execute();
}

async function createHours(db: Kysely<unknown>): Promise<void> {
  const start: CreateTableBuilder<string, string> = hourly(db, 'rollup_hours');
  const counted = COUNTS.reduce(
    (table, name) => table.addColumn(name, 'integer', (column) => column.notNull()),
    start,
  );
  await SUMS.reduce((table, [name, type]) => table.addColumn(name, type), counted)
    .addPrimaryKeyConstraint('rollup_hours_key', ['facet', 'hour_ms', 'group_id'])
    .modifyEnd(sql`strict, without rowid`)
    .execute();
}

async function createBuckets(db: Kysely<unknown>): Promise<void> {
  await hourly(db, 'rollup_buckets')
    .addColumn('histogram', 'text', (column) => column.notNull())
    .addColumn('bucket', 'integer', (column) => column.notNull())
    .addColumn('requests', 'integer', (column) => column.notNull())
    .addCheckConstraint('rollup_buckets_histogram', oneOf('histogram', HISTOGRAMS))
    .addPrimaryKeyConstraint('rollup_buckets_key', ['facet', 'hour_ms', 'group_id', 'histogram', 'bucket'])
    .modifyEnd(sql`strict, without rowid`)
    .execute();
}

function hourly(db: Kysely<unknown>, name: string) {
  return db.schema
    .createTable(name)
    .addColumn('facet', 'text', (column) => column.notNull())
    .addColumn('hour_ms', 'integer', (column) => column.notNull())
    .addColumn('group_id', 'integer', (column) => column.notNull())
    .addCheckConstraint(`${name}_hour`, sql`hour_ms % 3600000 = 0`);
}

/** One row: every hour before `rolled_until_ms` is summed up, no row before `pruned_until_ms` is kept. */
async function createState(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('rollup_state')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('rolled_until_ms', 'integer', (column) => column.notNull())
    .addColumn('pruned_until_ms', 'integer', (column) => column.notNull())
    .addColumn('kept_ms', 'integer', (column) => column.notNull())
    .addCheckConstraint('rollup_state_single', sql`id = 1`)
    .modifyEnd(sql`strict`)
    .execute();
  await sql`insert into rollup_state values (1, 0, 0, 0)`.execute(db);
}

async function createLate(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('rollup_late')
    .addColumn('hour_ms', 'integer', (column) => column.primaryKey())
    .modifyEnd(sql`strict`)
    .execute();
  for (const event of ['insert', 'update']) {
    await sql`
      create trigger ${sql.ref(`requests_late_${event}`)} after ${sql.raw(event)} on requests
      when new.result <> 'running' and new.started_ms < (select rolled_until_ms from rollup_state)
      begin
        insert into rollup_late values (new.started_ms - new.started_ms % 3600000) on conflict do nothing;
      end
    `.execute(db);
  }
}

function oneOf(column: string, values: readonly string[]): RawBuilder<unknown> {
  return sql`${sql.ref(column)} in (${sql.join(values.map((value) => sql.lit(value)))})`;
}
