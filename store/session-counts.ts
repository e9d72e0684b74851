// How many sessions there were. A session is in many hours and groups, so sessions are not added up but told apart.

import { type Kysely, type RawBuilder, sql } from 'kysely';
import { FACETS } from './facets.ts';
import { type Grouping, type KeyValues, keyColumns, nameOf } from './grouping.ts';
import type { Schema } from './schema.ts';
import { hoursIn, requestsIn, type Sources } from './sources.ts';

/** Of each group, by its name; undefined where the sums of hours do not tell. */
export async function sessionsBy(
  db: Kysely<Schema>,
  sources: Sources,
  grouping: Grouping,
): Promise<ReadonlyMap<string, number> | undefined> {
  if (sources.rolled !== undefined && grouping.keys.includes('reason')) return undefined;
  const names = grouping.keys.map((_, at) => sql.ref(`k${at}`));
  const { rows } = await sql<Readonly<Record<string, KeyValues[number]>> & { readonly sessions: number }>`
    select ${sql.join([...names, sql`count(*) as sessions`])} from (
      ${sessionRows(sources, {
        columns: (side) => keyColumns(grouping, side),
        where: FACETS[grouping.facet].counts,
        facets: ['session'],
        isByTime: grouping.keys.some((key) => key === 'day' || key === 'hour'),
      })}
    ) each_session group by ${sql.join(names)}
  `.execute(db);
  return new Map(
    rows.map((row) => [nameOf(grouping.keys.map((_, at) => row[`k${at}`] ?? null)), row.sessions]),
  );
}

/** Of all requests, those that still run or that the daemon answered itself among them. */
export async function sessionsIn(db: Kysely<Schema>, sources: Sources): Promise<number> {
  const all = { columns: () => [], where: sql<boolean>`true`, facets: ['session', 'here'], isByTime: false };
  const { rows } = await sql<{ readonly sessions: number }>`
    select count(*) as sessions from (${sessionRows(sources, all)}) each_session
  `.execute(db);
  return rows[0]?.sessions ?? 0;
}

type Asked = {
  readonly columns: (side: 'ofRequest' | 'ofHour') => readonly RawBuilder<unknown>[];
  readonly where: RawBuilder<boolean>;
  readonly facets: readonly string[];
  readonly isByTime: boolean;
};

/** `union` leaves one row of those that are alike. */
function sessionRows(sources: Sources, { columns, where, facets, isByTime }: Asked): RawBuilder<unknown> {
  const rows = sql`select distinct ${sql.join([...columns('ofRequest'), sql`session_id`])} from requests
    where ${requestsIn(sources)} and ${where} and session_id is not null`;
  if (sources.rolled === undefined) return rows;
  // A group is in many hours: each is looked at once, before names are compared.
  const hours = isByTime ? sql`group_id, hour_ms` : sql`group_id`;
  return sql`${rows} union select ${sql.join([...columns('ofHour'), sql`g.session_id`])}
    from (
      select distinct ${hours} from rollup_hours where facet in (${sql.join(facets)}) and ${hoursIn(sources)}
    ) h join rollup_groups g on g.group_id = h.group_id where g.session_id is not null`;
}
