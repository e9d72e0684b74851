// STAND-IN until the guardian's branch is merged.

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  const columns = [
    ['break_cause', 'text'],
    ['break_segment', 'text'],
    ['break_detail', 'text'],
    ['break_tokens', 'integer'],
    ['break_seconds', 'real'],
    ['saved_seconds', 'real'],
    ['saved_low_seconds', 'real'],
    ['saved_high_seconds', 'real'],
    ['saved_basis', 'text'],
  ];
  for (const [name, type] of columns) {
    await sql`alter table requests add column ${sql.ref(name ?? '')} ${sql.raw(type ?? '')}`.execute(db);
  }
}
