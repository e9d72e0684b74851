// What was read in pauses for nobody's answer: what it cost, and what the requests that came next had of it.

import type { Kysely } from 'kysely';
import type { Schema } from './schema.ts';
import type { Span } from './sources.ts';

export type PausesFigures = {
  readonly runs: number;
  /** Those of them that a request, or a failure, has cut off. */
  readonly cutOff: number;
  readonly seconds: number;
  /** Of the runs whose backend told. Of these tokens, `used` and `wasted` are known; the rest may yet be asked for. */
  readonly computedTokens: number;
  readonly usedTokens: number;
  readonly wastedTokens: number;
  /** By which requests had their first token sooner, by the learned speed of their backend. */
  readonly savedSeconds: number;
};

/** Null where nothing was read ahead, or its rows are gone. */
export async function pausesOf(db: Kysely<Schema>, span: Span): Promise<PausesFigures | null> {
  const sums = await db
    .selectFrom('warmups')
    .where('started_ms', '>=', span.sinceMs)
    .where('started_ms', '<', span.endMs)
    .select(({ fn, eb }) => [
      fn.countAll<number>().as('runs'),
      fn.countAll<number>().filterWhere('result', '<>', 'completed').as('cut_off'),
      fn.sum<number>('cost_ms').as('cost_ms'),
      fn.sum<number | null>('computed_tokens').as('computed_tokens'),
      fn.sum<number | null>('used_tokens').as('used_tokens'),
      fn
        .sum<number | null>(eb('computed_tokens', '-', eb.fn.coalesce('used_tokens', eb.lit(0))))
        .filterWhere('use', 'in', ['used', 'wasted'])
        .as('wasted_tokens'),
      fn.sum<number | null>('saved_ms').as('saved_ms'),
    ])
    .executeTakeFirstOrThrow();
  if (sums.runs === 0) return null;
  return {
    runs: sums.runs,
    cutOff: sums.cut_off,
    seconds: sums.cost_ms / 1000,
    computedTokens: sums.computed_tokens ?? 0,
    usedTokens: sums.used_tokens ?? 0,
    wastedTokens: sums.wasted_tokens ?? 0,
    savedSeconds: (sums.saved_ms ?? 0) / 1000,
  };
}

export type ReadAhead = { readonly tokens: number; readonly savedSeconds: number };

/** What this request found that had been read for it; null where nothing was. */
export async function readAheadFor(db: Kysely<Schema>, requestId: string): Promise<ReadAhead | null> {
  const { tokens, saved_ms } = await db
    .selectFrom('warmups')
    .where('used_request_id', '=', requestId)
    .where('use', '=', 'used')
    .select(({ fn }) => [
      fn.sum<number | null>('used_tokens').as('tokens'),
      fn.sum<number | null>('saved_ms').as('saved_ms'),
    ])
    .executeTakeFirstOrThrow();
  return tokens === null ? null : { tokens, savedSeconds: (saved_ms ?? 0) / 1000 };
}
