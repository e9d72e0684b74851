// Percentiles of a grouping: exact where they come from the rows, estimated where they come from buckets.

import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { CacheResult } from '../router/cache.ts';
import { askHours, askRequests, type Grouped, type Grouping, nameOf } from './grouping.ts';
import {
  addHistograms,
  bucketOf,
  countIn,
  HISTOGRAMS,
  type Histogram,
  type HistogramName,
  percentilesOf,
} from './histogram.ts';
import type { Schema } from './schema.ts';
import type { Sources } from './sources.ts';
import { DECODE_RATE, DECODED } from './sums.ts';

/** `n` values, their median and their 95th percentile; the percentiles are null where n is 0. */
export type Spread = { readonly n: number; readonly p50: number | null; readonly p95: number | null };
/** Of speeds the slow end is the one that hurts. */
export type SpeedSpread = { readonly n: number; readonly p5: number | null; readonly p50: number | null };

export type Spreads = {
  /** Warm: most of the prompt was cached. Cold: next to none was. `all` has those between and the unknown ones, too. */
  readonly ttftMs: {
    readonly all: Spread;
    readonly warm: Spread;
    readonly cold: Spread;
    readonly unknown: Spread;
  };
  /** Of requests, each for itself. */
  readonly decodeTokensPerS: SpeedSpread;
};

export const NO_SPREADS: Spreads = spreadsOf(new Map());

/** The spreads of each group, by its name. */
type SpreadsByGroup = ReadonlyMap<string, Spreads>;

/** Of each group and of all of them together. */
export async function spreadsBy(
  db: Kysely<Schema>,
  sources: Sources,
  grouping: Grouping,
): Promise<{ readonly groups: SpreadsByGroup; readonly all: Spreads }> {
  if (sources.rolled !== undefined) return estimatedSpreads(db, sources, grouping);
  const groups = await exactSpreads(db, sources, grouping);
  // Percentiles cannot be added up.
  const whole = await exactSpreads(db, sources, { ...grouping, keys: [] });
  return { groups, all: whole.get(nameOf([])) ?? NO_SPREADS };
}

const TTFTS = {
  all: sql<boolean>`ttft_ms is not null`,
  warm: ofCache('hit'),
  cold: ofCache('miss'),
  unknown: ofCache('unknown'),
};
const TTFT_NAMES = Object.keys(TTFTS) as readonly (keyof typeof TTFTS)[];

type ExactColumns = Readonly<Record<string, number | null>>;

async function exactSpreads(
  db: Kysely<Schema>,
  sources: Sources,
  grouping: Grouping,
): Promise<SpreadsByGroup> {
  const ttft = sql`ttft_ms`;
  const select = [
    ...TTFT_NAMES.flatMap((name) => [
      counted(TTFTS[name], `${name}N`),
      percentile({ of: ttft, share: 0.5, where: TTFTS[name] }, `${name}P50`),
      percentile({ of: ttft, share: 0.95, where: TTFTS[name] }, `${name}P95`),
    ]),
    counted(DECODED, 'decodeN'),
    percentile({ of: DECODE_RATE, share: 0.05, where: DECODED }, 'decodeP5'),
    percentile({ of: DECODE_RATE, share: 0.5, where: DECODED }, 'decodeP50'),
  ];
  const rows = await askRequests<ExactColumns>(db, { sources, grouping, select });
  return new Map(rows.map(({ name, row }) => [name, fromColumns(row)]));
}

function fromColumns(row: ExactColumns): Spreads {
  const figure = (name: string) => row[name] ?? null;
  const ttft = (name: keyof typeof TTFTS): Spread => ({
    n: figure(`${name}N`) ?? 0,
    p50: figure(`${name}P50`),
    p95: figure(`${name}P95`),
  });
  return {
    ttftMs: { all: ttft('all'), warm: ttft('warm'), cold: ttft('cold'), unknown: ttft('unknown') },
    decodeTokensPerS: { n: figure('decodeN') ?? 0, p5: figure('decodeP5'), p50: figure('decodeP50') },
  };
}

