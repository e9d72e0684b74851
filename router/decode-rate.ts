// How fast a backend writes, learned from what it was seen to write. A token takes the longer, the more stand before
// it: so much each, and a share more for every ten thousand. The share is a regression over the last hundred or so
// answers, held at nothing until prompts of different lengths were answered at different speeds.

import { fieldsOf, isFiniteNumber } from './saved.ts';

export type DecodeRate = {
  /** Seconds for so many tokens behind a prompt of so many. */
  seconds(tokens: number, promptTokens: number): number;
  learn(written: Written): void;
  /** Before anything was seen here: no slower than the other. */
  expectLike(other: SavedDecode): void;
  toJSON(): SavedDecode;
};

export type Written = { readonly tokens: number; readonly seconds: number; readonly promptTokens: number };

export type SavedDecode = {
  /** Of the rate behind an empty prompt, in tokens a second. */
  readonly decodeLogRate: number;
  readonly decodeSamples: number;
  /** Absent in what earlier versions saved. */
  readonly decodeSlowing?: Slowing;
};

/** Decayed sums over the answers seen: ten thousands of tokens before the answer (x), seconds a token (y). */
type Slowing = {
  readonly share: number;
  readonly weight: number;
  readonly meanX: number;
  readonly meanY: number;
  readonly sumXX: number;
  readonly sumXY: number;
};

const PRIOR_LOG_RATE = Math.log(40);
const MIN_TOKENS = 8;
const GAIN = 0.1;
const LARGEST_STEP = Math.log(2);

const UNIT_TOKENS = 10_000;
const REMEMBER = 0.99;
/** Chance makes speeds differ by some 15 %, and a share of 5 % is usual: so much spread of x outweighs "none". */
const DOUBT_XX = (0.15 / 0.05) ** 2;
const LARGEST_SHARE = 1;
const NO_SLOWING: Slowing = { share: 0, weight: 0, meanX: 0, meanY: 0, sumXX: 0, sumXY: 0 };

export function createDecodeRate(saved?: SavedDecode): DecodeRate {
  let logRate = saved?.decodeLogRate ?? PRIOR_LOG_RATE;
  let samples = saved?.decodeSamples ?? 0;
  let slowing = saved?.decodeSlowing ?? NO_SLOWING;

  const seconds = (tokens: number, promptTokens: number): number =>
    (tokens * slowdown(slowing.share, behind(tokens, promptTokens))) / Math.exp(logRate);

  /** The rate at the usual length stays what it is. */
  function slow(next: Slowing): void {
    logRate += Math.log(slowdown(next.share, next.meanX) / slowdown(slowing.share, next.meanX));
    slowing = next;
  }

  return {
    seconds,
    learn(written) {
      if (!isSample(written)) return;
      const { tokens, promptTokens } = written;
      const limit = samples === 0 ? Number.POSITIVE_INFINITY : LARGEST_STEP;
      const surprise = Math.log(seconds(tokens, promptTokens) / written.seconds);
      const step = Math.max(-limit, Math.min(limit, surprise));
      const y = seconds(tokens, promptTokens) / Math.exp(step) / tokens;
      logRate += Math.max(GAIN, 1 / (samples + 1)) * step;
      samples += 1;
      slow(seen(slowing, { x: behind(tokens, promptTokens), y }));
    },
    expectLike({ decodeLogRate, decodeSlowing = NO_SLOWING }) {
      if (samples > 0 || decodeLogRate <= logRate) return;
      logRate = decodeLogRate;
      slowing = { ...NO_SLOWING, share: decodeSlowing.share };
    },
    toJSON: () => ({ decodeLogRate: logRate, decodeSamples: samples, decodeSlowing: slowing }),
  };
}

/** Undefined where what was saved is of another shape. */
export function readDecode(saved: unknown): SavedDecode | undefined {
  const { decodeLogRate, decodeSamples, decodeSlowing } = fieldsOf(saved);
  if (!isFiniteNumber(decodeLogRate) || !isFiniteNumber(decodeSamples)) return undefined;
  const slowing = readSlowing(decodeSlowing);
  // The rate was saved for an empty prompt: without the share it would be too fast for all others.
  if (decodeSlowing !== undefined && slowing === undefined) return undefined;
  return { decodeLogRate, decodeSamples, ...(slowing && { decodeSlowing: slowing }) };
}

/** Weighted least squares with a ridge: without a spread of x, or with too little of it, the share stays at nothing. */
function seen(before: Slowing, { x, y }: { readonly x: number; readonly y: number }): Slowing {
  const weight = before.weight * REMEMBER + 1;
  const meanX = before.meanX + (x - before.meanX) / weight;
  const meanY = before.meanY + (y - before.meanY) / weight;
  const sumXX = before.sumXX * REMEMBER + (x - before.meanX) * (x - meanX);
  const sumXY = before.sumXY * REMEMBER + (x - before.meanX) * (y - meanY);
  const slope = sumXY / (sumXX + DOUBT_XX);
  const empty = Math.max(meanY / 10, meanY - slope * meanX);
  const share = Math.max(0, Math.min(LARGEST_SHARE, slope / empty));
  return { share, weight, meanX, meanY, sumXX, sumXY };
}

/** Ten thousands of tokens that stand before the answer's middle. */
function behind(tokens: number, promptTokens: number): number {
  return (promptTokens + tokens / 2) / UNIT_TOKENS;
}

function slowdown(share: number, x: number): number {
  return 1 + share * x;
}

/** Nobody writes a million tokens a second, or one in a quarter of an hour: what says so was measured wrong. */
function isSample({ tokens, seconds, promptTokens }: Written): boolean {
  const rate = tokens / seconds;
  return tokens >= MIN_TOKENS && rate > 1e-3 && rate < 1e6 && promptTokens >= 0 && promptTokens < 1e9;
}

function readSlowing(saved: unknown): Slowing | undefined {
  const { share, weight, meanX, meanY, sumXX, sumXY } = fieldsOf(saved);
  if (!isFiniteNumber(share) || share < 0 || share > LARGEST_SHARE || !isFiniteNumber(weight))
    return undefined;
  if (!isFiniteNumber(meanX) || !isFiniteNumber(meanY)) return undefined;
  if (!isFiniteNumber(sumXX) || !isFiniteNumber(sumXY) || weight < 0 || sumXX < 0) return undefined;
  return { share, weight, meanX, meanY, sumXX, sumXY };
}
