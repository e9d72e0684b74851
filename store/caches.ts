// What the prompt caches did, and what went to the Claude API, out of the same sums as everything else.

import type { Kysely } from 'kysely';
import type { BreakCause } from '../router/breaks.ts';
import type { Grouped } from './grouping.ts';
import type { KvFigures } from './kv-figures.ts';
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

/** By whom they were answered, requests tell of the caches and of what went to the Claude API. */
export async function cachesOf(db: Kysely<Schema>, sources: Sources) {
  const answered = (await sumsBy(db, sources, { facet: 'route', keys: ['backend', 'model'] })).filter(
    ({ values: [backend] }) => backend !== null,
  );
  const causes = await sumsBy(db, sources, { facet: 'cause', keys: ['cause'] });
  const all = answered.reduce((sum, { row }) => addSums(sum, row), NOTHING);
  const claude = answered.filter(({ values: [backend] }) => backend === 'claude');
  return {
    kvCache: kvOf(all, causes),
    pauses: await pausesOf(db, sources.span),
    claudeApi: claude.map(claudeTokens).toSorted((a, b) => b.requests - a.requests),
  };
}

function kvOf(sums: Sums, causes: readonly Grouped<Sums>[]): KvFigures {
  const known = sums.known_prompt_tokens ?? 0;
  const reused = sums.cached_tokens ?? 0;
  const counted = causes.map(({ values: [cause], row }) => ({
    cause: String(cause) as BreakCause,
    count: row.breaks,
    tokens: row.break_tokens ?? 0,
  }));
  return {
    requests: sums.requests,
    reusedTokens: reused,
    computedTokens: known - reused,
    unknownTokens: (sums.prompt_tokens ?? 0) - known,
    saved: savedOf(sums),
    breaks: {
      count: sums.breaks,
      tokens: sums.break_tokens ?? 0,
      seconds: sums.break_seconds,
      causes: counted.toSorted((a, b) => b.count - a.count || (a.cause < b.cause ? -1 : 1)),
    },
  };
}

function savedOf(sums: Sums): KvFigures['saved'] {
  if (sums.saved_requests === 0) return null;
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
