// What is drawn over time: the wait for the first content, warm against cold, and the share of prompts found cached.

import type { Kysely } from 'kysely';
import type { Grouping } from './grouping.ts';
import { HOUR_MS } from './rollup.ts';
import type { Schema } from './schema.ts';
import { snapshot } from './snapshot.ts';
import { EXACT_UP_TO_REQUESTS, sourcesOf } from './sources.ts';
import { NO_SPREADS, spreadsBy } from './spreads.ts';
import { sumsBy } from './sums-by.ts';

export type SeriesRange = {
  /** Both ends belong to it. Unix epoch, milliseconds. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Length of one step. */
  readonly stepMs: number;
};

/** One step of the range in which something was asked for that the daemon does not answer itself. Null is "nobody told". */
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

export type Series = {
  /** `estimated`: medians out of hourly histograms, a tenth off at most. */
  readonly percentiles: 'exact' | 'estimated';
  readonly points: readonly SeriesPoint[];
};

/** Out of the same sums as `stats`. Rejects with the database's error. */
export async function requestSeries(db: Kysely<Schema>, range: SeriesRange): Promise<Series> {
  const { sinceMs, untilMs, stepMs } = range;
  // Hours cannot be cut into shorter steps.
  const exactUpTo = stepMs < HOUR_MS ? Number.MAX_SAFE_INTEGER : EXACT_UP_TO_REQUESTS;
  const grouping: Grouping = { facet: 'route', keys: ['step'], steps: { sinceMs, stepMs } };
  return snapshot(db, async (read) => {
    const sources = await sourcesOf(read, { sinceMs, endMs: untilMs + 1 }, exactUpTo);
    const sums = await sumsBy(read, sources, grouping);
    const { groups } = await spreadsBy(read, sources, grouping);
    const points = sums.map(({ name, values: [step], row }): SeriesPoint => {
      const { warm, cold } = (groups.get(name) ?? NO_SPREADS).ttftMs;
      return {
        startMs: sinceMs + Number(step) * stepMs,
        requests: row.requests,
        failed: row.failed,
        ...{ cacheKnownRequests: row.cache_known, cacheHitRequests: row.cache_hits },
        ...{ warmTtftMs: warm.p50, warmRequests: warm.n, coldTtftMs: cold.p50, coldRequests: cold.n },
      };
    });
    return {
      percentiles: sources.rolled === undefined ? 'exact' : 'estimated',
      points: points.toSorted((a, b) => a.startMs - b.startMs),
    };
  });
}
