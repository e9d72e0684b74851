// How many tokens a prompt has, for a backend that cannot be asked. The estimate is a weighted sum of the text's
// character classes; the weights belong to a model and are learned from every usage that it reports.
//
// Most prompts begin with one that was reported before. Then only what was added is estimated, and the difference
// of the two reports says what the added text alone came to, which teaches far more than the totals.
//
// Learning is a Kalman filter over the weights: each report says one number about a mixture of all classes, and
// the filter's covariance remembers which weights are already known well. A first report moves everything, the
// hundredth of the same kind nearly nothing, and a class met late is still learned at once.
//
// System prompt and tools come again in every session and outweigh what is new. What the classes leave unexplained
// of such a front is a number of its own in the same filter, so that it does not spoil the weights of the rest.

import { hash as digest } from 'node:crypto';
import { asFields, type Fields } from './fields.ts';
import { type ClassCounts, countClasses, TEXT_CLASSES, type TextClass } from './text-classes.ts';

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
  readonly models: Readonly<Record<string, SavedModel>>;
};
type SavedModel = {
  /** One for each class, then the unexplained tokens of each front. */
  readonly weights: readonly number[];
  readonly covariance: readonly (readonly number[])[];
  readonly fronts: readonly string[];
};

/** `front` is absent where its tokens are among the known ones: those of the first `knownSegments`. */
type Split = {
  readonly knownSegments: number;
  readonly knownTokens: number;
  readonly front?: Counted;
  readonly rest: readonly number[];
};
type Counted = { readonly key: string; readonly counts: readonly number[] };
/** `fronts[i]` names the front that slot i stands for. */
type Learned = { weights: number[]; covariance: number[][]; fronts: string[] };

const MAX_MODELS = 32;
const MAX_SEGMENTS = 4096;
const MAX_REPORTS = 4096;
/** System prompt and tools. */
const FRONT_SEGMENTS = 2;
/** Main loop and subagents of a project or two; the least known one gives way. */
const FRONTS = 6;

/** `saved` is a former `toJSON()`; what does not fit is forgotten without a word. */
export function createTokenEstimator(saved?: unknown): TokenEstimator {
  const models = readSaved(saved);
  const counts = new Map<string, ClassCounts>();
  const reports = new Map<string, number>();

  const featuresOf = (segments: readonly CountedSegment[]): number[] => {
    const sums = TEXT_CLASSES.map(() => 0);
    for (const segment of segments) {
      const counted = counts.get(segment.hash) ?? countClasses(segment.text);
      keep(counts, segment.hash, counted, MAX_SEGMENTS);
      for (const [at, name] of TEXT_CLASSES.entries()) sums[at] = (sums[at] ?? 0) + counted[name];
    }
    return sums;
  };
  /** The longest beginning of these segments that was reported, and what came after it. */
  const split = (chain: readonly string[], segments: readonly CountedSegment[]): Split => {
    const at = chain.findLastIndex((key) => reports.has(key));
    const front = chain[FRONT_SEGMENTS - 1];
    if (at >= 0 || front === undefined) {
      const knownTokens = at < 0 ? 0 : (reports.get(chain[at] ?? '') ?? 0);
      return { knownSegments: at + 1, knownTokens, rest: featuresOf(segments.slice(at + 1)) };
    }
    return {
      knownSegments: 0,
      knownTokens: 0,
      front: { key: front, counts: featuresOf(segments.slice(0, FRONT_SEGMENTS)) },
      rest: featuresOf(segments.slice(FRONT_SEGMENTS)),
    };
  };

  return {
    estimate(model, segments) {
      const learned = models.get(model) ?? unlearned();
      const { knownTokens, ...added } = split(chainOf(model, segments), segments);
      return Math.max(1, Math.round(knownTokens + dot(features(added, learned), learned.weights)));
    },
    estimateEach(model, segments) {
      const learned = models.get(model) ?? unlearned();
      const tokens = segments.map((segment) => dot(featuresOf([segment]), learned.weights));
      const { knownSegments, knownTokens, front } = split(chainOf(model, segments), segments);
      // What is known of a beginning as a whole is shared out among its segments.
      const shared = front ? FRONT_SEGMENTS : knownSegments;
      const told = front ? dot(features({ front, rest: NOTHING }, learned), learned.weights) : knownTokens;
      const estimated = sum(tokens.slice(0, shared));
      const correction = estimated > 0 ? told / estimated : 1;
      return tokens.map((count, at) => (at < shared ? count * correction : count));
    },
    learn(model, segments, promptTokens) {
      if (segments.length === 0 || !(promptTokens > 0) || !Number.isFinite(promptTokens)) return;
      const chain = chainOf(model, segments);
      const { knownTokens, ...added } = split(chain, segments);
      const learned = models.get(model) ?? unlearned();
      const tokens = promptTokens - knownTokens;
      if (added.front) makeRoom(learned, added.front, tokens - dot(added.rest, learned.weights));
      update(learned, added, tokens);
      keep(models, model, learned, MAX_MODELS);
      keep(reports, chain.at(-1) ?? '', promptTokens, MAX_REPORTS);
    },
    toJSON: () => ({ classes: TEXT_CLASSES, models: Object.fromEntries(models) }),
  };
}

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

