// What the router learned of this machine: its backends' speeds, its models' tokens. A few rows, each the JSON of
// one part of the daemon, which alone knows what is in it.

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('learned')
    .addColumn('key', 'text', (column) => column.notNull().primaryKey())
    .addColumn('value', 'text', (column) => column.notNull())
    .addColumn('updated_ms', 'integer', (column) => column.notNull())
    .modifyEnd(sql`strict`)
    .execute();
}
