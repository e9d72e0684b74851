// How fast one backend is, learned from what it was seen to do.
//
// Time to first token is taken for a weighted sum: something fixed, so much for each token that has to be computed,
// a little for each that is copied from the cache, and more for a token that stands behind many others (attention
// looks back over all of them). The weights are learned by a Kalman filter in relative error, so that a warm turn of
// 0.3 s teaches as much as a cold prompt of 30 s, and what one kind of prompt taught helps to predict another.
// One report moves the weights by at most a few standard deviations; several that all say the same make the filter
// doubt what it knew, for a server may have been exchanged or slowed down.

import { dot } from '../wire/vector.ts';
import { createColdSpread, type SavedColdSpread } from './cold-spread.ts';
import { createDecodeRate, readDecode, type SavedDecode, type Written } from './decode-rate.ts';
import { fieldsOf, isFiniteNumber } from './saved.ts';

export type Work = {
  /** Prompt tokens that have to be computed. */
  readonly uncached: number;
  /** Prompt tokens that are in the cache. */
  readonly cached: number;
};
export type Forecast = {
  readonly seconds: number;
  /** Standard deviation of one wait. */
  readonly sigma: number;
  /** Of it, what more reports would take away: requests differ anyway. */
  readonly doubt: number;
};

export type Speed = {
  /** From the moment the backend has the request to its first token. */
  ttft(work: Work): Forecast;
  /** The seconds of `ttft` alone, which is what most who ask want, and cheaper. */
  ttftSeconds(uncached: number, cached: number): number;
  /** Of an answer behind a prompt of so many tokens. */
  decodeSeconds(tokens: number, promptTokens: number): number;
  learnTtft(work: Work, seconds: number): void;
  learnDecode(written: Written): void;
  /** Before anything was seen here: no slower than the other, and as doubtful as ever. */
  expectLike(other: Speed): void;
  /** Standard deviation of what a usual prompt takes, as a share of it: about 1 before anything was seen. */
  readonly doubt: number;
  /** Reports of a first token that were learned from. */
  readonly samples: number;
  /** The first token of a prompt with nothing cached, as uncertain as such forecasts have been here. */
  cold(promptTokens: number): Forecast;
  /** Of the samples, those of cold prompts. */
  readonly coldSamples: number;
  toJSON(): SavedSpeed;
};

export type SavedSpeed = SavedDecode & {
  readonly weights: readonly number[];
  readonly covariance: readonly (readonly number[])[];
  readonly samples: number;
  /** Absent in what earlier versions saved. */
  readonly cold?: SavedColdSpread;
};

/** Seconds: fixed, a token computed, a token copied, a token computed behind 10,000 others. */
const PRIOR_MEAN = [0.1, 1 / 600, 2e-6, 0] as const;
const PRIOR_SPREAD = [0.3, 1 / 400, 1e-5, 1 / 2000] as const;
const SIZE = PRIOR_MEAN.length;
const LOOK_BACK = 10_000;

const TYPICAL: Work = { uncached: 10_000, cached: 20_000 };

/** What one request differs from the next on the same machine, as a share and in seconds. */
const NOISE_SHARE = 0.1;
const NOISE_S = 0.03;
const BELIEVED = 3;
const FORGET = 0.002;
/** So many surprises in a row, all to the same side, are no chance. */
const SURPRISES = 3;

