// The figures behind `stats`. Every request of the range is counted in exactly one place: still running, answered by
// the daemon itself, or one of the rows. What the daemon answers (titles, probes, counts) never touches a model's
// cache, so it would only blur the figures of the backends.

import { type Kysely, sql } from 'kysely';
import { type ClaudeTokens, cachesOf, type KvTotals, NO_KV_TOTALS } from './caches.ts';
import { type Counts, countsOf, type Figures, figuresOf, okPercentOf } from './figures.ts';
import { GROUPINGS, type KeyName, type KeyValues, type StatsBy } from './grouping.ts';
import { type Causes, causesBy, type KvFigures, kvOf, savedOf } from './kv-figures.ts';
import type { PausesFigures } from './pauses.ts';
import type { Schema } from './schema.ts';
import { sessionsBy, sessionsIn } from './session-counts.ts';
import { snapshot } from './snapshot.ts';
import { EXACT_UP_TO_REQUESTS, type Sources, sourcesOf } from './sources.ts';
import { NO_SPREADS, spreadsBy } from './spreads.ts';
import { addSums, NOTHING } from './sums.ts';
import { sumOf, sumsBy } from './sums-by.ts';
import { NO_TIMELINE, type Timeline, timelineOf } from './timeline.ts';

export { STATS_BY, type StatsBy } from './grouping.ts';

export type StatsRange = {
  /** Both ends belong to it. Unix epoch, milliseconds. */
  readonly sinceMs: number;
  readonly untilMs: number;
};

export type StatsTotals = Counts & { readonly running: number } & Figures;

/** The keys of its grouping are present; null is a request that never got one, such as a refused one. */
export type StatsRow = {
  readonly task?: string | null;
  readonly backend?: string | null;
  readonly model?: string | null;
  readonly session?: string | null;
  readonly project?: string | null;
  /** Why the request went where it went. */
  readonly reason?: string | null;
  /** Local calendar day, YYYY-MM-DD. */
  readonly day?: string | null;
  /** Its start, ISO 8601 in UTC. */
  readonly hour?: string | null;
} & Counts &
  Figures & { readonly kvCache: KvFigures };

export type StatsReport = {
  /** What is answered: wider than what was asked for where an hour's own rows are gone. */
  readonly range: StatsRange;
  readonly by: StatsBy;
  /** `estimated`: from hourly histograms, a tenth off at most. */
  readonly percentiles: 'exact' | 'estimated';
  readonly totals: StatsTotals;
  /** Completed without a backend. */
  readonly answeredHere: { readonly requests: number };
  readonly rows: readonly StatsRow[];
  /** Nothing was ever recorded, in this range or another. */
  readonly isUnused: boolean;
  readonly timeline: Timeline;
  /** What the prompt caches did, and what broke them. */
  readonly kvCache: KvTotals;
  /** What was read in pauses, for nobody's answer; null where nothing was, or its rows are gone. */
  readonly pauses: PausesFigures | null;
  /** A row a model; these requests are among the totals and rows, too. */
  readonly claudeApi: readonly ClaudeTokens[];
};

export type ReportOptions = {
  /** Rows that may be read one by one; of more, the sums of closed hours are taken. */
  readonly exactUpTo?: number;
};

/** Reads one state of the database, whatever is written meanwhile. */
export async function statsReport(
  db: Kysely<Schema>,
  range: StatsRange,
  by: StatsBy,
  { exactUpTo = EXACT_UP_TO_REQUESTS }: ReportOptions = {},
): Promise<StatsReport> {
  return snapshot(db, async (read) => {
    const span = { sinceMs: range.sinceMs, endMs: range.untilMs + 1 };
    const sources = await sourcesOf(read, span, exactUpTo);
    const sums = await sumsBy(read, sources, GROUPINGS[by]);
    const spreads = await spreadsBy(read, sources, GROUPINGS[by]);
    const causes = await causesBy(read, sources, GROUPINGS[by]);
    const counted = await totalsOf(read, sources, { sums, spreads });
    return {
      range: { sinceMs: sources.span.sinceMs, untilMs: sources.span.endMs - 1 },
      by,
      percentiles: sources.rolled === undefined ? 'exact' : 'estimated',
      ...counted,
      isUnused: counted.totals.requests === 0 && !(await isAnythingRecorded(read)),
      rows: await rowsBy(read, sources, { by, sums, spreads, causes }),
      timeline: await timelineOf(read, sources),
      ...(await cachesOf(read, sources, causes)),
    };
  });
}

