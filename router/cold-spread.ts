// How far the forecasts of cold prompts have been off on this machine: the uncertainty of "what would it have taken
// without the cache".

import { fieldsOf, isFiniteNumber, isPositive } from './saved.ts';

export type ColdSpread = {
  /** Of a prompt that was foretold to take `foretold` seconds. Others than cold ones are passed over. */
  learn(
    work: { readonly uncached: number; readonly cached: number },
    took: { readonly seconds: number; readonly foretold: number },
  ): void;
  /** Standard deviation, as a share of the forecast. */
  readonly share: number;
  readonly samples: number;
  toJSON(): SavedColdSpread;
};

export type SavedColdSpread = { readonly samples: number; readonly variance: number };

/** Below this share of a prompt only a template's header was cached. */
const COLD_SHARE = 0.05;
/** Taken for granted before any was seen, and the samples that this counts for. */
const PRIOR_SHARE = 0.1;
const PRIOR_SAMPLES = 3;
const MEMORY_SAMPLES = 50;

export function createColdSpread(saved?: unknown): ColdSpread {
  const restored = fieldsOf(saved);
  const isWhole = isFiniteNumber(restored['samples']) && isPositive(restored['variance']);
  let samples = isWhole ? Number(restored['samples']) : 0;
  let variance = isWhole ? Number(restored['variance']) : PRIOR_SHARE ** 2;
  return {
    learn({ uncached, cached }, { seconds, foretold }) {
      if (cached > (uncached + cached) * COLD_SHARE) return;
      samples += 1;
      // The first ones are off because nothing was known. And one stall of the machine must not spoil all after it.
      if (samples <= PRIOR_SAMPLES) return;
      const error = Math.max(-1, Math.min(1, Math.log(seconds / foretold)));
      variance += (error ** 2 - variance) / Math.min(MEMORY_SAMPLES, samples);
    },
    get share() {
      return Math.sqrt(variance);
    },
    get samples() {
      return samples;
    },
    toJSON: () => ({ samples, variance }),
  };
}