// ---- Before anything was learned ----------------------------------------------------------------------

/** Tokens for each of a class, and how far a tokenizer may be from that: fitted to vocabularies of 100,000 and more. */
const PRIOR: Readonly<Record<TextClass, { readonly weight: number; readonly spread: number }>> = {
  segments: { weight: 5, spread: 6 },
  words: { weight: 0.92, spread: 0.5 },
  letters: { weight: 0.02, spread: 0.2 },
  longLetters: { weight: 0.14, spread: 0.15 },
  rareLetters: { weight: 0.2, spread: 0.4 },
  humps: { weight: 0.9, spread: 0.5 },
  capitals: { weight: 0.1, spread: 0.3 },
  accented: { weight: 1, spread: 1 },
  digits: { weight: 0.8, spread: 0.5 },
  numbers: { weight: 0.6, spread: 0.6 },
  mixed: { weight: 0.3, spread: 0.4 },
  marks: { weight: 0.1, spread: 0.4 },
  markRuns: { weight: 0.65, spread: 0.4 },
  breaks: { weight: 0.2, spread: 0.5 },
  blanks: { weight: 0.03, spread: 0.1 },
  blankRuns: { weight: 0.6, spread: 0.5 },
  han: { weight: 0.75, spread: 1.5 },
  kana: { weight: 0.8, spread: 1.5 },
  hangul: { weight: 0.9, spread: 1.5 },
  otherLetters: { weight: 0.45, spread: 1 },
  signs: { weight: 1, spread: 1 },
};

const CLASSES = TEXT_CLASSES.length;
const SIZE = CLASSES + FRONTS;
const PRIOR_VARIANCE = TEXT_CLASSES.map((name) => PRIOR[name].spread ** 2);

function unlearned(): Learned {
  const each = Array.from({ length: SIZE }, (_, at) => at);
  return {
    weights: each.map((at) => PRIOR[TEXT_CLASSES[at] ?? 'words'].weight * Number(at < CLASSES)),
    covariance: each.map((row) => each.map((column) => priorCovariance(row, column))),
    fronts: [],
  };
}

/** Nothing is unexplained of a front that nobody has sent yet. */
function priorCovariance(row: number, column: number): number {
  return row === column ? (PRIOR_VARIANCE[row] ?? 0) : 0;
}

// ---- Fronts -------------------------------------------------------------------------------------------

/** The relative error of a front; larger than that of a text, for templates write tools in ways of their own. */
const FRONT_SPREAD = 0.2;

