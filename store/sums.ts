// What is added up of requests: counts and sums alone, so that hours can be added to hours. A sum is NULL where no
// request told its part of it, and adding keeps it so.

import { type RawBuilder, sql } from 'kysely';
import type { CacheReport } from '../router/outcome.ts';
import * as decode from './decode.ts';
import type { RequestResult } from './schema.ts';

/** Something came back from a backend, so there could have been a cache report. */
const ANSWERED = sql<boolean>`(backend <> 'daemon' and (result = 'completed' or ttft_ms is not null))`;
/** Tells of the speed of writing. */
export const DECODED = sql.raw<boolean>(decode.DECODED);
/** Of those: tokens a second. */
export const DECODE_RATE = sql.raw<number>(`${decode.DECODE_TOKENS} * 1000.0 / ${decode.DECODE_MS}`);

const COUNTS = {
  requests: sql`count(*)`,
  completed: countOf('completed'),
  failed: countOf('failed'),
  cancelled: countOf('cancelled'),
  refused: countOf('refused'),
  interrupted: countOf('interrupted'),
  cache_known: sql`count(*) filter (where cache_evidence <> 'none')`,
  cache_inferred: sql`count(*) filter (where cache_evidence = 'inferred')`,
  cache_unknown: sql`count(*) filter (where cache_evidence = 'none' and ${ANSWERED})`,
  cache_hits: sql`count(*) filter (where cache_result = 'hit')`,
  // A cold prompt is known to have been spared nothing: it is no request that the cache saved something of.
  saved_requests: sql`count(saved_seconds) filter (where cache_result <> 'miss')`,
  saved_predicted: sql`count(saved_seconds) filter (where cache_result <> 'miss' and saved_basis = 'predicted')`,
  breaks: sql`count(break_cause)`,
};

const SUMS = {
  prompt_tokens: sql`sum(prompt_tokens)`,
  known_prompt_tokens: sql`sum(prompt_tokens) filter (where cache_evidence <> 'none')`,
  cached_tokens: sql`sum(cached_tokens)`,
  written_tokens: sql`sum(written_tokens)`,
  output_tokens: sql`sum(output_tokens)`,
  decode_tokens: sql`sum(${sql.raw(decode.DECODE_TOKENS)}) filter (where ${DECODED})`,
  decode_ms: sql`sum(${sql.raw(decode.DECODE_MS)}) filter (where ${DECODED})`,
  saved_seconds: sql`sum(saved_seconds)`,
  saved_low_seconds: sql`sum(saved_low_seconds)`,
  saved_high_seconds: sql`sum(saved_high_seconds)`,
  saved_reported_seconds: savedFrom('reported'),
  saved_progress_seconds: savedFrom('progress'),
  saved_inferred_seconds: savedFrom('inferred'),
  break_tokens: sql`sum(break_tokens)`,
  break_seconds: sql`sum(break_seconds)`,
};

type CountName = keyof typeof COUNTS;
type SumName = keyof typeof SUMS;

export type Sums = { readonly [name in CountName]: number } & { readonly [name in SumName]: number | null };

const COUNT_NAMES = Object.keys(COUNTS) as readonly CountName[];
const SUM_NAMES = Object.keys(SUMS) as readonly SumName[];

/** The columns of `rollup_hours`, in the order of the expressions below. */
export const SUM_COLUMNS: readonly string[] = [...COUNT_NAMES, ...SUM_NAMES];

/** Of rows of `requests`. */
export function sumsOfRequests(): readonly RawBuilder<unknown>[] {
  return Object.entries({ ...COUNTS, ...SUMS }).map(([name, sum]) => sql`${sum} as ${sql.ref(name)}`);
}

/** Of rows of `rollup_hours`. */
export function sumsOfHours(): readonly RawBuilder<unknown>[] {
  return [
    ...COUNT_NAMES.map((name) => sql`coalesce(sum(${sql.ref(name)}), 0) as ${sql.ref(name)}`),
    ...SUM_NAMES.map((name) => sql`sum(${sql.ref(name)}) as ${sql.ref(name)}`),
  ];
}

/** What an hour that is there already becomes when more is added to it. */
export function addedToHours(): readonly RawBuilder<unknown>[] {
  const known = (name: string) => sql.ref(`rollup_hours.${name}`);
  const added = (name: string) => sql.ref(`excluded.${name}`);
  return SUM_COLUMNS.map(
    (name) =>
      sql`${sql.ref(name)} = coalesce(${known(name)} + ${added(name)}, ${known(name)}, ${added(name)})`,
  );
}

/** Of no rows at all. */
export const NOTHING: Sums = {
  ...fill(COUNT_NAMES, 0),
  ...fill(SUM_NAMES, null),
};

export function addSums(a: Sums, b: Sums): Sums {
  const counts = COUNT_NAMES.map((name) => [name, a[name] + b[name]] as const);
  const sums = SUM_NAMES.map((name) => [name, addKnown(a[name], b[name])] as const);
  return Object.fromEntries([...counts, ...sums]) as Sums;
}

function addKnown(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : a + b;
}

function fill<Name extends string, Value>(names: readonly Name[], value: Value) {
  return Object.fromEntries(names.map((name) => [name, value])) as { readonly [name in Name]: Value };
}

function countOf(result: RequestResult): RawBuilder<unknown> {
  return sql`count(*) filter (where result = ${sql.lit(result)})`;
}

function savedFrom(evidence: CacheReport['evidence']): RawBuilder<unknown> {
  return sql`sum(saved_seconds) filter (where cache_evidence = ${sql.lit(evidence)})`;
}
