// How fast an answer was written. Everything that shows a speed reads it from here; `store/decode.ts` says the same
// in SQL.

import type { Ending, Outcome } from './outcome.ts';

/** Fewer milliseconds than this are no measure of a speed: the answer came in one piece. */
export const SHORTEST_DECODE_MS = 50;

/** Tokens after the first one, and the time they took. */
type Decode = { readonly tokens: number; readonly ms: number };

/** The columns of a request's row, or the fields of its outcome, that tell of it. */
type DecodeSource = Readonly<
  Record<'outputTokens' | 'firstTokenMs' | 'durationMs', number | null | undefined>
> & { readonly result: Ending['result'] | 'running' | 'interrupted' };

/**
 * Of a completed answer, from the first token that its backend is known to have written: for a tool call, which is
 * held back until it is whole, that is not the first content. Undefined where it is not known.
 */
export function decodeOf({
  result,
  outputTokens,
  firstTokenMs,
  durationMs,
}: DecodeSource): Decode | undefined {
  if (result !== 'completed' || typeof outputTokens !== 'number' || outputTokens < 2) return undefined;
  if (typeof firstTokenMs !== 'number' || typeof durationMs !== 'number') return undefined;
  const ms = durationMs - firstTokenMs;
  return ms < SHORTEST_DECODE_MS ? undefined : { tokens: outputTokens - 1, ms };
}

export function decodeOfOutcome({
  ending,
  outputTokens,
  firstTokenMs,
  durationMs,
}: Outcome): Decode | undefined {
  return decodeOf({ result: ending.result, outputTokens, firstTokenMs, durationMs });
}

export function tokensPerSecond({ tokens, ms }: Decode): number {
  return (tokens * 1000) / ms;
}