/** `tokens` is what a report leaves for this front, as far as the weights tell. */
function makeRoom(learned: Learned, { key, counts }: Counted, tokens: number): void {
  if (learned.fronts.includes(key)) return;
  const slot = learned.fronts.length < FRONTS ? learned.fronts.length : leastKnownSlot(learned);
  learned.fronts[slot] = key;
  const at = CLASSES + slot;
  const spread = FRONT_SPREAD * Math.max(tokens, dot(counts, learned.weights)) + TEMPLATE_NOISE;
  learned.weights[at] = 0;
  learned.covariance = learned.covariance.map((row, i) =>
    row.map((value, j) => (i !== at && j !== at ? value : i === j ? spread ** 2 : 0)),
  );
}

/** The one that has come least often. */
function leastKnownSlot({ covariance }: Learned): number {
  const variances = Array.from({ length: FRONTS }, (_, at) => covariance[CLASSES + at]?.[CLASSES + at] ?? 0);
  return variances.indexOf(Math.max(...variances));
}

const NOTHING = TEXT_CLASSES.map(() => 0);

function features({ front, rest }: Pick<Split, 'front' | 'rest'>, { fronts }: Learned): readonly number[] {
  const slots = Array.from({ length: FRONTS }, (_, at) =>
    Number(front !== undefined && fronts[at] === front.key),
  );
  return [...rest.map((count, at) => count + (front?.counts[at] ?? 0)), ...slots];
}

// ---- Learning -----------------------------------------------------------------------------------------

/** Relative error that a sum of classes leaves on a real tokenizer. */
const NOISE = 0.06;
/** Tokens that a chat template adds or leaves out from one turn to the next. */
const TEMPLATE_NOISE = 8;
/** A report further off than this many standard deviations is believed no more than one that is just so far off. */
const BELIEVED = 3;
/** What is forgotten with each report: a model may be exchanged behind its name. */
const FORGET = 0.0005;

/** One step of the filter: these counts came to so many tokens. */
function update(learned: Learned, added: Pick<Split, 'front' | 'rest'>, tokens: number): void {
  if (tokens < TEMPLATE_NOISE) return;
  // By the token, so that an error of 5 % weighs the same in a short text and in a long one.
  const counts = features(added, learned).map((count) => count / tokens);
  const spread = learned.covariance.map((row) => dot(row, counts));
  const restShare = added.front ? Math.min(1, dot(added.rest, learned.weights) / tokens) : 1;
  const variance = dot(spread, counts) + (NOISE * restShare) ** 2 + (TEMPLATE_NOISE / tokens) ** 2;
  const limit = BELIEVED * Math.sqrt(variance);
  const error = Math.max(-limit, Math.min(limit, 1 - dot(counts, learned.weights)));
  // A negative weight would make a longer text shorter; a front may have fewer tokens than its text tells.
  learned.weights = learned.weights.map((weight, at) => {
    const next = weight + ((spread[at] ?? 0) * error) / variance;
    return at < CLASSES ? Math.max(0, next) : next;
  });
  learned.covariance = learned.covariance.map((row, i) =>
    row.map((value, j) => {
      const known = value - ((spread[i] ?? 0) * (spread[j] ?? 0)) / variance;
      return known * (1 - FORGET) + priorCovariance(i, j) * FORGET;
    }),
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);
}

// ---- Over a restart -----------------------------------------------------------------------------------

function readSaved(saved: unknown): Map<string, Learned> {
  const fields = asFields(saved);
  const isOurs = JSON.stringify(fields?.['classes']) === JSON.stringify(TEXT_CLASSES);
  const models = isOurs ? Object.entries(asFields(fields?.['models']) ?? {}) : [];
  const read = models.flatMap(([model, value]) => {
    const learned = readModel(asFields(value) ?? {});
    return learned ? [[model, learned] as const] : [];
  });
  return new Map(read.slice(-MAX_MODELS));
}

function readModel({ weights, covariance, fronts }: Fields): Learned | undefined {
  if (!isRow(weights) || !Array.isArray(covariance) || covariance.length !== SIZE) return undefined;
  if (!Array.isArray(fronts) || fronts.length > FRONTS) return undefined;
  return covariance.every(isRow) ? { weights, covariance, fronts: fronts.map(String) } : undefined;
}

function isRow(value: unknown): value is number[] {
  return Array.isArray(value) && value.length === SIZE && value.every(Number.isFinite);
}
