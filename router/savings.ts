// What a prompt cache was worth to one request: the wait of the same prompt with nothing cached, as this machine's own
// samples tell it, less the wait that there was.

import type { Forecast } from './speed.ts';

export type Saved = {
  readonly seconds: number;
  /** Nine in ten lie between these. */
  readonly lowSeconds: number;
  readonly highSeconds: number;
  /** `measured`: the wait that there was is. `predicted`: it was not seen, and is taken from the learned speed. */
  readonly basis: 'measured' | 'predicted';
  /** Prompts with next to nothing cached that the counterfactual was learned from. */
  readonly coldSamples: number;
};

export type Wait = {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  /** Without the queue. Absent where the first token was not seen. */
  readonly seconds?: number;
  /** What was expected of this prompt, cached as it was. */
  readonly expected: Forecast;
  /** What was expected of it with nothing cached. */
  readonly cold: Forecast;
  readonly coldSamples: number;
};

const NINE_IN_TEN = 1.645;
/** Below this share of the prompt only a template's header was shared. */
const NOTHING_SHARE = 0.05;

/** Never below zero: a cache makes no prompt slower, and a wait that was longer had other reasons. */
export function savedBy({ promptTokens, cachedTokens, seconds, expected, cold, coldSamples }: Wait): Saved {
  const basis = seconds === undefined ? 'predicted' : 'measured';
  if (cachedTokens < promptTokens * NOTHING_SHARE) {
    return { seconds: 0, lowSeconds: 0, highSeconds: 0, basis, coldSamples };
  }
  const middle = cold.seconds - (seconds ?? expected.seconds);
  const sigma = seconds === undefined ? Math.hypot(cold.sigma, expected.sigma) : cold.sigma;
  return {
    seconds: Math.max(0, middle),
    lowSeconds: Math.max(0, middle - NINE_IN_TEN * sigma),
    highSeconds: Math.max(0, middle + NINE_IN_TEN * sigma),
    basis,
    coldSamples,
  };
}
