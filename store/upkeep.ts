// What keeps the file small and its questions fast: closed hours are summed up, old rows go, old sums go.
//
// It is done in steps, one short transaction each, and a step takes the next piece of work that is left. So it may be
// cut off anywhere, and several daemons on one file share the work rather than do it twice.

import { setTimeout as delay } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import { FACET_NAMES } from './facets.ts';
import { whenFree } from './patience.ts';
import { addHour, deleteHour, forgetHour, HOUR_MS } from './rollup.ts';
import type { RollupStateTable, Schema } from './schema.ts';

const DAY_MS = 86_400_000;

export type UpkeepOptions = {
  /** Unix epoch, milliseconds. */
  readonly nowMs: number;
  readonly retention: Retention;
  /** Ends it after the step that runs. */
  readonly signal?: AbortSignal;
  /** Waits between two steps; else it rests as long as the step took. */
  readonly rest?: () => Promise<unknown>;
  /** Told how long each transaction took; the event loop turns within it. */
  readonly onStep?: (durationMs: number) => void;
};

export type Retention = {
  /** Days for which every request is kept. */
  readonly requestDays: number;
  /** Days for which the sums of its hour are kept. */
  readonly rollupDays: number;
};

export type UpkeepReport = {
  readonly rolledHours: number;
  readonly prunedHours: number;
  readonly forgottenHours: number;
};

/** True where nothing was kept up since the last 03:30 o'clock, local time. */
export async function isUpkeepDue(db: Kysely<Schema>, nowMs: number): Promise<boolean> {
  const { kept_ms } = await stateOf(db);
  const lastNight = new Date(nowMs);
  lastNight.setHours(3, 30, 0, 0);
  if (lastNight.getTime() > nowMs) lastNight.setDate(lastNight.getDate() - 1);
  return kept_ms < lastNight.getTime();
}

/** Rejects with the database's error; what was done until then stays, and the next run goes on from there. */
export async function keepUp(db: Kysely<Schema>, options: UpkeepOptions): Promise<UpkeepReport> {
  const { nowMs, retention, signal } = options;
  const closedMs = hourOf(nowMs);
  const done = {
    rolledHours: await repeat(db, options, (step) => rollNext(step, closedMs)),
    prunedHours: await repeat(db, options, (step) =>
      pruneNext(step, hourOf(nowMs - retention.requestDays * DAY_MS)),
    ),
    forgottenHours: await repeat(db, options, (step) =>
      forgetNext(step, hourOf(nowMs - retention.rollupDays * DAY_MS)),
    ),
  };
  await repeat(db, options, (step) => pruneWarmups(step, nowMs - retention.requestDays * DAY_MS));
  if (signal?.aborted !== true) await tidy(db, options);
  return done;
}

export async function stateOf(db: Kysely<Schema>): Promise<RollupStateTable> {
  return db.selectFrom('rollup_state').selectAll().executeTakeFirstOrThrow();
}

type Step = (db: Kysely<Schema>) => Promise<boolean>;

/** Until there is nothing left to do. Whoever waits for the event loop or the file has its turn after each step. */
async function repeat(db: Kysely<Schema>, options: UpkeepOptions, step: Step): Promise<number> {
  for (let steps = 0; ; steps += 1) {
    if (options.signal?.aborted === true) return steps;
    const startedMs = performance.now();
    const wasWork = await whenFree(() => db.transaction().execute(step));
    const tookMs = performance.now() - startedMs;
    options.onStep?.(tookMs);
    if (!wasWork) return steps;
    await (options.rest?.() ?? delay(Math.ceil(tookMs)));
  }
}

async function rollNext(db: Kysely<Schema>, closedMs: number): Promise<boolean> {
  const late = await db
    .selectFrom('rollup_late')
    .select('hour_ms')
    .orderBy('hour_ms')
    .limit(1)
    .executeTakeFirst();
  if (late !== undefined) {
    await rollLate(db, late.hour_ms);
    return true;
  }
  const { rolled_until_ms } = await stateOf(db);
  if (rolled_until_ms >= closedMs) return false;
  const next = await oldestHour(db, rolled_until_ms, closedMs);
  if (next !== undefined) {
    await forgetHour(db, next);
    await addHour(db, next);
  }
  await db
    .updateTable('rollup_state')
    .set({ rolled_until_ms: next === undefined ? closedMs : next + HOUR_MS })
    .execute();
  return next !== undefined;
}

