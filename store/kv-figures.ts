// What the prompt caches did, by request, conversation, project or backend: tokens reused, computed and unknown, the
// waiting that was saved, and what broke. SQL that PostgreSQL speaks, too.

import { type ExpressionBuilder, type Kysely, sql } from 'kysely';
import type { BreakCause } from '../router/breaks.ts';
import type { Schema } from './schema.ts';

export const KV_BY = ['all', 'request', 'conversation', 'project', 'backend'] as const;
export type KvBy = (typeof KV_BY)[number];

/** Unix epoch, milliseconds. Both ends belong to it. */
export type KvRange = { readonly sinceMs: number; readonly untilMs: number };

/** Null is unknown. Requests that no backend answered are not in it. */
export type KvFigures = {
  readonly requests: number;
  /** Prompt tokens that came out of the cache, had to be computed, or whose fate nobody told. */
  readonly reusedTokens: number;
  readonly computedTokens: number;
  readonly unknownTokens: number;
  readonly saved: KvSaved | null;
  readonly breaks: KvBreaks;
};

/**
 * The bounds of each request, added up: the cold waits they are taken from are foretold by one model, so that their
 * errors go together.
 */
export type KvSaved = {
  readonly seconds: number;
  readonly lowSeconds: number;
  readonly highSeconds: number;
  /** Requests it is known of, and those of them whose wait was not seen but foretold. */
  readonly requests: number;
  readonly predictedRequests: number;
  /** Seconds, by where the cached tokens are known from. */
  readonly byEvidence: Readonly<Record<'reported' | 'progress' | 'inferred', number>>;
};

export type KvBreaks = {
  readonly count: number;
  /** Computed again, of the breaks that this is known of. */
  readonly tokens: number;
  readonly seconds: number | null;
  /** The most frequent first. */
  readonly causes: readonly { readonly cause: BreakCause; readonly count: number; readonly tokens: number }[];
};

/** `session` and `agent` name a conversation; an agent is null in the main one. */
export type KvRow = KvFigures & {
  readonly requestId?: string;
  readonly session?: string | null;
  readonly agent?: string | null;
  readonly project?: string | null;
  readonly backend?: string | null;
};

const KEYS = {
  all: [],
  request: ['request_id'],
  conversation: ['session_id', 'agent_id'],
  project: ['project'],
  backend: ['backend'],
} as const satisfies Readonly<Record<KvBy, readonly (keyof Schema['requests'])[]>>;

const NAMES = {
  request_id: 'requestId',
  session_id: 'session',
  agent_id: 'agent',
  project: 'project',
  backend: 'backend',
} as const;

/** A day of one person is some thousands of requests; nobody reads more rows than this. */
const MOST_ROWS = 1000;

/** The rows with the most prompt tokens first, 1,000 at most; with `all` there is exactly one. Rejects with the database's error. */
export async function kvFigures(db: Kysely<Schema>, range: KvRange, by: KvBy): Promise<readonly KvRow[]> {
  const keys = KEYS[by];
  const summed = answered(db, range).select(keys).select(sums);
  const grouped = keys.length === 0 ? summed : summed.groupBy(keys);
  const rows = await grouped.orderBy('all_tokens', 'desc').limit(MOST_ROWS).execute();
  const causes = await causesBy(db, range, by);
  return rows.map((row) => {
    const key = keyOf(row, keys);
    return { ...key, ...toFigures(row, causes.get(JSON.stringify(key)) ?? []) };
  });
}

/** The figures of all requests in the range. */
export async function kvTotals(db: Kysely<Schema>, range: KvRange): Promise<KvFigures> {
  const [all] = await kvFigures(db, range, 'all');
  return all ?? NO_KV_FIGURES;
}

export const NO_KV_FIGURES: KvFigures = {
  ...{ requests: 0, reusedTokens: 0, computedTokens: 0, unknownTokens: 0 },
  saved: null,
  breaks: { count: 0, tokens: 0, seconds: null, causes: [] },
};

function answered(db: Kysely<Schema>, { sinceMs, untilMs }: KvRange) {
  return db
    .selectFrom('requests')
    .where('started_ms', '>=', sinceMs)
    .where('started_ms', '<=', untilMs)
    .where('result', '<>', 'running')
    .where('backend', 'is not', null)
    .where('backend', '<>', 'daemon');
}

