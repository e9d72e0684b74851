// What is measured of a set of requests, as SQL and as the figures that follow from it.

import { type ExpressionBuilder, type RawBuilder, sql } from 'kysely';
import type { RequestResult, Schema } from './schema.ts';

/** `n` values, their median and their 95th percentile; the percentiles are null where n is 0. */
export type Spread = { readonly n: number; readonly p50: number | null; readonly p95: number | null };

export type Counts = {
  readonly requests: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly refused: number;
  readonly interrupted: number;
  readonly sessions: number;
};

export type Figures = {
  /** Completed, of those that were not cancelled by the client. */
  readonly okPercent: number | null;
  readonly promptTokens: number | null;
  readonly outputTokens: number | null;
  /** Requests a backend answered whose cache report is known, how many of these are inferred, and unknown ones. */
  readonly cacheKnownRequests: number;
  readonly cacheInferredRequests: number;
  readonly cacheUnknownRequests: number;
  readonly cacheHitRequests: number;
  /** Requests that found most of their prompt cached, of those whose report is known. */
  readonly hitPercent: number | null;
  /** Prompt tokens of the requests whose cache report is known: what `cachedTokens` is a part of. */
  readonly cacheKnownPromptTokens: number;
  readonly cachedTokens: number | null;
  readonly cachedPercent: number | null;
  /** From the first content to the end, completed requests without tool calls only. */
  readonly outputTokensPerS: number | null;
  /** Warm: most of the prompt was cached. Cold: next to none was. `all` has the unknown ones, too. */
  readonly ttftMs: { readonly all: Spread; readonly warm: Spread; readonly cold: Spread };
};

/** Something came back from a backend, so there could have been a cache report. */
const ANSWERED = sql<boolean>`(backend <> 'daemon' and (result = 'completed' or ttft_ms is not null))`;

type Requests = ExpressionBuilder<Schema, 'requests'>;

export function countOf(eb: Requests, result: RequestResult) {
  return eb.fn.countAll<number>().filterWhere('result', '=', result);
}

export function countsOf(eb: Requests) {
  return [
    eb.fn.countAll<number>().as('requests'),
    countOf(eb, 'completed').as('completed'),
    countOf(eb, 'failed').as('failed'),
    countOf(eb, 'cancelled').as('cancelled'),
    countOf(eb, 'refused').as('refused'),
    countOf(eb, 'interrupted').as('interrupted'),
    eb.fn.count<number>('session_id').distinct().as('sessions'),
  ] as const;
}

export function countsIn({
  requests,
  completed,
  failed,
  cancelled,
  refused,
  interrupted,
  sessions,
}: Counts): Counts {
  return { requests, completed, failed, cancelled, refused, interrupted, sessions };
}

export function figuresOf(eb: Requests) {
  const count = () => eb.fn.countAll<number>();
  const answered = () => count().filterWhere(ANSWERED);
  const sum = (column: 'prompt_tokens' | 'output_tokens' | 'cached_tokens') =>
    eb.fn.sum<number | null>(column);
  return [
    sum('prompt_tokens').as('promptTokens'),
    sum('output_tokens').as('outputTokens'),
    sum('cached_tokens').as('cachedTokens'),
    knownPromptTokens().as('cacheKnownPromptTokens'),
    count().filterWhere('cache_evidence', '<>', 'none').as('cacheKnownRequests'),
    count().filterWhere('cache_evidence', '=', 'inferred').as('cacheInferredRequests'),
    answered().filterWhere('cache_evidence', '=', 'none').as('cacheUnknownRequests'),
    count().filterWhere('cache_result', '=', 'hit').as('cacheHitRequests'),
    outputTokensPerS().as('outputTokensPerS'),
    ...spreadOf(eb, 'all', sql<boolean>`true`),
    ...spreadOf(eb, 'warm', sql<boolean>`cache_result = 'hit'`),
    ...spreadOf(eb, 'cold', sql<boolean>`cache_result = 'miss'`),
  ] as const;
}

type FigureColumns = Omit<Figures, 'ttftMs' | 'okPercent' | 'hitPercent' | 'cachedPercent'> & {
  readonly [name in `${'all' | 'warm' | 'cold'}${'P50' | 'P95'}`]: number | null;
} & { readonly [name in `${'all' | 'warm' | 'cold'}N`]: number };

export const NO_FIGURES: FigureColumns = {
  promptTokens: null,
  outputTokens: null,
  cachedTokens: null,
  outputTokensPerS: null,
  cacheKnownPromptTokens: 0,
  cacheKnownRequests: 0,
  cacheInferredRequests: 0,
  cacheUnknownRequests: 0,
  cacheHitRequests: 0,
  ...{ allN: 0, allP50: null, allP95: null },
  ...{ warmN: 0, warmP50: null, warmP95: null },
  ...{ coldN: 0, coldP50: null, coldP95: null },
};

/** The shares that follow from the sums; none where there is nothing to take a share of. */
export function toFigures(row: FigureColumns, counts: Counts): Figures {
  return {
    okPercent: percent(
      counts.completed,
      counts.completed + counts.failed + counts.refused + counts.interrupted,
    ),
    promptTokens: row.promptTokens,
    outputTokens: row.outputTokens,
    cacheKnownRequests: row.cacheKnownRequests,
    cacheInferredRequests: row.cacheInferredRequests,
    cacheUnknownRequests: row.cacheUnknownRequests,
    cacheHitRequests: row.cacheHitRequests,
    hitPercent: percent(row.cacheHitRequests, row.cacheKnownRequests),
    cacheKnownPromptTokens: row.cacheKnownPromptTokens,
    cachedTokens: row.cachedTokens,
    cachedPercent: percent(row.cachedTokens, row.cacheKnownPromptTokens),
    outputTokensPerS: row.outputTokensPerS,
    ttftMs: {
      all: { n: row.allN, p50: row.allP50, p95: row.allP95 },
      warm: { n: row.warmN, p50: row.warmP50, p95: row.warmP95 },
      cold: { n: row.coldN, p50: row.coldP50, p95: row.coldP95 },
    },
  };
}

function percent(part: number | null, whole: number): number | null {
  return part === null || whole === 0 ? null : (100 * part) / whole;
}

function spreadOf<Name extends string>(eb: Requests, name: Name, where: RawBuilder<boolean>) {
  return [
    eb.fn.count<number>('ttft_ms').filterWhere(where).as(`${name}N`),
    percentile('ttft_ms', 0.5, where).as(`${name}P50`),
    percentile('ttft_ms', 0.95, where).as(`${name}P95`),
  ] as const;
}

/** SQLite's spelling; PostgreSQL says `percentile_cont(share) within group (order by column)`. */
function percentile(column: string, share: number, where: RawBuilder<boolean>): RawBuilder<number | null> {
  return sql`percentile_cont(${sql.ref(column)}, ${sql.lit(share)}) filter (where ${where})`;
}

function knownPromptTokens(): RawBuilder<number> {
  return sql`coalesce(sum(prompt_tokens) filter (where cache_evidence <> 'none'), 0)`;
}

/** Tokens over time of all requests together, so that a long answer weighs more than a short one. */
// A tool call is shown when it is whole: its tokens were generated before the first one was seen.
function outputTokensPerS(): RawBuilder<number | null> {
  const where = sql`result = 'completed' and output_tokens is not null and duration_ms > ttft_ms
    and tool_calls = 0`;
  return sql`sum(output_tokens) filter (where ${where}) * 1000.0
    / sum(duration_ms - ttft_ms) filter (where ${where})`;
}
