// Several questions to one state of the database.

import { CompiledQuery, type Kysely } from 'kysely';
import type { Schema } from './schema.ts';

/** Whatever is written meanwhile is not seen. Rejects with what `read` rejects with. */
export async function snapshot<Answer>(
  db: Kysely<Schema>,
  read: (db: Kysely<Schema>) => Promise<Answer>,
): Promise<Answer> {
  return db.connection().execute(async (connection) => {
    await connection.executeQuery(CompiledQuery.raw('begin'));
    try {
      return await read(connection);
    } finally {
      await connection.executeQuery(CompiledQuery.raw('commit'));
    }
  });
}
