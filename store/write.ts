// The statements that put records into the file: one transaction a batch, one row a request.

import type { Kysely } from 'kysely';
import type { PendingRecord } from './row.ts';
import type { Schema } from './schema.ts';
import { sqliteCode } from './sqlite-error.ts';

/** A column of the row that could not be inserted. */
type ExcludedColumn = `excluded.${keyof Schema['requests']}`;

/** All or none. Rejects with the database's own error. */
export async function writeRecords(db: Kysely<Schema>, records: readonly PendingRecord[]): Promise<void> {
  const running = records.filter(({ request }) => request.result === 'running').map(({ request }) => request);
  const ended = records.filter(({ request }) => request.result !== 'running').map(({ request }) => request);
  const attempts = records.flatMap((record) => record.attempts);
  await db.transaction().execute(async (transaction) => {
    if (running.length > 0) await insertRunning(transaction, running);
    if (ended.length > 0) await upsertEnded(transaction, ended);
    if (attempts.length > 0) {
      const insert = transaction.insertInto('attempts').values(attempts);
      await insert.onConflict((conflict) => conflict.columns(['request_id', 'n']).doNothing()).execute();
    }
  });
}

/** True where the same row would be refused again, however often it is tried. */
export function isRefusedRow(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === undefined || /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)/.test(code);
}

async function insertRunning(db: Kysely<Schema>, rows: readonly PendingRecord['request'][]): Promise<void> {
  const insert = db.insertInto('requests').values(rows);
  await insert.onConflict((conflict) => conflict.column('request_id').doNothing()).execute();
}

async function upsertEnded(db: Kysely<Schema>, rows: readonly PendingRecord['request'][]): Promise<void> {
  const columns = Object.keys(rows[0] ?? {}).filter((column) => column !== 'request_id');
  await db
    .insertInto('requests')
    .values(rows)
    .onConflict((conflict) =>
      conflict
        .column('request_id')
        .doUpdateSet(({ ref }) =>
          Object.fromEntries(columns.map((column) => [column, ref(`excluded.${column}` as ExcludedColumn)])),
        ),
    )
    .execute();
}