type Requests = ExpressionBuilder<Schema, 'requests'>;

type Sums = {
  readonly requests: number;
  readonly all_tokens: number;
  readonly known_tokens: number;
  readonly reused_tokens: number;
  readonly saved_requests: number;
  readonly predicted_requests: number;
  readonly saved: number;
  readonly saved_low: number;
  readonly saved_high: number;
  readonly saved_reported: number;
  readonly saved_progress: number;
  readonly saved_inferred: number;
  readonly breaks: number;
  readonly lost_tokens: number;
  readonly lost_seconds: number | null;
};

function sums(eb: Requests) {
  const { sum, count, countAll, coalesce } = eb.fn;
  const total = (column: 'prompt_tokens' | 'cached_tokens' | 'break_tokens' | SavedColumn) =>
    coalesce(sum<number>(column), sql.lit(0));
  const savedFrom = (evidence: 'reported' | 'progress' | 'inferred') =>
    coalesce(sum<number>('saved_seconds').filterWhere('cache_evidence', '=', evidence), sql.lit(0));
  const known = sum<number>('prompt_tokens').filterWhere('cache_evidence', '<>', 'none');
  return [
    countAll<number>().as('requests'),
    total('prompt_tokens').as('all_tokens'),
    coalesce(known, sql.lit(0)).as('known_tokens'),
    total('cached_tokens').as('reused_tokens'),
    count<number>('saved_seconds').as('saved_requests'),
    count<number>('saved_seconds').filterWhere('saved_basis', '=', 'predicted').as('predicted_requests'),
    total('saved_seconds').as('saved'),
    total('saved_low_seconds').as('saved_low'),
    total('saved_high_seconds').as('saved_high'),
    savedFrom('reported').as('saved_reported'),
    savedFrom('progress').as('saved_progress'),
    savedFrom('inferred').as('saved_inferred'),
    count<number>('break_cause').as('breaks'),
    total('break_tokens').as('lost_tokens'),
    sum<number | null>('break_seconds').as('lost_seconds'),
  ] as const;
}

type SavedColumn = 'saved_seconds' | 'saved_low_seconds' | 'saved_high_seconds';

function toFigures(row: Sums, causes: KvBreaks['causes']): KvFigures {
  return {
    requests: row.requests,
    reusedTokens: row.reused_tokens,
    computedTokens: row.known_tokens - row.reused_tokens,
    unknownTokens: row.all_tokens - row.known_tokens,
    saved: row.saved_requests === 0 ? null : savedIn(row),
    breaks: { count: row.breaks, tokens: row.lost_tokens, seconds: row.lost_seconds, causes },
  };
}

function savedIn(row: Sums): KvSaved {
  return {
    ...{ seconds: row.saved, lowSeconds: row.saved_low, highSeconds: row.saved_high },
    ...{ requests: row.saved_requests, predictedRequests: row.predicted_requests },
    byEvidence: {
      reported: row.saved_reported,
      progress: row.saved_progress,
      inferred: row.saved_inferred,
    },
  };
}

type Key = { readonly [column in keyof typeof NAMES]?: string | null };

/** Of each group, by its key as text. */
async function causesBy(
  db: Kysely<Schema>,
  range: KvRange,
  by: KvBy,
): Promise<ReadonlyMap<string, KvBreaks['causes']>> {
  const rows = await answered(db, range)
    .where('break_cause', 'is not', null)
    .select([...KEYS[by], 'break_cause'])
    .select((eb) => [
      eb.fn.countAll<number>().as('count'),
      eb.fn.coalesce(eb.fn.sum<number>('break_tokens'), sql.lit(0)).as('tokens'),
    ])
    .groupBy([...KEYS[by], 'break_cause'])
    .orderBy('count', 'desc')
    .orderBy('break_cause')
    .execute();
  const found = new Map<string, KvBreaks['causes'][number][]>();
  for (const row of rows) {
    const { break_cause: cause, count, tokens } = row;
    const key = JSON.stringify(keyOf(row, KEYS[by]));
    if (cause !== null) found.set(key, [...(found.get(key) ?? []), { cause, count, tokens }]);
  }
  return found;
}

function keyOf(row: Key, columns: readonly (keyof Key)[]): Partial<KvRow> {
  return Object.fromEntries(columns.map((column) => [NAMES[column], row[column] ?? null]));
}
