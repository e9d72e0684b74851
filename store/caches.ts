// What the prompt caches did, and what went to the Claude API, out of the same sums as everything else.

import type { Kysely } from 'kysely';
import type { Grouped } from './grouping.ts';
import { type Causes, type KvFigures, kvOf } from './kv-figures.ts';
import { pausesOf } from './pauses.ts';
import type { Schema } from './schema.ts';
import type { Sources } from './sources.ts';
import { addSums, NOTHING, type Sums } from './sums.ts';
import { sumsBy } from './sums-by.ts';

/** Tokens as the Claude API counts and sells them: the four do not overlap. Null where no request told. */
export type ClaudeTokens = {
  readonly model: string | null;
  readonly requests: number;
  readonly inputTokens: number | null;
  readonly cacheWriteTokens: number | null;
  readonly cacheReadTokens: number | null;
  readonly outputTokens: number | null;
};

/** `requests`: that a backend answered. */
export type KvTotals = { readonly requests: number } & KvFigures;

export const NO_KV_TOTALS: KvTotals = { requests: 0, ...kvOf(NOTHING) };

/** By whom they were answered, requests tell of the caches and of what went to the Claude API. */
export async function cachesOf(db: Kysely<Schema>, sources: Sources, causes: Causes) {
  const answered = (await sumsBy(db, sources, { facet: 'route', keys: ['backend', 'model'] })).filter(
    ({ values: [backend] }) => backend !== null,
  );
  const all = answered.reduce((sum, { row }) => addSums(sum, row), NOTHING);
  const claude = answered.filter(({ values: [backend] }) => backend === 'claude');
  const kvCache: KvTotals = { requests: all.requests, ...kvOf(all, causes.all) };
  return {
    kvCache,
    pauses: await pausesOf(db, sources.span),
    claudeApi: claude.map(claudeTokens).toSorted((a, b) => b.requests - a.requests),
  };
}

function claudeTokens({ values: [, model], row }: Grouped<Sums>): ClaudeTokens {
  return {
    model: model === null || model === undefined ? null : String(model),
    requests: row.requests,
    inputTokens: uncached(row),
    cacheWriteTokens: row.written_tokens,
    cacheReadTokens: row.cached_tokens,
    outputTokens: row.output_tokens,
  };
}

/** What was neither read from the cache nor written to it, of the prompts whose report is known. */
function uncached({ known_prompt_tokens, cached_tokens, written_tokens }: Sums): number | null {
  if (known_prompt_tokens === null) return null;
  return known_prompt_tokens - (cached_tokens ?? 0) - (written_tokens ?? 0);
}
