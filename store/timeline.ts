// Requests over time, in steps of equal length, for a line on the screen.

import { type Kysely, sql } from 'kysely';
import { HOUR_MS } from './rollup.ts';
import type { Schema } from './schema.ts';
import { hoursIn, requestsIn, type Sources } from './sources.ts';

export type Timeline = {
  /** Length of one step. */
  readonly stepMs: number;
  /** The whole range without a gap; the first and the last step may be cut by its ends. */
  readonly points: readonly TimelinePoint[];
};

type TimelinePoint = {
  /** Unix epoch, milliseconds; a multiple of the step. */
  readonly startMs: number;
  readonly requests: number;
};

export const NO_TIMELINE: Timeline = { stepMs: HOUR_MS, points: [] };

const MINUTE_MS = 60_000;
const DAY_MS = 24 * HOUR_MS;
const STEPS_MS = [
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE_MS),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR_MS),
  ...[1, 2, 5, 10, 30, 100, 300].map((days) => days * DAY_MS),
];
const MOST_POINTS = 60;

/** Requests that have ended. */
export async function timelineOf(db: Kysely<Schema>, sources: Sources): Promise<Timeline> {
  const first = await firstMs(db, sources);
  if (first === undefined) return NO_TIMELINE;
  // A range that reaches back before anything was recorded would be a line of nothing.
  const sinceMs = Math.max(sources.span.sinceMs, first);
  const { endMs } = sources.span;
  const atLeast = sources.rolled === undefined ? 0 : HOUR_MS;
  const stepMs =
    STEPS_MS.find((step) => step >= atLeast && (endMs - sinceMs) / step <= MOST_POINTS) ?? 1000 * DAY_MS;
  const counts = await countsBy(db, sources, stepMs);
  const start = floor(sinceMs, stepMs);
  const length = Math.ceil((endMs - start) / stepMs);
  const points = Array.from({ length }, (_, at) => {
    const startMs = start + at * stepMs;
    return { startMs, requests: counts.get(startMs) ?? 0 };
  });
  return { stepMs, points };
}

async function firstMs(db: Kysely<Schema>, sources: Sources): Promise<number | undefined> {
  const { rows } = await sql<{ readonly first: number | null }>`
    select min(first) as first from (
      select min(started_ms) as first from requests where ${requestsIn(sources)} and result <> 'running'
      union all select min(hour_ms) from rollup_hours where facet = 'route' and ${hoursIn(sources)}
      union all select min(hour_ms) from rollup_hours where facet = 'here' and ${hoursIn(sources)}
    ) each_first
  `.execute(db);
  return rows[0]?.first ?? undefined;
}

async function countsBy(
  db: Kysely<Schema>,
  sources: Sources,
  stepMs: number,
): Promise<ReadonlyMap<number, number>> {
  const { rows } = await sql<{ readonly startMs: number; readonly requests: number }>`
    select start_ms as "startMs", sum(requests) as requests from (
      select started_ms - started_ms % ${stepMs} as start_ms, count(*) as requests from requests
      where ${requestsIn(sources)} and result <> 'running' group by start_ms
      union all
      select hour_ms - hour_ms % ${stepMs} as start_ms, sum(requests) as requests from rollup_hours
      where facet in ('route', 'here') and ${hoursIn(sources)} group by start_ms
    ) each_step group by start_ms
  `.execute(db);
  return new Map(rows.map(({ startMs, requests }) => [startMs, requests]));
}

function floor(ms: number, stepMs: number): number {
  return Math.floor(ms / stepMs) * stepMs;
}
