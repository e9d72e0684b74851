// One row for each prefill that no request asked for: what it cost, and what the request that came next had of it.

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('warmups')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('warmup_id', 'text', (column) => column.notNull().unique())
    .addColumn('daemon_id', 'text', (column) => column.notNull())
    .addColumn('purpose', 'text', (column) => column.notNull())
    .addColumn('backend', 'text', (column) => column.notNull())
    .addColumn('model', 'text')
    .addColumn('session_id', 'text')
    .addColumn('project', 'text')
    .addColumn('started_ms', 'integer', (column) => column.notNull())
    .addColumn('ended_ms', 'integer', (column) => column.notNull())
    .addColumn('result', 'text', (column) => column.notNull())
    .addColumn('reason', 'text')
    .addColumn('steps', 'integer', (column) => column.notNull().check(sql`steps >= 0`))
    .addColumn('prompt_tokens', 'integer', (column) => column.check(sql`prompt_tokens >= 0`))
    .addColumn('cached_tokens', 'integer', (column) => column.check(sql`cached_tokens >= 0`))
    .addColumn('computed_tokens', 'integer', (column) => column.check(sql`computed_tokens >= 0`))
    .addColumn('cost_ms', 'real', (column) => column.notNull().check(sql`cost_ms >= 0`))
    // NULL: nobody could have used it yet.
    .addColumn('use', 'text')
    .addColumn('used_request_id', 'text')
    .addColumn('used_tokens', 'integer', (column) => column.check(sql`used_tokens >= 0`))
    .addColumn('saved_ms', 'real', (column) => column.check(sql`saved_ms >= 0`))
    .addCheckConstraint('warmups_result', sql`result in ('completed', 'cancelled', 'failed')`)
    .addCheckConstraint('warmups_use', sql`"use" in ('used', 'wasted', 'unknown')`)
    .addCheckConstraint('warmups_used', sql`("use" is 'used') = (used_tokens is not null)`)
    .modifyEnd(sql`strict`)
    .execute();
  await db.schema.createIndex('warmups_by_start').on('warmups').column('started_ms').execute();
}
