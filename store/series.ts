// What is drawn over time: the wait for the first content, warm against cold, and the share of prompts found cached.

import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Schema } from './schema.ts';

export type SeriesRange = {
  /** Both ends belong to it. Unix epoch, milliseconds. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Length of one step. */
  readonly stepMs: number;
};

/** One step of the range in which a backend was asked for something. Null is "nobody told". */
export type SeriesPoint = {
  readonly startMs: number;
  readonly requests: number;
  readonly failed: number;
  /** Requests whose cache report is known, and those of them that found most of their prompt cached. */
  readonly cacheKnownRequests: number;
  readonly cacheHitRequests: number;
  /** Medians of TTFT with the number of requests behind them. */
  readonly warmTtftMs: number | null;
  readonly warmRequests: number;
  readonly coldTtftMs: number | null;
  readonly coldRequests: number;
};

export async function requestSeries(
  db: Kysely<Schema>,
  { sinceMs, untilMs, stepMs }: SeriesRange,
): Promise<readonly SeriesPoint[]> {
  const step = sql<number>`cast((started_ms - ${sinceMs}) / ${stepMs} as integer)`;
  const rows = await db
    .selectFrom('requests')
    .where('started_ms', '>=', sinceMs)
    .where('started_ms', '<=', untilMs)
    .where('backend', '<>', 'daemon')
    .where('result', '<>', 'running')
    .select((eb) => [
      step.as('step'),
      eb.fn.countAll<number>().as('requests'),
      eb.fn.countAll<number>().filterWhere('result', '=', 'failed').as('failed'),
      eb.fn.countAll<number>().filterWhere('cache_result', '<>', 'unknown').as('cacheKnownRequests'),
      eb.fn.countAll<number>().filterWhere('cache_result', '=', 'hit').as('cacheHitRequests'),
      eb.fn.count<number>('ttft_ms').filterWhere('cache_result', '=', 'hit').as('warmRequests'),
      eb.fn.count<number>('ttft_ms').filterWhere('cache_result', '=', 'miss').as('coldRequests'),
      medianTtft('hit').as('warmTtftMs'),
      medianTtft('miss').as('coldTtftMs'),
    ])
    .groupBy(step)
    .orderBy(step)
    .execute();
  return rows.map(({ step: at, ...point }) => ({ startMs: sinceMs + at * stepMs, ...point }));
}

/** SQLite's spelling; PostgreSQL says `percentile_cont(0.5) within group (order by ttft_ms)`. */
function medianTtft(cache: 'hit' | 'miss'): RawBuilder<number | null> {
  return sql`percentile_cont(ttft_ms, 0.5) filter (where cache_result = ${sql.lit(cache)})`;
}
