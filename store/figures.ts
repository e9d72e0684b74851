// What is shown of a set of requests: its sums under the names that people read, and the shares that follow from
// them. Units are in the names, shares are in percent, and null is "nobody told", never 0.

import type { Spreads } from './spreads.ts';
import type { Sums } from './sums.ts';

export type Counts = {
  readonly requests: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly refused: number;
  readonly interrupted: number;
  /** Null where only the sums of hours are left, and they do not tell sessions by this key. */
  readonly sessions: number | null;
};

export type Figures = {
  /** Completed, of those that were not cancelled by the client. */
  readonly okPercent: number | null;
  readonly promptTokens: number | null;
  readonly outputTokens: number | null;
  /** Requests a backend answered whose cache report is known, how many of these are inferred, and unknown ones. */
  readonly cacheKnownRequests: number;
  readonly cacheInferredRequests: number;
  readonly cacheUnknownRequests: number;
  readonly cacheHitRequests: number;
  /** Requests that found most of their prompt cached, of those whose report is known. */
  readonly hitPercent: number | null;
  /** Prompt tokens of the requests whose cache report is known: what `cachedTokens` is a part of. */
  readonly cacheKnownPromptTokens: number;
  readonly cachedTokens: number | null;
  readonly cachedPercent: number | null;
  readonly writtenTokens: number | null;
  /**
   * As `router/decode.ts` has it, tokens over time of all answers together, so that a long one weighs more than a
   * short one.
   */
  readonly outputTokensPerS: number | null;
  /** Requests that lost a prefix which had been cached, and what that cost where it is known. */
  readonly cacheBreaks: number;
  readonly breakTokens: number | null;
  readonly breakSeconds: number | null;
  /** Estimated seconds that the cache spared, and how many requests they are of. */
  readonly savedSeconds: number | null;
  readonly savedRequests: number;
} & Spreads;

export function countsOf(sums: Sums, sessions: number | null): Counts {
  const { requests, completed, failed, cancelled, refused, interrupted } = sums;
  return { requests, completed, failed, cancelled, refused, interrupted, sessions };
}

export function figuresOf(sums: Sums, spreads: Spreads): Figures {
  const known = sums.known_prompt_tokens ?? 0;
  const perS = sums.decode_ms === null ? null : ((sums.decode_tokens ?? 0) * 1000) / sums.decode_ms;
  return {
    okPercent: okPercentOf(sums),
    promptTokens: sums.prompt_tokens,
    outputTokens: sums.output_tokens,
    cacheKnownRequests: sums.cache_known,
    cacheInferredRequests: sums.cache_inferred,
    cacheUnknownRequests: sums.cache_unknown,
    cacheHitRequests: sums.cache_hits,
    hitPercent: percent(sums.cache_hits, sums.cache_known),
    cacheKnownPromptTokens: known,
    cachedTokens: sums.cached_tokens,
    cachedPercent: percent(sums.cached_tokens, known),
    writtenTokens: sums.written_tokens,
    outputTokensPerS: perS,
    cacheBreaks: sums.breaks,
    breakTokens: sums.break_tokens,
    breakSeconds: sums.break_seconds,
    savedSeconds: sums.saved_seconds,
    savedRequests: sums.saved_requests,
    ...spreads,
  };
}

export function okPercentOf({ completed, failed, refused, interrupted }: Sums): number | null {
  return percent(completed, completed + failed + refused + interrupted);
}

function percent(part: number | null, whole: number): number | null {
  return part === null || whole === 0 ? null : (100 * part) / whole;
}
