// By what figures are told apart, and how each way is asked of the rows and of the sums of hours.

import { type Kysely, type RawBuilder, sql } from 'kysely';
import { FACETS, type Facet, type FacetKey, keyOfRequest } from './facets.ts';
import { HOUR_MS } from './rollup.ts';
import type { Schema } from './schema.ts';
import { hoursIn, requestsIn, type Sources } from './sources.ts';

export const STATS_BY = ['route', 'backend', 'model', 'session', 'project', 'day', 'hour', 'reason'] as const;
export type StatsBy = (typeof STATS_BY)[number];

/** A key's value as SQL, of a row of `requests` and of one of `rollup_hours` joined with its group. */
type Key = { readonly ofRequest: RawBuilder<unknown>; readonly ofHour: RawBuilder<unknown> };

const KEYS = {
  task: groupKey('task'),
  backend: groupKey('backend'),
  model: groupKey('model'),
  project: groupKey('project'),
  reason: groupKey('decision_reason'),
  session: groupKey('session_id'),
  cause: groupKey('break_cause'),
  day: {
    ofRequest: sql`date(started_ms / 1000, 'unixepoch', 'localtime')`,
    ofHour: sql`date(hour_ms / 1000, 'unixepoch', 'localtime')`,
  },
  hour: { ofRequest: sql`started_ms - started_ms % ${sql.lit(HOUR_MS)}`, ofHour: sql`hour_ms` },
} satisfies Readonly<Record<string, Key>>;

export type KeyName = keyof typeof KEYS;
export type Grouping = { readonly facet: Facet; readonly keys: readonly KeyName[] };

export const GROUPINGS: Readonly<Record<StatsBy, Grouping>> = {
  route: { facet: 'route', keys: ['task', 'backend'] },
  backend: { facet: 'route', keys: ['backend'] },
  model: { facet: 'route', keys: ['model'] },
  session: { facet: 'session', keys: ['session', 'project'] },
  project: { facet: 'project', keys: ['project'] },
  day: { facet: 'route', keys: ['day'] },
  hour: { facet: 'route', keys: ['hour'] },
  reason: { facet: 'reason', keys: ['reason'] },
};

/** The value of each key, in the order of the grouping. */
export type KeyValues = readonly (string | number | null)[];
export type Grouped<Row> = { readonly values: KeyValues; readonly row: Row };

export type Question = {
  readonly sources: Sources;
  readonly grouping: Grouping;
  /** What is asked for, grouped or not. */
  readonly select: readonly RawBuilder<unknown>[];
  /** Further columns to group by, as they are named in `select`. */
  readonly alsoBy?: readonly string[];
  readonly where?: RawBuilder<boolean>;
};

/** Asks the rows that are not in the sums. */
export async function askRequests<Row>(
  db: Kysely<Schema>,
  question: Question,
): Promise<readonly Grouped<Row>[]> {
  const { sources, grouping, where = ALL } = question;
  const from = sql`requests where ${requestsIn(sources)} and ${FACETS[grouping.facet].counts} and ${where}`;
  return ask(db, { ...question, from, side: 'ofRequest' });
}

/** Asks the sums of closed hours; without any, nothing is known. */
export async function askHours<Row>(
  db: Kysely<Schema>,
  question: Question & { readonly table: 'rollup_hours' | 'rollup_buckets' },
): Promise<readonly Grouped<Row>[]> {
  const { sources, grouping, table, where = ALL } = question;
  if (sources.rolled === undefined) return [];
  const from = sql`${sql.table(table)} h join rollup_groups g on g.group_id = h.group_id
    where h.facet = ${grouping.facet} and ${hoursIn(sources)} and ${where}`;
  return ask(db, { ...question, from, side: 'ofHour' });
}

/** The key columns of a grouping as `k0`, `k1` … */
export function keyColumns({ keys }: Grouping, side: keyof Key): readonly RawBuilder<unknown>[] {
  return keys.map((key, at) => sql`${KEYS[key][side]} as ${sql.ref(`k${at}`)}`);
}

const ALL = sql<boolean>`true`;

async function ask<Row>(
  db: Kysely<Schema>,
  asked: Question & { readonly from: RawBuilder<unknown>; readonly side: keyof Key },
): Promise<readonly Grouped<Row>[]> {
  const { grouping, select, alsoBy = [], from, side } = asked;
  const names = [...grouping.keys.map((_, at) => `k${at}`), ...alsoBy].map((name) => sql.ref(name));
  const groupBy = names.length === 0 ? sql`` : sql`group by ${sql.join(names)}`;
  const columns = [...keyColumns(grouping, side), ...select];
  const { rows } = await sql<Row & Readonly<Record<string, KeyValues[number]>>>`
    select ${sql.join(columns)} from ${from} ${groupBy}
  `.execute(db);
  return rows.map((row) => ({ values: grouping.keys.map((_, at) => row[`k${at}`] ?? null), row }));
}

function groupKey(key: FacetKey): Key {
  return { ofRequest: keyOfRequest(key), ofHour: sql`g.${sql.ref(key)}` };
}
