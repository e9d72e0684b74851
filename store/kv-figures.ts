// What the prompt caches did to a set of requests: tokens reused, computed and unknown, the waiting that was saved,
// and what broke. One definition, for all of them and for each row, whatever the rows are by.

import type { Kysely } from 'kysely';
import type { BreakCause } from '../router/breaks.ts';
import { type Grouping, type KeyValues, nameOf } from './grouping.ts';
import type { Schema } from './schema.ts';
import type { Sources } from './sources.ts';
import { addSums, NOTHING, type Sums } from './sums.ts';
import { sumsBy } from './sums-by.ts';

/** Null is unknown. */
export type KvFigures = {
  /** Prompt tokens that came out of the cache, had to be computed, or whose fate nobody told. */
  readonly reusedTokens: number;
  readonly computedTokens: number;
  readonly unknownTokens: number;
  /** Null where no request tells. */
  readonly saved: KvSaved | null;
  readonly breaks: KvBreaks;
};

/**
 * The bounds of each request, added up: the cold waits they are taken from are foretold by one model, so that their
 * errors go together.
 */
export type KvSaved = {
  readonly seconds: number;
  readonly lowSeconds: number;
  readonly highSeconds: number;
  /** Requests that had something cached, and those of them whose wait was not seen but foretold. */
  readonly requests: number;
  readonly predictedRequests: number;
  /** Seconds, by where the cached tokens are known from. */
  readonly byEvidence: Readonly<Record<'reported' | 'progress' | 'inferred', number>>;
};

type KvBreaks = {
  readonly count: number;
  /** Computed again, of the breaks that this is known of. */
  readonly tokens: number;
  readonly seconds: number | null;
  /** The most frequent first. Of hours that an older program summed up a row lacks them. */
  readonly causes: readonly KvCause[];
};

type KvCause = {
  readonly cause: BreakCause;
  readonly count: number;
  readonly tokens: number;
  readonly seconds: number | null;
};

export function kvOf(sums: Sums, causes: CauseSums = NO_CAUSES): KvFigures {
  const known = sums.known_prompt_tokens ?? 0;
  const reused = sums.cached_tokens ?? 0;
  return {
    reusedTokens: reused,
    computedTokens: known - reused,
    unknownTokens: (sums.prompt_tokens ?? 0) - known,
    saved: sums.saved_seconds === null ? null : savedOf(sums),
    breaks: { ...costOf(sums), causes: causesOf(causes) },
  };
}

export function savedOf(sums: Sums): KvSaved {
  return {
    seconds: sums.saved_seconds ?? 0,
    lowSeconds: sums.saved_low_seconds ?? 0,
    highSeconds: sums.saved_high_seconds ?? 0,
    requests: sums.saved_requests,
    predictedRequests: sums.saved_predicted,
    byEvidence: {
      reported: sums.saved_reported_seconds ?? 0,
      progress: sums.saved_progress_seconds ?? 0,
      inferred: sums.saved_inferred_seconds ?? 0,
    },
  };
}

type CauseSums = ReadonlyMap<BreakCause, Sums>;
const NO_CAUSES: CauseSums = new Map();

export type Causes = {
  readonly all: CauseSums;
  /** By the name of the group. */
  readonly groups: ReadonlyMap<string, CauseSums>;
};

/** What broke, in each group and in all of them. */
export async function causesBy(db: Kysely<Schema>, sources: Sources, { keys }: Grouping): Promise<Causes> {
  const found = await sumsBy(db, sources, { facet: 'cause', keys: [...keys, 'backend', 'cause'] });
  const all = new Map<BreakCause, Sums>();
  const groups = new Map<string, Map<BreakCause, Sums>>();
  for (const { values, row } of found) {
    const cause = String(values.at(-1)) as BreakCause;
    add(all, cause, row);
    if (!isOfGroup(values)) continue;
    const name = nameOf(values.slice(0, -2));
    const group = groups.get(name) ?? new Map<BreakCause, Sums>();
    groups.set(name, group);
    add(group, cause, row);
  }
  return { all, groups };
}

/** The first sums of hours had causes alone; a break that is told with its group has a backend. */
function isOfGroup(values: KeyValues): boolean {
  return values.at(-2) !== null;
}

function add(causes: Map<BreakCause, Sums>, cause: BreakCause, sums: Sums): void {
  causes.set(cause, addSums(causes.get(cause) ?? NOTHING, sums));
}

function causesOf(causes: CauseSums): readonly KvCause[] {
  return [...causes]
    .map(([cause, sums]) => ({ cause, ...costOf(sums) }))
    .toSorted((a, b) => b.count - a.count || (a.cause < b.cause ? -1 : 1));
}

function costOf({ breaks, break_tokens, break_seconds }: Sums) {
  return { count: breaks, tokens: break_tokens ?? 0, seconds: break_seconds };
}