export function createSpeed(saved?: unknown): Speed {
  const restored = readSaved(saved);
  let weights = restored?.weights ?? PRIOR_MEAN;
  let covariance = restored?.covariance ?? priorCovariance();
  let samples = restored?.samples ?? 0;
  const decode = createDecodeRate(restored);
  let surprises = 0;
  const coldSpread = createColdSpread(restored?.cold);

  // Spelled out, for it is asked some twenty times a decision.
  function ttftSeconds(uncached: number, cached: number): number {
    const [fixed = 0, computed = 0, copied = 0, lookedBack = 0] = weights;
    const behind = lookBack(uncached, cached);
    return Math.max(0.001, fixed + computed * uncached + copied * cached + lookedBack * behind);
  }

  function ttft(work: Work): Forecast {
    const seconds = ttftSeconds(work.uncached, work.cached);
    const known = quadratic(covariance, featuresOf(work));
    const noise = (NOISE_SHARE * seconds) ** 2 + NOISE_S ** 2;
    return { seconds, sigma: Math.sqrt(known + noise), doubt: Math.sqrt(known) };
  }

  return {
    ttft,
    ttftSeconds,
    decodeSeconds: decode.seconds,
    learnTtft(work, seconds) {
      if (!isSample(work, seconds)) return;
      coldSpread.learn(work, { seconds, foretold: ttftSeconds(work.uncached, work.cached) });
      const features = featuresOf(work).map((feature) => feature / seconds);
      const spread = covariance.map((row) => dot(row, features));
      const variance = dot(spread, features) + NOISE_SHARE ** 2 + (NOISE_S / seconds) ** 2;
      const error = 1 - dot(features, weights);
      const limit = BELIEVED * Math.sqrt(variance);
      surprises =
        Math.abs(error) <= limit
          ? 0
          : surprises * error > 0
            ? surprises + Math.sign(error)
            : Math.sign(error);
      const believed = Math.max(-limit, Math.min(limit, error));
      // Not held above zero one by one: a weight cut off would leave the others with its part of the error.
      weights = weights.map((weight, at) => weight + ((spread[at] ?? 0) * believed) / variance);
      covariance = covariance.map((row, i) =>
        row.map((value, j) => {
          const known = value - ((spread[i] ?? 0) * (spread[j] ?? 0)) / variance;
          return known * (1 - FORGET) + (i === j ? priorVariance(i) * FORGET : 0);
        }),
      );
      if (Math.abs(surprises) >= SURPRISES) {
        covariance = priorCovariance();
        surprises = 0;
      }
      samples += 1;
    },
    learnDecode: decode.learn,
    expectLike(other) {
      const like = other.toJSON();
      const { uncached, cached } = TYPICAL;
      const isFaster = other.ttftSeconds(uncached, cached) < ttftSeconds(uncached, cached);
      if (samples === 0 && isFaster) weights = like.weights;
      decode.expectLike(like);
    },
    get doubt() {
      const features = featuresOf(TYPICAL);
      return Math.sqrt(quadratic(covariance, features)) / Math.max(0.001, dot(features, weights));
    },
    get samples() {
      return samples;
    },
    cold: (promptTokens) => coldForecast(ttft({ uncached: promptTokens, cached: 0 }), coldSpread.share),
    get coldSamples() {
      return coldSpread.samples;
    },
    toJSON: () => ({
      ...{ weights, covariance, samples, ...decode.toJSON() },
      cold: coldSpread.toJSON(),
    }),
  };
}

/** The forecast's own sigma holds the spread that is taken for granted: the one that was seen comes in its place. */
function coldForecast({ seconds, sigma, doubt }: Forecast, share: number): Forecast {
  const variance = sigma ** 2 + (share ** 2 - NOISE_SHARE ** 2) * seconds ** 2;
  return { seconds, sigma: Math.sqrt(Math.max(NOISE_S ** 2, variance)), doubt };
}

/** Nobody computes a prompt in less than a millisecond: what says so was measured wrong. */
function isSample({ uncached, cached }: Work, seconds: number): boolean {
  const tokens = uncached + cached;
  const isWork = uncached >= 0 && cached >= 0 && tokens > 0 && Number.isFinite(tokens);
  return isWork && seconds >= 0.001 && Number.isFinite(seconds);
}

function featuresOf({ uncached, cached }: Work): readonly number[] {
  return [1, uncached, cached, lookBack(uncached, cached)];
}

function lookBack(uncached: number, cached: number): number {
  return (uncached * (cached + uncached / 2)) / LOOK_BACK;
}

function priorVariance(at: number): number {
  return (PRIOR_SPREAD[at] ?? 0) ** 2;
}

function priorCovariance(): readonly (readonly number[])[] {
  return PRIOR_MEAN.map((_, i) => PRIOR_MEAN.map((__, j) => (i === j ? priorVariance(i) : 0)));
}

function quadratic(matrix: readonly (readonly number[])[], vector: readonly number[]): number {
  return Math.max(
    0,
    dot(
      matrix.map((row) => dot(row, vector)),
      vector,
    ),
  );
}

/** Undefined where what was saved is of another shape: then everything is learned anew. */
function readSaved(saved: unknown): SavedSpeed | undefined {
  const { weights, covariance, samples, cold } = fieldsOf(saved);
  if (!isRow(weights) || !Array.isArray(covariance) || covariance.length !== SIZE) return undefined;
  if (!covariance.every(isRow)) return undefined;
  const decode = readDecode(saved);
  if (!isFiniteNumber(samples) || decode === undefined) return undefined;
  const spread = createColdSpread(cold).toJSON();
  return { weights, covariance, samples, ...decode, cold: spread };
}

function isRow(value: unknown): value is number[] {
  return Array.isArray(value) && value.length === SIZE && value.every(isFiniteNumber);
}
