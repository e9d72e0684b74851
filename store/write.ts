// The statements that put records into the file: one transaction a batch, one row a request.

import type { CompiledQuery, Kysely } from 'kysely';
import { oncePer } from '../wire/once-per.ts';
import type { PendingRecord } from './row.ts';
import type { Schema } from './schema.ts';
import { sqliteCode } from './sqlite-error.ts';

type Row = PendingRecord['request'];
/** A column of the row that could not be inserted. */
type ExcludedColumn = `excluded.${keyof Schema['requests']}`;

/** All or none. Rejects with the database's own error. */
export async function writeRecords(db: Kysely<Schema>, records: readonly PendingRecord[]): Promise<void> {
  const attempts = records.flatMap((record) => record.attempts);
  await db.transaction().execute(async (transaction) => {
    for (const { request } of records) {
      const { query, columns } = statementFor(db, request);
      await transaction.executeQuery({ ...query, parameters: columns.map((column) => request[column]) });
    }
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

/** One row. What began is put in where nothing is known of it yet, what ended takes its place. */
type Statement = { readonly query: CompiledQuery; readonly columns: readonly (keyof Row)[] };

/** To build a statement takes longer than to run it, so it is built once for each database and kind of row. */
const statementsOf = oncePer((_db: Kysely<Schema>) => new Map<string, Statement>());

function statementFor(db: Kysely<Schema>, row: Row): Statement {
  const columns = Object.keys(row) as (keyof Row)[];
  const name = `${row.result === 'running' ? 'began' : 'ended'} ${columns.join()}`;
  const known = statementsOf(db).get(name);
  if (known !== undefined) return known;
  const query = row.result === 'running' ? insertRunning(db, row) : upsertEnded(db, row, columns);
  const made = { query: query.compile(), columns };
  statementsOf(db).set(name, made);
  return made;
}

function insertRunning(db: Kysely<Schema>, row: Row) {
  const insert = db.insertInto('requests').values(row);
  return insert.onConflict((conflict) => conflict.column('request_id').doNothing());
}

function upsertEnded(db: Kysely<Schema>, row: Row, columns: readonly (keyof Row)[]) {
  const changed = columns.filter((column) => column !== 'request_id');
  return db
    .insertInto('requests')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .column('request_id')
        .doUpdateSet(({ ref }) =>
          Object.fromEntries(changed.map((column) => [column, ref(`excluded.${column}` as ExcludedColumn)])),
        ),
    );
}
