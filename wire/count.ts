// How many tokens a prompt has, for a backend that cannot be asked. The estimate is a weighted sum of the text's
// character classes; the weights belong to a model and are learned from every usage that it reports.
//
// Most prompts begin with one that was reported before. Then only what was added is estimated, and the difference
// of the two reports says what the added text alone came to, which teaches far more than the totals.
//
// System prompt and tools come again in every session and outweigh what is new. What the classes leave unexplained
// of such a front is learned as a number of its own, so that it does not spoil the weights of the rest.

import { hash as digest } from 'node:crypto';
import { asFields } from './fields.ts';
import { countClasses, TEXT_CLASSES } from './text-classes.ts';
import {
  type Front,
  readWeights,
  type TokenWeights,
  tokensOf,
  UNLEARNED,
  withReport,
} from './token-weights.ts';

/** `hash` names the text: equal hashes are taken for equal texts. */
export type CountedSegment = { readonly hash: string; readonly text: string };

export type TokenEstimator = {
  /** Tokens of the whole prompt, at least 1. */
  estimate(model: string, segments: readonly CountedSegment[]): number;
  /** Tokens of each segment alone: they add up to the whole prompt, but for rounding. */
  estimateEach(model: string, segments: readonly CountedSegment[]): readonly number[];
  /** What the model reported for exactly these segments: the whole prompt, cached part included. */
  learn(model: string, segments: readonly CountedSegment[], promptTokens: number): void;
  /** What was learned, to be given to `createTokenEstimator` after a restart. */
  toJSON(): SavedEstimator;
};

export type SavedEstimator = {
  readonly classes: readonly string[];
  readonly models: Readonly<Record<string, TokenWeights>>;
};

/** `front` is absent where its tokens are among the known ones: those of the first `knownSegments`. */
type Split = {
  readonly knownSegments: number;
  readonly knownTokens: number;
  readonly front?: Front;
  readonly rest: readonly number[];
};

const MAX_MODELS = 32;
const MAX_SEGMENTS = 4096;
const MAX_REPORTS = 4096;
/** System prompt and tools. */
const FRONT_SEGMENTS = 2;

/** `saved` is a former `toJSON()`; what does not fit is forgotten without a word. */
export function createTokenEstimator(saved?: unknown): TokenEstimator {
  const models = readSaved(saved);
  const counts = new Map<string, readonly number[]>();
  const reports = new Map<string, number>();

  const featuresOf = (segment: CountedSegment): readonly number[] => {
    const counted = counts.get(segment.hash) ?? Object.values(countClasses(segment.text));
    keep(counts, segment.hash, counted, MAX_SEGMENTS);
    return counted;
  };
  const featuresOfAll = (segments: readonly CountedSegment[]): readonly number[] => {
    const sums = TEXT_CLASSES.map(() => 0);
    for (const segment of segments) {
      for (const [at, count] of featuresOf(segment).entries()) sums[at] = (sums[at] ?? 0) + count;
    }
    return sums;
  };
  /** The longest beginning of these segments that was reported, and what came after it. */
  const split = (chain: readonly string[], segments: readonly CountedSegment[]): Split => {
    const at = chain.findLastIndex((key) => reports.has(key));
    const front = chain[FRONT_SEGMENTS - 1];
    if (at >= 0 || front === undefined) {
      const knownTokens = at < 0 ? 0 : (reports.get(chain[at] ?? '') ?? 0);
      return { knownSegments: at + 1, knownTokens, rest: featuresOfAll(segments.slice(at + 1)) };
    }
    return {
      knownSegments: 0,
      knownTokens: 0,
      front: { key: front, counts: featuresOfAll(segments.slice(0, FRONT_SEGMENTS)) },
      rest: featuresOfAll(segments.slice(FRONT_SEGMENTS)),
    };
  };

  return {
    estimate(model, segments) {
      const weights = models.get(model) ?? UNLEARNED;
      const { knownTokens, ...added } = split(chainOf(model, segments), segments);
      return Math.max(1, Math.round(knownTokens + tokensOf(added, weights)));
    },
    estimateEach(model, segments) {
      const weights = models.get(model) ?? UNLEARNED;
      const tokens = segments.map((segment) => Math.max(0, tokensOf({ rest: featuresOf(segment) }, weights)));
      const { knownSegments, knownTokens, front } = split(chainOf(model, segments), segments);
      // What is known of a beginning as a whole is shared out among its segments.
      const shared = front ? FRONT_SEGMENTS : knownSegments;
      const told = front ? tokensOf({ front, rest: NOTHING }, weights) : knownTokens;
      const estimated = sum(tokens.slice(0, shared));
      const correction = estimated > 0 ? told / estimated : 1;
      return tokens.map((count, at) => (at < shared ? count * correction : count));
    },
    learn(model, segments, promptTokens) {
      if (segments.length === 0 || !(promptTokens > 0) || !Number.isFinite(promptTokens)) return;
      const chain = chainOf(model, segments);
      const { knownTokens, ...added } = split(chain, segments);
      const before = models.get(model) ?? UNLEARNED;
      keep(models, model, withReport(before, added, promptTokens - knownTokens), MAX_MODELS);
      keep(reports, chain.at(-1) ?? '', promptTokens, MAX_REPORTS);
    },
    toJSON: () => ({ classes: TEXT_CLASSES, models: Object.fromEntries(models) }),
  };
}

const NOTHING = TEXT_CLASSES.map(() => 0);

/** One key for each beginning of the segments. */
function chainOf(model: string, segments: readonly CountedSegment[]): readonly string[] {
  let key = model;
  return segments.map(({ hash }) => {
    key = digest('sha1', `${key} ${hash}`);
    return key;
  });
}

/** Most recently used last; the oldest goes where there are too many. */
function keep<V>(map: Map<string, V>, key: string, value: V, max: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= max) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}

// ---- Over a restart -----------------------------------------------------------------------------------

function readSaved(saved: unknown): Map<string, TokenWeights> {
  const fields = asFields(saved);
  const isOurs = JSON.stringify(fields?.['classes']) === JSON.stringify(TEXT_CLASSES);
  const models = isOurs ? Object.entries(asFields(fields?.['models']) ?? {}) : [];
  const read = models.flatMap(([model, value]) => {
    const weights = readWeights(asFields(value) ?? {});
    return weights ? [[model, weights] as const] : [];
  });
  return new Map(read.slice(-MAX_MODELS));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
