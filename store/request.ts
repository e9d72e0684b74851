// One request as it is in the file, with the attempts that failed on its way.

import type { Kysely, Selectable } from 'kysely';
import { type ReadAhead, readAheadFor } from './pauses.ts';
import type { AttemptsTable, RequestsTable, Schema } from './schema.ts';

export type StoredRequest = Selectable<RequestsTable> & {
  readonly failedAttempts: readonly AttemptsTable[];
  readonly readAhead: ReadAhead | null;
};

/** `-1` is the newest request, `-2` the one before it …; undefined where there is none. Rejects with the database's error. */
export async function findRequest(db: Kysely<Schema>, asked: string): Promise<StoredRequest | undefined> {
  const back = /^-([1-9]\d{0,8})$/.exec(asked)?.[1];
  const all = db.selectFrom('requests').selectAll();
  const chosen =
    back === undefined
      ? all.where('request_id', '=', asked)
      : all
          // A row that is still running may be written before one that began earlier: ids do not tell the order.
          .orderBy('started_ms', 'desc')
          .orderBy('id', 'desc')
          .limit(1)
          .offset(Number(back) - 1);
  const request = await chosen.executeTakeFirst();
  if (request === undefined) return undefined;
  const attempts = db.selectFrom('attempts').selectAll().where('request_id', '=', request.request_id);
  const failedAttempts = await attempts.orderBy('n').execute();
  return { ...request, failedAttempts, readAhead: await readAheadFor(db, request.request_id) };
}
