// By what figures are told apart, and how each way is asked of the rows and of the sums of hours.

import { type Kysely, type RawBuilder, sql } from 'kysely';
import { FACETS, type Facet, type FacetKey, keyOfRequest } from './facets.ts';
import { HOUR_MS } from './rollup.ts';
import type { Schema } from './schema.ts';
import { hoursIn, requestsIn, type Sources } from './sources.ts';

export const STATS_BY = ['route', 'backend', 'model', 'session', 'project', 'day', 'hour', 'reason'] as const;
export type StatsBy = (typeof STATS_BY)[number];

/** A key's value as SQL, of a row of `requests` and of one of `rollup_hours` joined with its group `g`. */
type Key = { readonly ofRequest: RawBuilder<unknown>; readonly ofHour: RawBuilder<unknown> };

const GROUP_KEYS = {
  task: groupKey('task'),
  backend: groupKey('backend'),
  model: groupKey('model'),
  project: groupKey('project'),
  reason: groupKey('decision_reason'),
  session: groupKey('session_id'),
  cause: groupKey('break_cause'),
};

const TIME_KEYS = {
  day: {
    ofRequest: sql`date(started_ms / 1000, 'unixepoch', 'localtime')`,
    ofHour: sql`date(hour_ms / 1000, 'unixepoch', 'localtime')`,
  },
  hour: { ofRequest: sql`started_ms - started_ms % ${sql.lit(HOUR_MS)}`, ofHour: sql`hour_ms` },
};

const KEYS = { ...GROUP_KEYS, ...TIME_KEYS } satisfies Readonly<Record<string, Key>>;

/** `step` counts steps of time from 0. */
export type KeyName = keyof typeof KEYS | 'step';
export type Grouping = {
  readonly facet: Facet;
  readonly keys: readonly KeyName[];
  /** Of the key `step`: where the first one begins, and how long each of them is. */
  readonly steps?: { readonly sinceMs: number; readonly stepMs: number };
};

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
/** `name` is the same for the same values. */
export type Grouped<Row> = { readonly name: string; readonly values: KeyValues; readonly row: Row };

export type Question = {
  readonly sources: Sources;
  readonly grouping: Grouping;
  /** What is asked for, grouped or not. */
  readonly select: readonly RawBuilder<unknown>[];
  /** Further columns to group by, as they are named in `select`. */
  readonly alsoBy?: readonly string[];
  readonly where?: RawBuilder<boolean>;
};

export function nameOf(values: KeyValues): string {
  return JSON.stringify(values);
}

/** Asks the rows that are not in the sums. */
export async function askRequests<Row>(
  db: Kysely<Schema>,
  { sources, grouping, where = sql`true`, select, alsoBy = [] }: Question,
): Promise<readonly Grouped<Row>[]> {
  const from = sql`requests where ${requestsIn(sources)} and ${FACETS[grouping.facet].counts} and ${where}`;
  const keys = keyColumns(grouping, 'ofRequest');
  const rows = await ask<Row>(db, { keys, select, alsoBy, from });
  return rows.map(({ values, row }) => ({ name: nameOf(values), values, row }));
}

/** Asks the sums of closed hours; without any, nothing is known. A group may come several times. */
export async function askHours<Row>(
  db: Kysely<Schema>,
  question: Question & { readonly table: 'rollup_hours' | 'rollup_buckets' },
): Promise<readonly Grouped<Row>[]> {
  const { sources, grouping, table, select, alsoBy = [] } = question;
  if (sources.rolled === undefined) return [];
  const from = sql`${sql.table(table)} where facet = ${grouping.facet} and ${hoursIn(sources)}`;
  const ofGroup = { ...grouping, keys: grouping.keys.filter(isGroupKey) };
  const ofTime = { ...grouping, keys: grouping.keys.filter((key) => !isGroupKey(key)) };
  const timeColumns = keyColumns(ofTime, 'ofHour');
  if (ofGroup.keys.length === 0) {
    const rows = await ask<Row>(db, { keys: timeColumns, select, alsoBy, from });
    return rows.map(({ values, row }) => ({ name: nameOf(values), values, row }));
  }
  // Numbers are sorted much faster than the names they stand for.
  const id = sql`group_id as ${sql.ref(`k${timeColumns.length}`)}`;
  const rows = await ask<Row>(db, { keys: [...timeColumns, id], select, alsoBy, from });
  const groups = await groupsOf(db, ofGroup);
  return rows.flatMap(({ values, row }) => {
    const group = groups.get(Number(values.at(-1)));
    if (group === undefined) return [];
    return [{ ...(timeColumns.length === 0 ? group : inOrder(grouping, group.values, values)), row }];
  });
}

function isGroupKey(key: KeyName): boolean {
  return key in GROUP_KEYS;
}

/** Keys of the group and of the time, in the order of the grouping. */
function inOrder({ keys }: Grouping, ofGroup: KeyValues, ofTime: KeyValues) {
  const groupKeys = ofGroup.values();
  const timeKeys = ofTime.values();
  const values = keys.map((key) => (isGroupKey(key) ? groupKeys : timeKeys).next().value ?? null);
  return { name: nameOf(values), values };
}

/** The key columns of a grouping as `k0`, `k1` … */
export function keyColumns({ keys, steps }: Grouping, side: keyof Key): readonly RawBuilder<unknown>[] {
  return keys.map((key, at) => {
    const value = key === 'step' ? stepOf(steps, side) : KEYS[key][side];
    return sql`${value} as ${sql.ref(`k${at}`)}`;
  });
}

function stepOf(steps: Grouping['steps'], side: keyof Key): RawBuilder<unknown> {
  const moment = side === 'ofHour' ? sql`hour_ms` : sql`started_ms`;
  return steps ? sql`cast((${moment} - ${steps.sinceMs}) / ${steps.stepMs} as integer)` : sql`0`;
}

type Asked = Required<Pick<Question, 'select' | 'alsoBy'>> & {
  /** Named `k0`, `k1` … */
  readonly keys: readonly RawBuilder<unknown>[];
  readonly from: RawBuilder<unknown>;
};

type Keyed = Readonly<Record<string, KeyValues[number]>>;

async function ask<Row>(
  db: Kysely<Schema>,
  { keys, select, alsoBy, from }: Asked,
): Promise<readonly { readonly values: KeyValues; readonly row: Row }[]> {
  const names = [...keys.map((_, at) => `k${at}`), ...alsoBy].map((name) => sql.ref(name));
  const groupBy = names.length === 0 ? sql`` : sql`group by ${sql.join(names)}`;
  const { rows } = await sql<Row & Keyed>`
    select ${sql.join([...keys, ...select])} from ${from} ${groupBy}
  `.execute(db);
  return rows.map((row) => ({ values: keys.map((_, at) => row[`k${at}`] ?? null), row }));
}

async function groupsOf(db: Kysely<Schema>, grouping: Grouping) {
  const { rows } = await sql<Keyed & { readonly groupId: number }>`
    select group_id as "groupId", ${sql.join(keyColumns(grouping, 'ofHour'))}
    from rollup_groups g where facet = ${grouping.facet}
  `.execute(db);
  return new Map(
    rows.map((row) => {
      const values = grouping.keys.map((_, at) => row[`k${at}`] ?? null);
      return [row.groupId, { name: nameOf(values), values }] as const;
    }),
  );
}

function groupKey(key: FacetKey): Key {
  return { ofRequest: keyOfRequest(key), ofHour: sql`g.${sql.ref(key)}` };
}
