// The figures behind `stats`. Every request of the range is counted in exactly one place: still running, answered by
// the daemon itself, or one of the rows. What the daemon answers (titles, probes, counts) never touches a model's
// cache, so it would only blur the figures of the backends.

import { CompiledQuery, type Kysely, sql } from 'kysely';
import { type Counts, countsOf, type Figures, figuresOf } from './figures.ts';
import {
  askHours,
  askRequests,
  GROUPINGS,
  type Grouped,
  type Grouping,
  type KeyName,
  type StatsBy,
} from './grouping.ts';
import type { Schema } from './schema.ts';
import { sessionsBy, sessionsIn } from './session-counts.ts';
import { EXACT_UP_TO_REQUESTS, requestsIn, type Sources, sourcesOf } from './sources.ts';
import { NO_SPREADS, nameOf, spreadsBy } from './spreads.ts';
import { addSums, NOTHING, type Sums, sumsOfHours, sumsOfRequests } from './sums.ts';
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
  Figures;

/** What the cache spared, as each request's own record estimates it. */
export type TimeSaved = {
  readonly estimate: true;
  readonly savedSeconds: number;
  /** As little or as much as it may be, should all estimates err to the same side. */
  readonly lowSeconds: number;
  readonly highSeconds: number;
  readonly requests: number;
  /** How many of these rest on measured prefills alone. */
  readonly measuredRequests: number;
};

export type BreakCount = {
  readonly cause: string;
  readonly breaks: number;
  /** Of those breaks whose cost is known. */
  readonly lostTokens: number | null;
  readonly lostSeconds: number | null;
};

/** Tokens as the Claude API counts and sells them: the four do not overlap. Null where no request told. */
export type ClaudeTokens = {
  readonly model: string | null;
  readonly requests: number;
  readonly inputTokens: number | null;
  readonly cacheWriteTokens: number | null;
  readonly cacheReadTokens: number | null;
  readonly outputTokens: number | null;
};

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
  readonly timeline: Timeline;
  /** Null where no request says what it was spared. */
  readonly timeSaved: TimeSaved | null;
  /** The most frequent first. */
  readonly cacheBreaks: readonly BreakCount[];
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
    return {
      range: { sinceMs: sources.span.sinceMs, untilMs: sources.span.endMs - 1 },
      by,
      percentiles: sources.rolled === undefined ? 'exact' : 'estimated',
      ...(await totalsOf(read, sources)),
      rows: await rowsBy(read, sources, by),
      timeline: await timelineOf(read, sources),
      cacheBreaks: await breaksOf(read, sources),
      claudeApi: await claudeTokens(read, sources),
    };
  });
}

/** The report of a range in which nothing was recorded, for whoever has no database to ask. */
export function emptyReport(range: StatsRange, by: StatsBy): StatsReport {
  const totals = { ...countsOf(NOTHING, 0), running: 0, ...figuresOf(NOTHING, NO_SPREADS) };
  return {
    ...{ range, by, percentiles: 'exact', totals, answeredHere: { requests: 0 }, rows: [] },
    ...{ timeline: NO_TIMELINE, timeSaved: null, cacheBreaks: [], claudeApi: [] },
  };
}

async function snapshot<Answer>(
  db: Kysely<Schema>,
  read: (db: Kysely<Schema>) => Promise<Answer>,
): Promise<Answer> {
  return db.connection().execute(async (connection) => {
    await connection.executeQuery(CompiledQuery.raw('begin'));
    try {
      return await read(connection);
    } finally {
      await connection.executeQuery(CompiledQuery.raw('commit'));
    }
  });
}

async function totalsOf(db: Kysely<Schema>, sources: Sources) {
  const all: Grouping = { facet: 'route', keys: [] };
  const served = await sumOf(db, sources, all);
  const here = await sumOf(db, sources, { facet: 'here', keys: [] });
  const running = await runningIn(db, sources);
  const counted = countsOf(addSums(served, here), await sessionsIn(db, sources));
  const spreads = (await spreadsBy(db, sources, all)).get(nameOf([])) ?? NO_SPREADS;
  return {
    totals: {
      ...counted,
      requests: counted.requests + running,
      running,
      ...figuresOf(served, spreads),
    },
    answeredHere: { requests: here.requests },
    timeSaved: timeSaved(served),
  };
}

