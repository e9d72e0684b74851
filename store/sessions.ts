// The coding sessions that the file knows of: which there are, and every request of one of them. What is not known
// is null. A request that named no session belongs to none, and is only counted.

import { type ExpressionBuilder, type Kysely, type Selectable, sql } from 'kysely';
import type { RequestsTable, Schema } from './schema.ts';

export type SessionSummary = {
  readonly sessionId: string;
  /** The one that its newest request named. */
  readonly project: string | null;
  readonly startedMs: number;
  /** When its newest request ended, or began where it still runs. */
  readonly lastMs: number;
  /** Prompts of the person that came to a decision. */
  readonly turns: number;
  readonly subagents: number;
  readonly requests: number;
  readonly running: number;
  /** Failed, refused or cut off by the daemon's end. */
  readonly failed: number;
  readonly cancelled: number;
  /** Requests that found most of their prompt cached, of those whose report is known, and how many of these are inferred. */
  readonly cacheHitRequests: number;
  readonly cacheKnownRequests: number;
  readonly cacheInferredRequests: number;
  /** To the first token, summed over the main conversation; a request that ended without one counts with all its time. */
  readonly waitedMs: number | null;
  readonly outputTokens: number | null;
  readonly cacheBreaks: number;
  /** Busiest first; without those that the daemon answered itself. */
  readonly backends: readonly BackendShare[];
};

export type BackendShare = { readonly backend: string; readonly requests: number };

export type SessionList = {
  /** The one that was used last comes first. Figures are of whole sessions, whatever part of them is in the range. */
  readonly sessions: readonly SessionSummary[];
  /** Sessions of the range beyond the limit. */
  readonly more: number;
  /** Requests of the range that named no session. */
  readonly requestsWithoutSession: number;
};

export type SessionRange = { readonly sinceMs: number; readonly limit: number };

/** Rejects with the database's own error. */
export async function listSessions(
  db: Kysely<Schema>,
  { sinceMs, limit }: SessionRange,
): Promise<SessionList> {
  const inRange = db.selectFrom('requests').where('started_ms', '>=', sinceMs);
  const counted = await inRange
    .select((eb) => eb.fn.count<number>('session_id').distinct().as('sessions'))
    .select((eb) =>
      eb.fn.countAll<number>().filterWhere('session_id', 'is', null).as('requestsWithoutSession'),
    )
    .executeTakeFirstOrThrow();
  const newest = await inRange
    .where('session_id', 'is not', null)
    .select((eb) => ['session_id', eb.fn.max('started_ms').as('newest')])
    .groupBy('session_id')
    .orderBy('newest', 'desc')
    .orderBy('session_id')
    .limit(limit)
    .execute();
  const sessions: SessionSummary[] = [];
  for (const { session_id } of newest) {
    if (session_id !== null) sessions.push(await summaryOf(db, session_id));
  }
  return {
    sessions,
    more: counted.sessions - sessions.length,
    requestsWithoutSession: counted.requestsWithoutSession,
  };
}

export type FoundSession =
  | { readonly sessionId: string }
  /** Several ids begin like that: the first few of them. */
  | { readonly ambiguous: readonly string[] }
  | { readonly missing: true };

const CANDIDATES_SHOWN = 5;

/** By its id or how that begins; `-1` is the session that was used last, `-2` the one before it … */
export async function findSession(db: Kysely<Schema>, asked: string): Promise<FoundSession> {
  const back = /^-([1-9]\d{0,8})$/.exec(asked)?.[1];
  const ids = back === undefined ? await idsLike(db, asked) : await idsByAge(db, Number(back));
  const [first, second] = ids;
  if (first === undefined) return { missing: true };
  return second === undefined || first === asked ? { sessionId: first } : { ambiguous: ids };
}

async function idsLike(db: Kysely<Schema>, beginning: string): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('requests')
    .where('session_id', '>=', beginning)
    // The last code point there is: every id that begins so sorts before it, and the index does the search.
    .where('session_id', '<', `${beginning}\u{10ffff}`)
    .select('session_id')
    .distinct()
    .orderBy('session_id')
    .limit(CANDIDATES_SHOWN)
    .execute();
  return rows.flatMap(({ session_id }) => session_id ?? []);
}

