// The queries behind `stats`. Units are in the names, shares are in percent, and null is "nobody told", never 0.
//
// Every request of the range is counted in exactly one place: still running, answered by the daemon itself, or
// one of the rows. What the daemon answers (titles, probes, counts) never touches a model's cache, so it would
// only blur the figures of the backends.

import { type Kysely, sql } from 'kysely';
import {
  type Counts,
  countOf,
  countsIn,
  countsOf,
  type Figures,
  figuresOf,
  NO_FIGURES,
  toFigures,
} from './figures.ts';
import { type KvFigures, kvTotals, NO_KV_FIGURES } from './kv-figures.ts';
import type { Schema } from './schema.ts';

export const STATS_BY = ['route', 'backend', 'model', 'day'] as const;
export type StatsBy = (typeof STATS_BY)[number];

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
  /** Local calendar day, YYYY-MM-DD. */
  readonly day?: string | null;
} & Counts &
  Figures;

export type BackendSaving = {
  readonly backend: string;
  readonly warmRequests: number;
  readonly coldRequests: number;
  readonly savedMs: number;
};

/** Warm requests, each taken to have saved the difference between the two medians of its backend. */
export type TimeSaved = {
  readonly estimate: true;
  readonly savedMs: number;
  readonly backends: readonly BackendSaving[];
};

export type StatsReport = {
  readonly range: StatsRange;
  readonly by: StatsBy;
  readonly totals: StatsTotals;
  /** Completed without a backend. */
  readonly answeredHere: { readonly requests: number };
  readonly rows: readonly StatsRow[];
  /** Null where too few requests are known to be warm or cold. */
  readonly timeSaved: TimeSaved | null;
  /** What the prompt caches did, and what broke them. */
  readonly kvCache: KvFigures;
};

/** With fewer cold or warm requests than this, the difference of the medians is chance. */
const FEWEST_FOR_SAVING = 5;

export async function statsReport(db: Kysely<Schema>, range: StatsRange, by: StatsBy): Promise<StatsReport> {
  const counts = await inRange(db, range)
    .select((eb) => [...countsOf(eb), countOf(eb, 'running').as('running')])
    .select((eb) => eb.fn.countAll<number>().filterWhere(ANSWERED_HERE).as('answeredHere'))
    .executeTakeFirstOrThrow();
  const { answeredHere, ...totals } = counts;
  const figures = await served(db, range).select(figuresOf).executeTakeFirstOrThrow();
  return {
    range,
    by,
    totals: { ...totals, ...toFigures(figures, totals) },
    answeredHere: { requests: answeredHere },
    rows: await rowsBy(db, range, by),
    timeSaved: timeSaved(await rowsBy(db, range, 'backend')),
    kvCache: await kvTotals(db, range),
  };
}

/** The report of a range in which nothing was recorded, for whoever has no database to ask. */
export function emptyReport(range: StatsRange, by: StatsBy): StatsReport {
  const counts = {
    requests: 0,
    completed: 0,
    failed: 0,
    cancelled: 0,
    refused: 0,
    interrupted: 0,
    sessions: 0,
  };
  const totals = { ...counts, running: 0, ...toFigures(NO_FIGURES, counts) };
  return {
    range,
    by,
    totals,
    answeredHere: { requests: 0 },
    rows: [],
    timeSaved: null,
    kvCache: NO_KV_FIGURES,
  };
}

const ANSWERED_HERE = sql<boolean>`(backend = 'daemon' and result = 'completed')`;
function inRange(db: Kysely<Schema>, { sinceMs, untilMs }: StatsRange) {
  return db.selectFrom('requests').where('started_ms', '>=', sinceMs).where('started_ms', '<=', untilMs);
}

function served(db: Kysely<Schema>, range: StatsRange) {
  return inRange(db, range)
    .where('result', '<>', 'running')
    .where((eb) => eb.or([eb('backend', 'is', null), eb.not(ANSWERED_HERE)]));
}

const KEYS = {
  task: sql<string | null>`task`,
  // A refused request was answered by the daemon, yet for want of a backend: its backend is nobody.
  backend: sql<string | null>`nullif(backend, 'daemon')`,
  model: sql<string | null>`model`,
  day: sql<string | null>`date(started_ms / 1000, 'unixepoch', 'localtime')`,
};
const GROUPINGS: Readonly<Record<StatsBy, readonly (keyof typeof KEYS)[]>> = {
  route: ['task', 'backend'],
  backend: ['backend'],
  model: ['model'],
  day: ['day'],
};

async function rowsBy(db: Kysely<Schema>, range: StatsRange, by: StatsBy): Promise<readonly StatsRow[]> {
  const keys = GROUPINGS[by];
  const grouped = served(db, range)
    .select(keys.map((key) => KEYS[key].as(key)))
    .select(countsOf)
    .select(figuresOf)
    .groupBy(keys.map((key) => KEYS[key]));
  const busiestFirst = by === 'day' ? grouped : grouped.orderBy(sql`requests`, 'desc');
  const rows = await keys.reduce((query, key) => query.orderBy(KEYS[key]), busiestFirst).execute();
  return rows.map((row) => {
    const key = Object.fromEntries(keys.map((name) => [name, row[name]]));
    return { ...key, ...countsIn(row), ...toFigures(row, row) };
  });
}

/** Null where no backend has enough of both kinds. */
function timeSaved(rows: readonly StatsRow[]): TimeSaved | null {
  const backends = rows.flatMap(savingOf);
  if (backends.length === 0) return null;
  return { estimate: true, savedMs: backends.reduce((sum, { savedMs }) => sum + savedMs, 0), backends };
}

function savingOf({ backend, ttftMs: { warm, cold } }: StatsRow): readonly BackendSaving[] {
  if (typeof backend !== 'string' || warm.p50 === null || cold.p50 === null) return [];
  if (Math.min(warm.n, cold.n) < FEWEST_FOR_SAVING) return [];
  const savedMs = warm.n * (cold.p50 - warm.p50);
  return [{ backend, warmRequests: warm.n, coldRequests: cold.n, savedMs }];
}
