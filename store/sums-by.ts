// The sums of each group, out of the rows and the closed hours together.

import type { Kysely } from 'kysely';
import { askHours, askRequests, type Grouped, type Grouping } from './grouping.ts';
import type { Schema } from './schema.ts';
import type { Sources } from './sources.ts';
import { addSums, NOTHING, type Sums, sumsOfHours, sumsOfRequests } from './sums.ts';

/** Groups in both sources are added; their order means nothing. */
export async function sumsBy(
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

/** Of a grouping without keys. */
export async function sumOf(db: Kysely<Schema>, sources: Sources, grouping: Grouping): Promise<Sums> {
  return (await sumsBy(db, sources, grouping))[0]?.row ?? NOTHING;
}
