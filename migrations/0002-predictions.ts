// What a decision expected, beside what then happened. JSON columns hold the parts of each cost and the signals of
// the classifier: they are read one request at a time, never summed.

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  const add = (column: string, type: 'real' | 'text') => {
    const check =
      type === 'real'
        ? sql`${sql.ref(column)} >= 0`
        : sql`${sql.ref(column)} is null or json_valid(${sql.ref(column)})`;
    return db.schema
      .alterTable('requests')
      .addColumn(column, type, (built) => built.check(check))
      .execute();
  };
  await add('predicted_ttft_ms', 'real');
  await add('first_token_ms', 'real');
  await add('predicted', 'text');
  await add('alternatives', 'text');
  await add('shadow', 'text');
  await add('signals', 'text');
}
