// The history of requests, a page at a time, the newest first. What is not known is null.

import { type Kysely, type SqlBool, sql } from 'kysely';
import type { BreakCause, BreakSegment } from '../router/breaks.ts';
import type { CacheResult } from '../router/cache.ts';
import type { DecisionReason, Task } from '../router/decision.ts';
import type { CacheReport, Kind } from '../router/outcome.ts';
import type { RequestResult, RequestsTable, Schema } from './schema.ts';

export const REQUEST_RESULTS = [
  'completed',
  'failed',
  'cancelled',
  'refused',
  'interrupted',
  'running',
] as const satisfies readonly RequestResult[];

export type HistoryFilter = {
  /** Both ends belong to it. Unix epoch, milliseconds. */
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
  readonly backend?: string | undefined;
  readonly model?: string | undefined;
  readonly task?: Task | undefined;
  readonly kind?: Kind | undefined;
  readonly result?: RequestResult | undefined;
  readonly cache?: CacheResult | undefined;
  readonly reason?: DecisionReason | undefined;
  /** Requests that broke the cache: by this cause, or by any. */
  readonly break?: BreakCause | 'any' | undefined;
  readonly session?: string | undefined;
  /** A working directory, or its last part: what a person calls the project. */
  readonly project?: string | undefined;
  /** `next` of the page before. */
  readonly before?: Cursor | undefined;
  readonly limit: number;
};

/** Where a page begins: what lies before this request. */
export type Cursor = { readonly startedMs: number; readonly id: number };

export type HistoryRow = {
  readonly requestId: string;
  readonly startedAtMs: number;
  readonly result: RequestResult;
  readonly kind: Kind | null;
  readonly task: Task | null;
  readonly taskProbability: number | null;
  readonly backend: string | null;
  readonly model: string | null;
  readonly reason: DecisionReason | null;
  /** Why it failed or was refused. */
  readonly fault: string | null;
  readonly message: string | null;
  readonly session: string | null;
  readonly project: string | null;
  readonly promptTokens: number | null;
  readonly cachedTokens: number | null;
  readonly cacheEvidence: CacheReport['evidence'];
  readonly cache: CacheResult;
  readonly outputTokens: number | null;
  readonly ttftMs: number | null;
  readonly firstTokenMs: number | null;
  /** Null where a backend failed before the one that answered: the wait was in nobody's forecast. */
  readonly predictedTtftMs: number | null;
  readonly durationMs: number | null;
  readonly attempts: number | null;
  /** The waiting that the cache spared: an estimate. */
  readonly savedSeconds: number | null;
  readonly break: {
    readonly cause: BreakCause;
    readonly segment: BreakSegment | null;
    /** A clause for a person, without any text of the prompt. */
    readonly detail: string | null;
    readonly tokens: number | null;
    readonly seconds: number | null;
    readonly secondsBasis: 'measured' | 'inferred' | null;
  } | null;
};

export type HistoryPage = {
  readonly rows: readonly HistoryRow[];
  /** Absent on the last page. */
  readonly next?: Cursor;
};

const COLUMNS = {
  backend: 'backend',
  model: 'model',
  task: 'task',
  kind: 'kind',
  result: 'result',
  cache: 'cache_result',
  reason: 'decision_reason',
  session: 'session_id',
} as const satisfies Partial<Record<keyof HistoryFilter, keyof RequestsTable>>;

export async function requestHistory(db: Kysely<Schema>, filter: HistoryFilter): Promise<HistoryPage> {
  const rows = await filtered(db, filter)
    .select(SHOWN)
    .orderBy('started_ms', 'desc')
    .orderBy('id', 'desc')
    .limit(filter.limit + 1)
    .execute();
  const shown = rows.slice(0, filter.limit);
  const last = rows.length > filter.limit ? shown.at(-1) : undefined;
  return {
    rows: shown.map(toRow),
    ...(last && { next: { startedMs: last.startedAtMs, id: last.id } }),
  };
}

function filtered(
  db: Kysely<Schema>,
  { sinceMs, untilMs, before, project, break: cause, ...filter }: HistoryFilter,
) {
  let query = db.selectFrom('requests');
  if (sinceMs !== undefined) query = query.where('started_ms', '>=', sinceMs);
  if (untilMs !== undefined) query = query.where('started_ms', '<=', untilMs);
  if (before) query = query.where(sql<SqlBool>`(started_ms, id) < (${before.startedMs}, ${before.id})`);
  if (cause === 'any') query = query.where('break_cause', 'is not', null);
  else if (cause !== undefined) query = query.where('break_cause', '=', cause);
  if (project !== undefined) {
    const ending = `/${project}`;
    query = query.where(
      sql<SqlBool>`(project = ${project} or substr(project, -length(${ending})) = ${ending})`,
    );
  }
  for (const name of Object.keys(COLUMNS) as (keyof typeof COLUMNS)[]) {
    const wanted = filter[name];
    if (wanted !== undefined) query = query.where(COLUMNS[name], '=', wanted);
  }
  return query;
}

const SHOWN = [
  'id',
  'request_id as requestId',
  'started_ms as startedAtMs',
  'result',
  'kind',
  'task',
  'task_probability as taskProbability',
  'backend',
  'model',
  'decision_reason as reason',
  'fault',
  'refusal',
  'message',
  'session_id as session',
  'project',
  'prompt_tokens as promptTokens',
  'cached_tokens as cachedTokens',
  'cache_evidence as cacheEvidence',
  'cache_result as cache',
  'output_tokens as outputTokens',
  'ttft_ms as ttftMs',
  'first_token_ms as firstTokenMs',
  'predicted_ttft_ms as predictedTtftMs',
  'duration_ms as durationMs',
  'attempts',
  'saved_seconds as savedSeconds',
  'break_cause',
  'break_segment',
  'break_detail',
  'break_tokens',
  'break_seconds',
  'break_seconds_basis',
] as const;

type BreakColumns = Pick<
  RequestsTable,
  | 'break_cause'
  | 'break_segment'
  | 'break_detail'
  | 'break_tokens'
  | 'break_seconds'
  | 'break_seconds_basis'
  | 'refusal'
>;
type Selected = Omit<HistoryRow, 'break'> & BreakColumns & { readonly id: number };

function toRow(selected: Selected): HistoryRow {
  const {
    id: _id,
    refusal,
    fault,
    break_cause: cause,
    break_segment: segment,
    break_detail: detail,
    break_tokens: tokens,
    break_seconds: seconds,
    break_seconds_basis: secondsBasis,
    ...row
  } = selected;
  const broke = cause === null ? null : { cause, segment, detail, tokens, seconds, secondsBasis };
  const predictedTtftMs = row.attempts === 0 ? row.predictedTtftMs : null;
  return { ...row, predictedTtftMs, fault: fault ?? refusal, break: broke };
}