type Bucket = { readonly histogram: HistogramName; readonly bucket: number; readonly requests: number };
type Histograms = ReadonlyMap<HistogramName, Histogram>;

async function estimatedSpreads(
  db: Kysely<Schema>,
  sources: Sources,
  grouping: Grouping,
): Promise<{ readonly groups: SpreadsByGroup; readonly all: Spreads }> {
  const alsoBy = ['histogram', 'bucket'];
  const select = [sql`histogram`, sql`bucket`, sql`sum(requests) as requests`];
  const found = [
    ...(await askHours<Bucket>(db, { sources, grouping, select, alsoBy, table: 'rollup_buckets' })),
  ];
  for (const { name, value, where } of HISTOGRAMS) {
    const counting = [
      sql`${name} as histogram`,
      sql`${bucketOf(value)} as bucket`,
      sql`count(*) as requests`,
    ];
    found.push(...(await askRequests<Bucket>(db, { sources, grouping, select: counting, alsoBy, where })));
  }
  const groups = [...gathered(found, ({ name }) => name)];
  const all = gathered(found, () => nameOf([])).get(nameOf([]));
  return {
    groups: new Map(groups.map(([name, histograms]) => [name, spreadsOf(histograms)])),
    all: all === undefined ? NO_SPREADS : spreadsOf(all),
  };
}

function gathered(
  buckets: readonly Grouped<Bucket>[],
  nameIn: (bucket: Grouped<Bucket>) => string,
): ReadonlyMap<string, Histograms> {
  const groups = new Map<string, Map<HistogramName, Map<number, number>>>();
  for (const bucket of buckets) {
    const { row } = bucket;
    const name = nameIn(bucket);
    const group = groups.get(name) ?? new Map<HistogramName, Map<number, number>>();
    groups.set(name, group);
    const histogram = group.get(row.histogram) ?? new Map<number, number>();
    group.set(row.histogram, histogram);
    histogram.set(row.bucket, (histogram.get(row.bucket) ?? 0) + row.requests);
  }
  return groups;
}

function spreadsOf(histograms: Histograms): Spreads {
  const of = (...names: readonly HistogramName[]): Histogram =>
    addHistograms(names.map((name) => histograms.get(name) ?? new Map()));
  const spread = (histogram: Histogram): Spread => {
    const [p50 = null, p95 = null] = percentilesOf(histogram, [0.5, 0.95]);
    return { n: countIn(histogram), p50, p95 };
  };
  const decode = of('decode');
  const [p5 = null, p50 = null] = percentilesOf(decode, [0.05, 0.5]);
  return {
    ttftMs: {
      all: spread(of('ttft-hit', 'ttft-partial', 'ttft-miss', 'ttft-unknown')),
      warm: spread(of('ttft-hit')),
      cold: spread(of('ttft-miss')),
      unknown: spread(of('ttft-unknown')),
    },
    decodeTokensPerS: { n: countIn(decode), p5, p50 },
  };
}

function ofCache(result: CacheResult): RawBuilder<boolean> {
  return sql<boolean>`ttft_ms is not null and cache_result = ${sql.lit(result)}`;
}

function counted(where: RawBuilder<boolean>, name: string): RawBuilder<unknown> {
  return sql`count(*) filter (where ${where}) as ${sql.ref(name)}`;
}

type Percentile = {
  readonly of: RawBuilder<unknown>;
  readonly share: number;
  readonly where: RawBuilder<boolean>;
};

/** SQLite's spelling; PostgreSQL says `percentile_cont(share) within group (order by …)`. */
function percentile({ of, share, where }: Percentile, name: string): RawBuilder<unknown> {
  return sql`percentile_cont(${of}, ${sql.lit(share)}) filter (where ${where}) as ${sql.ref(name)}`;
}