async function rowsBy(db: Kysely<Schema>, sources: Sources, by: StatsBy): Promise<readonly StatsRow[]> {
  const grouping = GROUPINGS[by];
  const groups = await sumsBy(db, sources, grouping);
  const spreads = await spreadsBy(db, sources, grouping);
  const sessions = await sessionsBy(db, sources, grouping);
  const rows = groups.map(({ values, row }) => {
    const name = nameOf(values);
    return {
      ...keysOf(grouping.keys, values),
      ...countsOf(row, sessions === undefined ? null : (sessions.get(name) ?? 0)),
      ...figuresOf(row, spreads.get(name) ?? NO_SPREADS),
    };
  });
  const isInTime = by === 'day' || by === 'hour';
  return rows.toSorted((a, b) => (isInTime ? 0 : b.requests - a.requests) || byName(grouping.keys, a, b));
}

function byName(keys: readonly KeyName[], a: StatsRow, b: StatsRow): number {
  const name = (row: StatsRow) => keys.map((key) => (key === 'cause' ? '' : (row[key] ?? ''))).join('\n');
  return name(a) < name(b) ? -1 : 1;
}

function keysOf(keys: readonly KeyName[], values: Grouped<Sums>['values']) {
  const named = keys.map((key, at) => {
    const value = values[at] ?? null;
    return [key, key === 'hour' && value !== null ? new Date(value).toISOString() : value] as const;
  });
  return Object.fromEntries(named) as Pick<StatsRow, 'task' | 'backend' | 'model' | 'day' | 'hour'>;
}

/** Groups in both sources are added; their order means nothing. */
async function sumsBy(
  db: Kysely<Schema>,
  sources: Sources,
  grouping: Grouping,
): Promise<readonly Grouped<Sums>[]> {
  const question = { sources, grouping };
  const found = [
    ...(await askRequests<Sums>(db, { ...question, select: sumsOfRequests() })),
    ...(await askHours<Sums>(db, { ...question, select: sumsOfHours(), table: 'rollup_hours' })),
  ];
  const groups = new Map<string, Grouped<Sums>>();
  for (const { values, row } of found) {
    const known = groups.get(nameOf(values));
    groups.set(nameOf(values), { values, row: known === undefined ? row : addSums(known.row, row) });
  }
  return [...groups.values()];
}

async function sumOf(db: Kysely<Schema>, sources: Sources, grouping: Grouping): Promise<Sums> {
  return (await sumsBy(db, sources, grouping))[0]?.row ?? NOTHING;
}

/** What runs is in no sum, however old it is. */
async function runningIn(db: Kysely<Schema>, { span }: Sources): Promise<number> {
  const all: Sources = { span, prunedUntilMs: 0 };
  const { rows } = await sql<{ readonly running: number }>`
    select count(*) as running from requests where result = 'running' and ${requestsIn(all)}
  `.execute(db);
  return rows[0]?.running ?? 0;
}

function timeSaved(sums: Sums): TimeSaved | null {
  const { saved_seconds, saved_low_seconds, saved_high_seconds, saved_requests, saved_measured } = sums;
  if (saved_seconds === null) return null;
  return {
    estimate: true,
    savedSeconds: saved_seconds,
    lowSeconds: saved_low_seconds ?? saved_seconds,
    highSeconds: saved_high_seconds ?? saved_seconds,
    requests: saved_requests,
    measuredRequests: saved_measured,
  };
}

async function breaksOf(db: Kysely<Schema>, sources: Sources): Promise<readonly BreakCount[]> {
  const groups = await sumsBy(db, sources, { facet: 'cause', keys: ['cause'] });
  return groups
    .map(({ values: [cause], row: { breaks, break_tokens, break_seconds } }) => ({
      cause: String(cause),
      breaks,
      lostTokens: break_tokens,
      lostSeconds: break_seconds,
    }))
    .toSorted((a, b) => b.breaks - a.breaks || (a.cause < b.cause ? -1 : 1));
}

async function claudeTokens(db: Kysely<Schema>, sources: Sources): Promise<readonly ClaudeTokens[]> {
  const groups = await sumsBy(db, sources, { facet: 'route', keys: ['backend', 'model'] });
  return groups
    .filter(({ values }) => values[0] === 'claude')
    .map(({ values: [, model], row }) => ({
      model: model === null || model === undefined ? null : String(model),
      requests: row.requests,
      inputTokens: uncached(row),
      cacheWriteTokens: row.written_tokens,
      cacheReadTokens: row.cached_tokens,
      outputTokens: row.output_tokens,
    }))
    .toSorted((a, b) => b.requests - a.requests);
}

/** What was neither read from the cache nor written to it, of the prompts whose report is known. */
function uncached({ known_prompt_tokens, cached_tokens, written_tokens }: Sums): number | null {
  if (known_prompt_tokens === null) return null;
  return known_prompt_tokens - (cached_tokens ?? 0) - (written_tokens ?? 0);
}
