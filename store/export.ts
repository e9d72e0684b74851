// Every request of a period, a page at a time: whoever reads has never more than one page in memory, and the daemon's
// writing is held up by no long read.

import Database from 'better-sqlite3';
import { Kysely, type Selectable } from 'kysely';
import { MIGRATIONS } from '../migrations/index.ts';
import { migrate } from './migrate.ts';
import type { AttemptsTable, RequestsTable, Schema } from './schema.ts';
import { StoreDialect } from './sqlite.ts';

type ExportedRequest = Selectable<RequestsTable> & { readonly failed_attempts: readonly AttemptsTable[] };

const PAGE = 500;

/** By the time they started; those that start at the same time in the order they came in. Both ends belong to it. */
export async function* exportPages(
  db: Kysely<Schema>,
  range: { readonly sinceMs: number; readonly untilMs: number },
): AsyncGenerator<readonly ExportedRequest[]> {
  let after = { started_ms: range.sinceMs, id: -1 };
  for (;;) {
    const page = await pageAfter(db, after, range.untilMs);
    const last = page.at(-1);
    if (last === undefined) return;
    yield await withAttempts(db, page);
    after = last;
  }
}

/** The columns in the order of the file, for a heading. */
export async function requestColumns(db: Kysely<Schema>): Promise<readonly string[]> {
  const tables = await db.introspection.getTables();
  return tables.find(({ name }) => name === 'requests')?.columns.map(({ name }) => name) ?? [];
}

/** The same where there is no file to ask. */
export async function newColumns(): Promise<readonly string[]> {
  const sqlite = new Database(':memory:');
  const db = new Kysely<Schema>({ dialect: new StoreDialect(sqlite) });
  try {
    await migrate(db, sqlite, MIGRATIONS);
    return await requestColumns(db);
  } finally {
    await db.destroy();
    sqlite.close();
  }
}

type Position = { readonly started_ms: number; readonly id: number };

function pageAfter(db: Kysely<Schema>, after: Position, untilMs: number) {
  return db
    .selectFrom('requests')
    .selectAll()
    .where('started_ms', '<=', untilMs)
    .where((eb) => eb(eb.refTuple('started_ms', 'id'), '>', eb.tuple(after.started_ms, after.id)))
    .orderBy('started_ms')
    .orderBy('id')
    .limit(PAGE)
    .execute();
}

async function withAttempts(
  db: Kysely<Schema>,
  page: readonly Selectable<RequestsTable>[],
): Promise<readonly ExportedRequest[]> {
  const ids = page.filter(({ attempts }) => attempts !== 0).map(({ request_id }) => request_id);
  const attempts = db.selectFrom('attempts').selectAll().where('request_id', 'in', ids).orderBy('n');
  const rows = ids.length === 0 ? [] : await attempts.execute();
  const byRequest = Map.groupBy(rows, ({ request_id }) => request_id);
  return page.map((request) => ({ ...request, failed_attempts: byRequest.get(request.request_id) ?? [] }));
}