/** Of an hour whose rows are gone the late ones are all there are: they are added, and go as well. */
async function rollLate(db: Kysely<Schema>, hourMs: number): Promise<void> {
  const { pruned_until_ms } = await stateOf(db);
  if (hourMs >= pruned_until_ms) await forgetHour(db, hourMs);
  await addHour(db, hourMs);
  if (hourMs < pruned_until_ms) await deleteHour(db, hourMs);
  await db.deleteFrom('rollup_late').where('hour_ms', '=', hourMs).execute();
}

/** Rows go by whole hours, each in one step, so that no hour is half in the rows and half in the roll-ups. */
async function pruneNext(db: Kysely<Schema>, cutoffMs: number): Promise<boolean> {
  const { rolled_until_ms, pruned_until_ms } = await stateOf(db);
  const untilMs = Math.min(cutoffMs, rolled_until_ms);
  if (untilMs <= pruned_until_ms) return false;
  const late = await db.selectFrom('rollup_late').select('hour_ms').limit(1).executeTakeFirst();
  if (late !== undefined) return false; // it came in just now; the next run begins with it
  const next = await oldestHour(db, 0, untilMs);
  if (next !== undefined) await deleteHour(db, next);
  await db
    .updateTable('rollup_state')
    .set({ pruned_until_ms: next === undefined ? untilMs : Math.max(pruned_until_ms, next + HOUR_MS) })
    .execute();
  return next !== undefined;
}

/** Prefills that no request asked for go with the requests of their time. */
async function pruneWarmups(db: Kysely<Schema>, cutoffMs: number): Promise<boolean> {
  const old = db.selectFrom('warmups').select('id').where('started_ms', '<', cutoffMs).limit(WARMUPS_AT_ONCE);
  const { numDeletedRows } = await db.deleteFrom('warmups').where('id', 'in', old).executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}

const WARMUPS_AT_ONCE = 100;

async function forgetNext(db: Kysely<Schema>, cutoffMs: number): Promise<boolean> {
  const oldest = await sql<{ hourMs: number }>`
    select hour_ms as "hourMs" from rollup_hours where facet in (${sql.join(FACET_NAMES)})
    and hour_ms < ${cutoffMs} order by hour_ms limit 1
  `.execute(db);
  const hourMs = oldest.rows[0]?.hourMs;
  if (hourMs !== undefined) await forgetHour(db, hourMs);
  else await sql`delete from rollup_groups where last_hour_ms < ${cutoffMs}`.execute(db);
  return hourMs !== undefined;
}

/** What still runs stays, however old it is. */
async function oldestHour(db: Kysely<Schema>, fromMs: number, untilMs: number): Promise<number | undefined> {
  const oldest = await db
    .selectFrom('requests')
    .select('started_ms')
    .where('started_ms', '>=', fromMs)
    .where('started_ms', '<', untilMs)
    .where('result', '<>', 'running')
    .orderBy('started_ms')
    .limit(1)
    .executeTakeFirst();
  return oldest === undefined ? undefined : hourOf(oldest.started_ms);
}

async function tidy(db: Kysely<Schema>, { nowMs, retention, onStep }: UpkeepOptions): Promise<void> {
  const startedMs = performance.now();
  const old = db
    .deleteFrom('daemons')
    .where('started_ms', '<', nowMs - retention.requestDays * DAY_MS)
    .where('ended_ms', 'is not', null);
  await whenFree(() => old.execute());
  await whenFree(() => db.updateTable('rollup_state').set({ kept_ms: nowMs }).execute());
  await sql`pragma optimize`.execute(db);
  await sql`pragma wal_checkpoint(truncate)`.execute(db);
  onStep?.(performance.now() - startedMs);
}

function hourOf(ms: number): number {
  return ms - (ms % HOUR_MS);
}
