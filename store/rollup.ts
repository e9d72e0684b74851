// Sums up one hour of requests. Everything is done by the database itself, in the transaction of the caller; between
// two statements, which take a millisecond or so, whoever waits for the event loop has its turn.

import { setImmediate } from 'node:timers/promises';
import { type Kysely, type QueryResult, type RawBuilder, sql } from 'kysely';
import { FACET_KEYS, FACET_NAMES, FACETS, type Facet, type FacetKey, keyOfRequest } from './facets.ts';
import { bucketOf, HISTOGRAMS } from './histogram.ts';
import type { Schema } from './schema.ts';
import { addedToHours, SUM_COLUMNS, sumsOfRequests } from './sums.ts';

export const HOUR_MS = 3_600_000;

type Transaction = Kysely<Schema>;

/** Adds the requests of an hour that have ended to what is known of it. */
export async function addHour(db: Transaction, hourMs: number): Promise<void> {
  for (const facet of FACET_NAMES) await addFacet(db, facet, hourMs);
}

/** What was summed up of an hour is forgotten. */
export async function forgetHour(db: Transaction, hourMs: number): Promise<void> {
  for (const facet of FACET_NAMES) {
    for (const table of ['rollup_hours', 'rollup_buckets']) {
      await run(db, sql`delete from ${sql.table(table)} where facet = ${facet} and hour_ms = ${hourMs}`);
    }
  }
}

/** Unlike the rows of other tables they are many, so they go in portions. */
export async function deleteHour(db: Transaction, hourMs: number): Promise<void> {
  for (;;) {
    const { numAffectedRows } = await run(
      db,
      sql`delete from requests where id in (
        select id from requests where started_ms >= ${hourMs} and started_ms < ${hourMs + HOUR_MS}
        and result <> 'running' limit ${ROWS_AT_ONCE}
      )`,
    );
    if (Number(numAffectedRows) < ROWS_AT_ONCE) return;
  }
}

const ROWS_AT_ONCE = 50;

async function run(db: Transaction, statement: RawBuilder<unknown>): Promise<QueryResult<unknown>> {
  const result = await statement.execute(db);
  await setImmediate();
  return result;
}

// The hour's rows are found first, by their own index: the planner would look at each session there ever was for what
// it did in that hour. A plus keeps it from the index of all groups that are older.
async function addFacet(db: Transaction, facet: Facet, hourMs: number): Promise<void> {
  const from = (where: RawBuilder<boolean>) => sql`requests where id in (
      select id from requests where started_ms >= ${hourMs} and started_ms < ${hourMs + HOUR_MS}
    ) and ${FACETS[facet].counts} and ${where}`;
  const source = { facet, hourMs, from };
  if (!(await hasRows(db, source))) return;
  await nameGroups(db, source);
  await addSumsOf(db, source);
  if (facet === 'here' || facet === 'cause') return; // they are counted, not timed
  for (const histogram of HISTOGRAMS) await addBuckets(db, source, histogram);
}

type Source = {
  readonly facet: Facet;
  readonly hourMs: number;
  /** The requests of the hour and facet for which a condition holds. */
  readonly from: (where: RawBuilder<boolean>) => RawBuilder<unknown>;
};

const ALL = sql<boolean>`true`;

async function hasRows(db: Transaction, { from }: Source): Promise<boolean> {
  return (await sql`select 1 from ${from(ALL)} limit 1`.execute(db)).rows.length > 0;
}

async function nameGroups(db: Transaction, { facet, hourMs, from }: Source): Promise<void> {
  await run(
    db,
    sql`
    insert into rollup_groups (facet, last_hour_ms, ${columns(FACET_KEYS)})
    select ${facet}, ${hourMs}, ${columns(FACET_KEYS)}
    from (select distinct ${keys(facet)} from ${from(ALL)}) r
    where not exists (select 1 from rollup_groups g where ${isGroupOf(facet)})
  `,
  );
}

async function addSumsOf(db: Transaction, { facet, hourMs, from }: Source): Promise<void> {
  await run(
    db,
    sql`
    insert into rollup_hours (facet, hour_ms, group_id, ${columns(SUM_COLUMNS)})
    select ${facet}, ${hourMs}, g.group_id, ${prefixed('r', SUM_COLUMNS)}
    from (
      select ${keys(facet)}, ${sql.join(sumsOfRequests())} from ${from(ALL)} group by ${keyList(facet)}
    ) r cross join rollup_groups g where ${isGroupOf(facet)}
    on conflict (facet, hour_ms, group_id) do update set ${sql.join(addedToHours())}
  `,
  );
  await run(
    db,
    sql`
    update rollup_groups set last_hour_ms = ${hourMs} where +last_hour_ms < ${hourMs}
    and group_id in (select group_id from rollup_hours where facet = ${facet} and hour_ms = ${hourMs})
  `,
  );
}

async function addBuckets(
  db: Transaction,
  { facet, hourMs, from }: Source,
  { name, value, where }: (typeof HISTOGRAMS)[number],
): Promise<void> {
  await run(
    db,
    sql`
    insert into rollup_buckets (facet, hour_ms, group_id, histogram, bucket, requests)
    select ${facet}, ${hourMs}, g.group_id, r.histogram, r.bucket, r.requests
    from (
      select ${keys(facet)}, ${name} as histogram, ${bucketOf(value)} as bucket, count(*) as requests
      from ${from(where)} group by ${keyList(facet)}, histogram, bucket
    ) r cross join rollup_groups g where ${isGroupOf(facet)}
    on conflict (facet, hour_ms, group_id, histogram, bucket)
    do update set requests = rollup_buckets.requests + excluded.requests
  `,
  );
}

/** All key columns of a group, NULL where the facet does not tell by them. */
function keys(facet: Facet): RawBuilder<unknown> {
  return sql.join(FACET_KEYS.map((key) => sql`${expression(facet, key)} as ${sql.ref(key)}`));
}

function keyList(facet: Facet): RawBuilder<unknown> {
  return sql.join(FACETS[facet].keys.map(keyOfRequest));
}

function expression(facet: Facet, key: FacetKey): RawBuilder<unknown> {
  const told: readonly FacetKey[] = FACETS[facet].keys;
  return told.includes(key) ? keyOfRequest(key) : sql`null`;
}

// NULL is a key like any other: a request of no project belongs to the group of no project. SQLite joins in the order
// of a cross join: with the groups first it would look at all sessions that there ever were.
function isGroupOf(facet: Facet): RawBuilder<boolean> {
  const same = FACET_KEYS.map((key) => sql`g.${sql.ref(key)} is not distinct from r.${sql.ref(key)}`);
  return sql`(g.facet = ${facet} and ${sql.join(same, sql` and `)})`;
}

function columns(names: readonly string[]): RawBuilder<unknown> {
  return sql.join(names.map((name) => sql.ref(name)));
}

function prefixed(table: string, names: readonly string[]): RawBuilder<unknown> {
  return sql.join(names.map((name) => sql.ref(`${table}.${name}`)));
}
