// The figures behind `stats`. Every request of the range is counted in exactly one place: still running, answered by
// the daemon itself, or one of the rows. What the daemon answers (titles, probes, counts) never touches a model's
// cache, so it would only blur the figures of the backends.

import { CompiledQuery, type Kysely, sql } from 'kysely';
import type { BreakCause } from '../router/breaks.ts';
import { type Counts, countsOf, type Figures, figuresOf, okPercentOf } from './figures.ts';
import {
  askHours,
  askRequests,
  GROUPINGS,
  type Grouped,
  type Grouping,
  type KeyName,
  nameOf,
  type StatsBy,
} from './grouping.ts';
import { type KvFigures, NO_KV_FIGURES } from './kv-figures.ts';
import type { Schema } from './schema.ts';
import { sessionsBy, sessionsIn } from './session-counts.ts';
import { EXACT_UP_TO_REQUESTS, requestsIn, type Sources, sourcesOf } from './sources.ts';
import { NO_SPREADS, spreadsBy } from './spreads.ts';
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
  /** What the prompt caches did, and what broke them. */
  readonly kvCache: KvFigures;
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
      ...(await cachesOf(read, sources)),
    };
  });
}

/** The report of a range in which nothing was recorded, for whoever has no database to ask. */
export function emptyReport(range: StatsRange, by: StatsBy): StatsReport {
  const totals = { ...countsOf(NOTHING, 0), running: 0, ...figuresOf(NOTHING, NO_SPREADS) };
  return {
    ...{ range, by, percentiles: 'exact', totals, answeredHere: { requests: 0 }, rows: [] },
    ...{ timeline: NO_TIMELINE, kvCache: NO_KV_FIGURES, claudeApi: [] },
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
  const ended = addSums(served, here);
  const counted = countsOf(ended, await sessionsIn(db, sources));
  const spreads = (await spreadsBy(db, sources, all)).get(nameOf([])) ?? NO_SPREADS;
  return {
    totals: {
      ...counted,
      requests: counted.requests + running,
      running,
      ...figuresOf(served, spreads),
      okPercent: okPercentOf(ended),
    },
    answeredHere: { requests: here.requests },
  };
}

async function rowsBy(db: Kysely<Schema>, sources: Sources, by: StatsBy): Promise<readonly StatsRow[]> {
  const grouping = GROUPINGS[by];
  const groups = await sumsBy(db, sources, grouping);
  const spreads = await spreadsBy(db, sources, grouping);
  const sessions = await sessionsBy(db, sources, grouping);
  const rows = groups.map(({ name, values, row }) => {
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
  for (const group of found) {
    const known = groups.get(group.name);
    groups.set(group.name, known === undefined ? group : { ...group, row: addSums(known.row, group.row) });
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

/** By whom they were answered, requests tell of the caches and of what went to the Claude API. */
async function cachesOf(db: Kysely<Schema>, sources: Sources) {
  const answered = (await sumsBy(db, sources, { facet: 'route', keys: ['backend', 'model'] })).filter(
    ({ values: [backend] }) => backend !== null,
  );
  const causes = await sumsBy(db, sources, { facet: 'cause', keys: ['cause'] });
  const all = answered.reduce((sum, { row }) => addSums(sum, row), NOTHING);
  const claude = answered.filter(({ values: [backend] }) => backend === 'claude');
  return {
    kvCache: kvOf(all, causes),
    claudeApi: claude.map(claudeTokens).toSorted((a, b) => b.requests - a.requests),
  };
}

function kvOf(sums: Sums, causes: readonly Grouped<Sums>[]): KvFigures {
  const known = sums.known_prompt_tokens ?? 0;
  const reused = sums.cached_tokens ?? 0;
  const counted = causes.map(({ values: [cause], row }) => ({
    cause: String(cause) as BreakCause,
    count: row.breaks,
    tokens: row.break_tokens ?? 0,
  }));
  return {
    requests: sums.requests,
    reusedTokens: reused,
    computedTokens: known - reused,
    unknownTokens: (sums.prompt_tokens ?? 0) - known,
    saved: savedOf(sums),
    breaks: {
      count: sums.breaks,
      tokens: sums.break_tokens ?? 0,
      seconds: sums.break_seconds,
      causes: counted.toSorted((a, b) => b.count - a.count || (a.cause < b.cause ? -1 : 1)),
    },
  };
}

function savedOf(sums: Sums): KvFigures['saved'] {
  if (sums.saved_requests === 0) return null;
  return {
    seconds: sums.saved_seconds ?? 0,
    lowSeconds: sums.saved_low_seconds ?? 0,
    highSeconds: sums.saved_high_seconds ?? 0,
    requests: sums.saved_requests,
    predictedRequests: sums.saved_predicted,
    byEvidence: {
      reported: sums.saved_reported_seconds ?? 0,
      progress: sums.saved_progress_seconds ?? 0,
      inferred: sums.saved_inferred_seconds ?? 0,
    },
  };
}

function claudeTokens({ values: [, model], row }: Grouped<Sums>): ClaudeTokens {
  return {
    model: model === null || model === undefined ? null : String(model),
    requests: row.requests,
    inputTokens: uncached(row),
    cacheWriteTokens: row.written_tokens,
    cacheReadTokens: row.cached_tokens,
    outputTokens: row.output_tokens,
  };
}

/** What was neither read from the cache nor written to it, of the prompts whose report is known. */
function uncached({ known_prompt_tokens, cached_tokens, written_tokens }: Sums): number | null {
  if (known_prompt_tokens === null) return null;
  return known_prompt_tokens - (cached_tokens ?? 0) - (written_tokens ?? 0);
}
