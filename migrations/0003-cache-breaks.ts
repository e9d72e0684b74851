// What broke a prompt cache and what that cost, what the cache was worth, and which server that was. Causes are not
// CHECKed, for there will be more of them.

import { type Kysely, type RawBuilder, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  const add = (column: string, type: 'integer' | 'real' | 'text', check?: RawBuilder<unknown>) =>
    db.schema
      .alterTable('requests')
      .addColumn(column, type, (built) => (check === undefined ? built : built.check(check)))
      .execute();
  await add('break_cause', 'text');
  await add('break_segment', 'text');
  await add('break_detail', 'text');
  await add('break_tokens', 'integer', sql`break_tokens >= 0`);
  await add('break_seconds', 'real', sql`break_seconds >= 0`);
  await add('break_seconds_basis', 'text', sql`break_seconds_basis in ('measured', 'inferred')`);
  await add('saved_seconds', 'real', sql`saved_seconds >= 0`);
  await add('saved_low_seconds', 'real', sql`saved_low_seconds >= 0`);
  await add('saved_high_seconds', 'real', sql`saved_high_seconds >= 0`);
  await add('saved_basis', 'text', sql`saved_basis in ('measured', 'predicted')`);
  await add('saved_cold_samples', 'integer', sql`saved_cold_samples >= 0`);
  await add('server_version', 'text');
  await add('cold_load', 'integer', sql`cold_load in (0, 1)`);
}
