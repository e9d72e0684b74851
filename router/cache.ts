// One reading of a cache report for everyone who shows or counts it.

import type { CacheReport } from './outcome.ts';

export const CACHE_RESULTS = ['hit', 'partial', 'miss', 'unknown'] as const;
export type CacheResult = (typeof CACHE_RESULTS)[number];

/** From this share of the prompt on, most of the prefill was saved, and the wait is that of a warm prompt. */
const HIT_SHARE = 0.5;
/** Below this share only a template's header or a few common words were shared: nobody notices the saving. */
const PARTIAL_SHARE = 0.05;

/** `unknown` where nobody told, or where the report is of an empty prompt: never a miss by default. */
export function cacheResult(report: CacheReport): CacheResult {
  if (report.evidence === 'none' || !(report.promptTokens > 0)) return 'unknown';
  const share = report.cachedTokens / report.promptTokens;
  if (share >= HIT_SHARE) return 'hit';
  return share >= PARTIAL_SHARE ? 'partial' : 'miss';
}
