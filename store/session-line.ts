// The few figures of one session that a status line shows. It goes past Kysely and the schema's check: those take
// longer to load than the whole line may take. Its columns have been there since the second step of the schema.
//
// Node's own SQLite is read with where it is recent enough: it is there in 1 ms, better-sqlite3 in 11.

import { DECODE_MS, DECODE_TOKENS, DECODED } from './decode.ts';
import { isSafeSqlite } from './sqlite-version.ts';

export type SessionLine = {
  /** Of the newest request of the main conversation that a backend answered. */
  readonly task: string | null;
  readonly backend: string;
  readonly ttftMs: number | null;
  /** Over the newest requests of the session: those that found most of their prompt cached, of those known. */
  readonly hitRequests: number;
  readonly knownRequests: number;
  readonly inferredRequests: number;
  /** Over the same requests, as `stats` counts it. */
  readonly outputTokensPerS: number | null;
};

/** A prompt line does not wait for a writer. */
const BUSY_TIMEOUT_MS = 5;

const NEWEST = `select task, backend, ttft_ms as ttftMs from requests
  where session_id = ? and agent_id is null and kind = 'main' and backend <> 'daemon' and result <> 'running'
  order by started_ms desc, id desc limit 1`;

/** So many, because a row is a page of the file, and a long session has thousands: all of them took 5 ms of the 50. */
const NEWEST_REQUESTS = 200;

const FIGURES = `select
    count(*) filter (where cache_result = 'hit') as hitRequests,
    count(*) filter (where cache_evidence <> 'none') as knownRequests,
    count(*) filter (where cache_evidence = 'inferred') as inferredRequests,
    sum(${DECODE_TOKENS}) filter (where ${DECODED}) * 1000.0
      / sum(${DECODE_MS}) filter (where ${DECODED}) as outputTokensPerS
  from (select * from requests where session_id = ? and backend <> 'daemon'
    order by started_ms desc limit ${NEWEST_REQUESTS})`;

/** Undefined where no backend has answered the session yet. Rejects with the database's own error. */
export async function readSessionLine(
  path: string,
  sessionId: string,
  nodesSqlite = process.versions['sqlite'] ?? '0',
): Promise<SessionLine | undefined> {
  const file = isSafeSqlite(nodesSqlite) ? openByNode(path) : await openByAddon(path);
  try {
    const newest = file.first(NEWEST, sessionId) as
      | Pick<SessionLine, 'task' | 'backend' | 'ttftMs'>
      | undefined;
    if (newest === undefined) return undefined;
    return { ...newest, ...(file.first(FIGURES, sessionId) as Omit<SessionLine, keyof typeof newest>) };
  } finally {
    file.close();
  }
}

type ReadOnlyFile = { first(sql: string, parameter: string): unknown; close(): void };

function openByNode(path: string): ReadOnlyFile {
  // Not imported: from a bundled file that would load Node's loader of modules first.
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  const db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  return { first: (sql, parameter) => db.prepare(sql).get(parameter), close: () => db.close() };
}

async function openByAddon(path: string): Promise<ReadOnlyFile> {
  const { default: Database } = await import('better-sqlite3');
  const db = new Database(path, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  return { first: (sql, parameter) => db.prepare(sql).get(parameter), close: () => db.close() };
}