async function idsByAge(db: Kysely<Schema>, back: number): Promise<readonly string[]> {
  const row = await db
    .selectFrom('requests')
    .where('session_id', 'is not', null)
    .select((eb) => ['session_id', eb.fn.max('started_ms').as('newest')])
    .groupBy('session_id')
    .orderBy('newest', 'desc')
    .orderBy('session_id')
    .limit(1)
    .offset(back - 1)
    .executeTakeFirst();
  return row?.session_id == null ? [] : [row.session_id];
}

const HISTORY_COLUMNS = [
  'request_id',
  'started_ms',
  'ended_ms',
  'result',
  'kind',
  'task',
  'backend',
  'model',
  'decision_reason',
  'decision_detail',
  'agent_id',
  'turn_id',
  'project',
  'fault',
  'refusal',
  'prompt_tokens',
  'cached_tokens',
  'cache_evidence',
  'cache_result',
  'output_tokens',
  'ttft_ms',
  'duration_ms',
  'tool_calls',
  'message',
  'break_cause',
  'break_detail',
  'break_tokens',
  'break_seconds',
  'break_seconds_basis',
  'saved_seconds',
] as const satisfies readonly (keyof RequestsTable)[];

export type SessionRequest = Pick<Selectable<RequestsTable>, (typeof HISTORY_COLUMNS)[number]>;

/** In the order in which they arrived. */
export function requestsOfSession(db: Kysely<Schema>, sessionId: string): Promise<readonly SessionRequest[]> {
  return db
    .selectFrom('requests')
    .where('session_id', '=', sessionId)
    .select(HISTORY_COLUMNS)
    .orderBy('started_ms')
    .orderBy('id')
    .execute();
}

async function summaryOf(db: Kysely<Schema>, sessionId: string): Promise<SessionSummary> {
  const ofIt = db.selectFrom('requests').where('session_id', '=', sessionId);
  const figures = await ofIt.select(figuresOf).executeTakeFirstOrThrow();
  const named = await ofIt
    .where('project', 'is not', null)
    .select('project')
    .orderBy('started_ms', 'desc')
    .limit(1)
    .executeTakeFirst();
  const backends = await ofIt
    .where('backend', '<>', 'daemon')
    .select((eb) => [eb.ref('backend').$notNull().as('backend'), eb.fn.countAll<number>().as('requests')])
    .groupBy('backend')
    .orderBy('requests', 'desc')
    .orderBy('backend')
    .execute();
  return { sessionId, project: named?.project ?? null, ...figures, backends };
}

function figuresOf(eb: ExpressionBuilder<Schema, 'requests'>) {
  const count = () => eb.fn.countAll<number>();
  const inMain = sql<boolean>`(agent_id is null and kind in ('main', 'compact') and backend <> 'daemon')`;
  return [
    eb.fn.min<number>('started_ms').as('startedMs'),
    eb.fn.max<number>(sql`coalesce(ended_ms, started_ms)`).as('lastMs'),
    eb.fn
      .count<number>('turn_id')
      .distinct()
      .filterWhere(sql<boolean>`(kind = 'main' and agent_id is null)`)
      .as('turns'),
    eb.fn.count<number>('agent_id').distinct().as('subagents'),
    count().as('requests'),
    count().filterWhere('result', '=', 'running').as('running'),
    count().filterWhere('result', 'in', ['failed', 'refused', 'interrupted']).as('failed'),
    count().filterWhere('result', '=', 'cancelled').as('cancelled'),
    count().filterWhere('cache_result', '=', 'hit').as('cacheHitRequests'),
    count().filterWhere('cache_evidence', '<>', 'none').as('cacheKnownRequests'),
    count().filterWhere('cache_evidence', '=', 'inferred').as('cacheInferredRequests'),
    eb.fn.sum<number | null>(sql`coalesce(ttft_ms, duration_ms)`).filterWhere(inMain).as('waitedMs'),
    eb.fn.sum<number | null>('output_tokens').filterWhere('backend', '<>', 'daemon').as('outputTokens'),
    count().filterWhere('break_cause', 'is not', null).as('cacheBreaks'),
  ] as const;
}
