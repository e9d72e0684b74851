// The facets by which requests are summed up: for each, which requests it counts and what it tells apart.

import { type RawBuilder, sql } from 'kysely';

const KEYS = {
  task: sql<string | null>`task`,
  // A refused request was answered by the daemon, yet for want of a backend: its backend is nobody.
  backend: sql<string | null>`nullif(backend, 'daemon')`,
  model: sql<string | null>`model`,
  project: sql<string | null>`project`,
  decision_reason: sql<string | null>`decision_reason`,
  session_id: sql<string | null>`session_id`,
  break_cause: sql<string | null>`break_cause`,
};

export type FacetKey = keyof typeof KEYS;
export const FACET_KEYS = Object.keys(KEYS) as readonly FacetKey[];

/** What the daemon answers itself (titles, probes, counts) never touches a model's cache. */
const HERE = sql<boolean>`(backend = 'daemon' and result = 'completed')`;
const SERVED = sql<boolean>`(result <> 'running' and (backend is null or not ${HERE}))`;

export const FACETS = {
  route: { counts: SERVED, keys: ['task', 'backend', 'model'] },
  project: { counts: SERVED, keys: ['project'] },
  reason: { counts: SERVED, keys: ['decision_reason'] },
  // With the keys of the other facets, for sessions have to be counted by them.
  session: { counts: SERVED, keys: ['session_id', 'project', 'task', 'backend', 'model'] },
  // With all keys, for breaks are few and everybody asks what broke.
  cause: {
    counts: sql<boolean>`(${SERVED} and break_cause is not null)`,
    keys: ['break_cause', 'session_id', 'project', 'decision_reason', 'task', 'backend', 'model'],
  },
  here: { counts: HERE, keys: ['session_id'] },
} as const satisfies Readonly<
  Record<string, { readonly counts: RawBuilder<boolean>; readonly keys: readonly FacetKey[] }>
>;

export type Facet = keyof typeof FACETS;
export const FACET_NAMES = Object.keys(FACETS) as readonly Facet[];

/** A key of a request, as a column of `rollup_groups` holds it. */
export function keyOfRequest(key: FacetKey): RawBuilder<string | null> {
  return KEYS[key];
}