/** The report of a range in which nothing was recorded, for whoever has no database to ask. */
export function emptyReport(range: StatsRange, by: StatsBy): StatsReport {
  const totals = { ...countsOf(NOTHING, 0), running: 0, ...figuresOf(NOTHING, NO_SPREADS) };
  return {
    ...{ range, by, percentiles: 'exact', totals, answeredHere: { requests: 0 }, rows: [] },
    isUnused: true,
    ...{ timeline: NO_TIMELINE, kvCache: NO_KV_TOTALS, pauses: null, claudeApi: [] },
  };
}

async function isAnythingRecorded(db: Kysely<Schema>): Promise<boolean> {
  const { rows } = await sql`
    select 1 from (select 1 from requests limit 1) union all select 1 from (select 1 from rollup_hours limit 1)
  `.execute(db);
  return rows.length > 0;
}

/** A row of nothing with every key that a row can have, for a heading. */
export function blankRow(by: StatsBy): StatsRow {
  return {
    ...keysOf(GROUPINGS[by].keys, []),
    ...countsOf(NOTHING, null),
    ...figuresOf(NOTHING, NO_SPREADS),
    kvCache: { ...kvOf(NOTHING), saved: savedOf(NOTHING) },
  };
}

async function totalsOf(db: Kysely<Schema>, sources: Sources, { sums, spreads }: Served) {
  const served = sums.reduce((all, { row }) => addSums(all, row), NOTHING);
  const here = await sumOf(db, sources, { facet: 'here', keys: [] });
  const running = await runningIn(db, sources);
  const ended = addSums(served, here);
  const counted = countsOf(ended, await sessionsIn(db, sources));
  return {
    totals: {
      ...counted,
      requests: counted.requests + running,
      running,
      ...figuresOf(served, spreads.all),
      okPercent: okPercentOf(ended),
    },
    answeredHere: { requests: here.requests },
  };
}

/** Every request that was no question to the daemon itself is in exactly one group, whatever they are grouped by. */
type Served = {
  readonly sums: Awaited<ReturnType<typeof sumsBy>>;
  readonly spreads: Awaited<ReturnType<typeof spreadsBy>>;
};

async function rowsBy(
  db: Kysely<Schema>,
  sources: Sources,
  { by, sums, spreads, causes }: Served & { readonly by: StatsBy; readonly causes: Causes },
): Promise<readonly StatsRow[]> {
  const grouping = GROUPINGS[by];
  const sessions = await sessionsBy(db, sources, grouping);
  const rows = sums.map(({ name, values, row }) => ({
    ...keysOf(grouping.keys, values),
    ...countsOf(row, sessions === undefined ? null : (sessions.get(name) ?? 0)),
    ...figuresOf(row, spreads.groups.get(name) ?? NO_SPREADS),
    kvCache: kvOf(row, causes.groups.get(name)),
  }));
  const isInTime = by === 'day' || by === 'hour';
  return rows.toSorted((a, b) => (isInTime ? 0 : b.requests - a.requests) || byName(grouping.keys, a, b));
}

function byName(keys: readonly KeyName[], a: StatsRow, b: StatsRow): number {
  const name = (row: StatsRow) =>
    keys.map((key) => (key === 'cause' || key === 'step' ? '' : (row[key] ?? ''))).join('\n');
  return name(a) < name(b) ? -1 : 1;
}

function keysOf(keys: readonly KeyName[], values: KeyValues) {
  const named = keys.map((key, at) => {
    const value = values[at] ?? null;
    return [key, key === 'hour' && value !== null ? new Date(value).toISOString() : value] as const;
  });
  return Object.fromEntries(named) as Pick<StatsRow, 'task' | 'backend' | 'model' | 'day' | 'hour'>;
}

/** What runs is in no sum, however old it is. */
async function runningIn(db: Kysely<Schema>, { span }: Sources): Promise<number> {
  // With a plus the planner leaves the index of starts alone, which has all rows, for that of the few that run.
  const { rows } = await sql<{ readonly running: number }>`
    select count(*) as running from requests
    where result = 'running' and +started_ms >= ${span.sinceMs} and +started_ms < ${span.endMs}
  `.execute(db);
  return rows[0]?.running ?? 0;
}
