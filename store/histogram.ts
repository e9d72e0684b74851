// Counts of values by size. Bucket k holds the values from 2^(k/4) up to 2^((k+1)/4), so a percentile read from it is
// off by a tenth at most, whatever its size, and buckets of any two hours can be added.

import { type RawBuilder, sql } from 'kysely';
import { DECODE_RATE, DECODED } from './sums.ts';

const BUCKETS_PER_DOUBLING = 4;

/** How many values fell into each bucket. */
export type Histogram = ReadonlyMap<number, number>;

/** Milliseconds to the first token by what was found in the cache, and tokens a second after it. */
export type HistogramName = 'ttft-hit' | 'ttft-partial' | 'ttft-miss' | 'ttft-unknown' | 'decode';

/** Which requests a histogram has, its name for each of them, and its value. */
export const HISTOGRAMS = [
  {
    name: sql<HistogramName>`'ttft-' || cache_result`,
    value: sql<number>`ttft_ms`,
    where: sql<boolean>`ttft_ms is not null`,
  },
  {
    name: sql<HistogramName>`'decode'`,
    value: DECODE_RATE,
    where: DECODED,
  },
] as const;

/** The number of the bucket that a value belongs to. What is less than 0.001, 0 above all, counts as 0.001. */
export function bucketOf(value: RawBuilder<number>): RawBuilder<number> {
  const positive = sql`case when ${value} < 0.001 then 0.001 else ${value} end`;
  return sql`cast(floor(${sql.lit(BUCKETS_PER_DOUBLING)} * ln(${positive}) / ln(2.0)) as integer)`;
}

export function addHistograms(histograms: readonly Histogram[]): Histogram {
  const sum = new Map<number, number>();
  for (const histogram of histograms) {
    for (const [bucket, count] of histogram) sum.set(bucket, (sum.get(bucket) ?? 0) + count);
  }
  return sum;
}

export function countIn(histogram: Histogram): number {
  return [...histogram.values()].reduce((sum, count) => sum + count, 0);
}

/** Estimates: values are taken to lie evenly in their bucket. Null where there are none. */
export function percentilesOf(histogram: Histogram, shares: readonly number[]): readonly (number | null)[] {
  const buckets = [...histogram].sort(([a], [b]) => a - b);
  const total = countIn(histogram);
  return shares.map((share) => valueAt(buckets, share * (total - 1)));
}

/** `rank` counts from 0. */
function valueAt(buckets: readonly (readonly [number, number])[], rank: number): number | null {
  let left = Math.max(0, rank);
  for (const [bucket, count] of buckets) {
    if (left < count) return 2 ** ((bucket + (left + 0.5) / count) / BUCKETS_PER_DOUBLING);
    left -= count;
  }
  return null;
}
