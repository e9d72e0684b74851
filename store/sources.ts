// Where the figures of a range come from: rows where they are there and few, else the sums of its closed hours, with
// the rows of what is open at both ends. No request is in both.

import { type Kysely, type RawBuilder, sql } from 'kysely';
import { HOUR_MS } from './rollup.ts';
import type { RollupStateTable, Schema } from './schema.ts';

/** From `sinceMs` up to, and without, `endMs`. Unix epoch, milliseconds. */
export type Span = { readonly sinceMs: number; readonly endMs: number };

export type Sources = {
  /** What is really answered: wider than asked for where only the sums of its first or last hour are left. */
  readonly span: Span;
  /** The closed hours of it, where their sums are used. */
  readonly rolled?: Span;
  /** Some of them are to be summed up again: until then their requests are read one by one. */
  readonly hasLate?: boolean;
  readonly prunedUntilMs: number;
};

/** As long as there are no more rows than this, they are read, and percentiles are exact. */
export const EXACT_UP_TO_REQUESTS = 20_000;

export async function sourcesOf(db: Kysely<Schema>, span: Span, exactUpTo: number): Promise<Sources> {
  const state = await db.selectFrom('rollup_state').selectAll().executeTakeFirstOrThrow();
  const prunedUntilMs = state.pruned_until_ms;
  const isPruned = span.sinceMs < prunedUntilMs;
  if (!isPruned && !(await isLong(db, span, exactUpTo))) return { span, prunedUntilMs };
  const rolled = closedHours(span, state);
  if (rolled.sinceMs >= rolled.endMs) return { span, prunedUntilMs };
  const widened = {
    sinceMs: Math.min(span.sinceMs, rolled.sinceMs),
    endMs: Math.max(span.endMs, rolled.endMs),
  };
  return { span: widened, rolled, prunedUntilMs, hasLate: await isAnyLate(db) };
}

/**
 * Rows of `requests` that are not in the sums. They are found first, by the index of their starts: the planner would
 * look at each session or backend for what it did in that time.
 */
export function requestsIn({ span, rolled, hasLate }: Sources): RawBuilder<boolean> {
  const between = (sinceMs: number, endMs: number) =>
    sql`select id from requests where started_ms >= ${sinceMs} and started_ms < ${endMs}`;
  if (rolled === undefined) return sql<boolean>`id in (${between(span.sinceMs, span.endMs)})`;
  const late = sql`union all select late.id from rollup_late cross join requests late
      where late.started_ms >= hour_ms and late.started_ms < hour_ms + ${HOUR_MS}
      and hour_ms >= ${rolled.sinceMs} and hour_ms < ${rolled.endMs}`;
  return sql<boolean>`id in (
    ${between(span.sinceMs, rolled.sinceMs)}
    union all ${between(rolled.endMs, span.endMs)}
    ${hasLate ? late : sql``}
  )`;
}

/** Hours whose sums are complete; of one that is pruned what came late is missing, and is a row. */
export function hoursIn({ rolled, hasLate, prunedUntilMs }: Sources): RawBuilder<boolean> {
  if (rolled === undefined) return sql<boolean>`false`;
  // A look at the late ones for each row is a fifth of the time that many hours take.
  if (!hasLate) return sql<boolean>`(hour_ms >= ${rolled.sinceMs} and hour_ms < ${rolled.endMs})`;
  return sql<boolean>`(hour_ms >= ${rolled.sinceMs} and hour_ms < ${rolled.endMs}
    and (hour_ms < ${prunedUntilMs} or hour_ms not in (select hour_ms from rollup_late)))`;
}

async function isAnyLate(db: Kysely<Schema>): Promise<boolean> {
  return (await db.selectFrom('rollup_late').select('hour_ms').limit(1).executeTakeFirst()) !== undefined;
}

async function isLong(db: Kysely<Schema>, { sinceMs, endMs }: Span, exactUpTo: number): Promise<boolean> {
  const beyond = await db
    .selectFrom('requests')
    .select('started_ms')
    .where('started_ms', '>=', sinceMs)
    .where('started_ms', '<', endMs)
    .orderBy('started_ms')
    .limit(1)
    .offset(exactUpTo)
    .executeTakeFirst();
  return beyond !== undefined;
}

/** Whole hours within the span; where it begins or ends in an hour that has no rows any more, that hour, too. */
function closedHours({ sinceMs, endMs }: Span, state: RollupStateTable): Span {
  const { rolled_until_ms, pruned_until_ms } = state;
  const isIn = (ms: number) => ms < pruned_until_ms;
  const first = isIn(sinceMs) ? floorHour(sinceMs) : ceilHour(sinceMs);
  const last = isIn(endMs) ? ceilHour(endMs) : floorHour(endMs);
  return { sinceMs: first, endMs: Math.min(last, rolled_until_ms) };
}

function floorHour(ms: number): number {
  return Math.floor(ms / HOUR_MS) * HOUR_MS;
}

function ceilHour(ms: number): number {
  return Math.ceil(ms / HOUR_MS) * HOUR_MS;
}
