// The few figures of one session that a status line shows. It goes past Kysely and the schema's check: those take
// longer to load than the whole line may take. Its columns have been there since the second step of the schema.

import Database from 'better-sqlite3';
import { DECODE_MS, DECODE_TOKENS, DECODED } from './decode.ts';

export type SessionLine = {
  /** Of the newest request of the main conversation that a backend answered. */
  readonly task: string | null;
  readonly backend: string;
  readonly ttftMs: number | null;
  /** Over the session: requests that found most of their prompt cached, of those whose report is known. */
  readonly hitRequests: number;
  readonly knownRequests: number;
  readonly inferredRequests: number;
  /** Over the session, as `stats` counts it. */
  readonly outputTokensPerS: number | null;
};

/** A prompt line does not wait for a writer. */
const BUSY_TIMEOUT_MS = 5;

const NEWEST = `select task, backend, ttft_ms as ttftMs from requests
  where session_id = ? and agent_id is null and kind = 'main' and backend <> 'daemon' and result <> 'running'
  order by started_ms desc, id desc limit 1`;

const FIGURES = `select
    count(*) filter (where cache_result = 'hit') as hitRequests,
    count(*) filter (where cache_evidence <> 'none') as knownRequests,
    count(*) filter (where cache_evidence = 'inferred') as inferredRequests,
    sum(${DECODE_TOKENS}) filter (where ${DECODED}) * 1000.0
      / sum(${DECODE_MS}) filter (where ${DECODED}) as outputTokensPerS
  from requests where session_id = ? and backend <> 'daemon'`;

/** Undefined where no backend has answered the session yet. Throws the database's own error. */
export function readSessionLine(path: string, sessionId: string): SessionLine | undefined {
  const db = new Database(path, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  try {
    const newest = db
      .prepare<[string], Pick<SessionLine, 'task' | 'backend' | 'ttftMs'>>(NEWEST)
      .get(sessionId);
    if (newest === undefined) return undefined;
    const figures = db.prepare<[string], Omit<SessionLine, keyof typeof newest>>(FIGURES).get(sessionId);
    return figures && { ...newest, ...figures };
  } finally {
    db.close();
  }
}
