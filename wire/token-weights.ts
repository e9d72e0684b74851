// What one model's tokenizer makes of the classes of text, learned from reports.
//
// Learning is a Kalman filter over the weights: each report says one number about a mixture of all classes, and
// the filter's covariance remembers which weights are already known well. A first report moves everything, the
// hundredth of the same kind nearly nothing, and a class met late is still learned at once.

import type { Fields } from './fields.ts';
import { TEXT_CLASSES, type TextClass } from './text-classes.ts';
import { PRIOR_COVARIANCE, PRIOR_WEIGHTS } from './token-prior.ts';
import { dot } from './vector.ts';

export type TokenWeights = {
  /** One for each class, then the unexplained tokens of each front. */
  readonly weights: readonly number[];
  readonly covariance: readonly (readonly number[])[];
  /** `fronts[i]` names the front that slot i stands for. */
  readonly fronts: readonly string[];
};

/** Class counts of a text; of a front, which has a number of its own, apart from what follows it. */
export type Added = { readonly front?: Front; readonly rest: readonly number[] };
export type Front = { readonly key: string; readonly counts: readonly number[] };

/** Main loop and subagents of a project or two; the least known one gives way. */
const FRONTS = 6;
const CLASSES = TEXT_CLASSES.length;
const SIZE = CLASSES + FRONTS;
const EACH = Array.from({ length: SIZE }, (_, at) => at);

/** A model that has reported nothing yet. Nothing is unexplained of a front that nobody has sent. */
export const UNLEARNED: TokenWeights = {
  weights: EACH.map((at) => PRIOR_WEIGHTS[at] ?? 0),
  covariance: EACH.map((row) => EACH.map((column) => PRIOR_COVARIANCE[row]?.[column] ?? 0)),
  fronts: [],
};

export function tokensOf({ front, rest }: Added, { weights, fronts }: TokenWeights): number {
  if (!front) return dot(rest, weights);
  const slot = fronts.indexOf(front.key);
  return dot(rest, weights) + dot(front.counts, weights) + (slot < 0 ? 0 : (weights[CLASSES + slot] ?? 0));
}

/** What is known after a report that `added` came to so many tokens. */
export function withReport(before: TokenWeights, added: Added, tokens: number): TokenWeights {
  // A negative difference, or nearly none, says that the conversation was cut, not what its text costs.
  if (tokens < TEMPLATE_NOISE) return before;
  return update(withFront(before, added, tokens), added, tokens);
}

/** Undefined for what was not written by this version. */
export function readWeights({ weights, covariance, fronts }: Fields): TokenWeights | undefined {
  if (!isRow(weights) || !Array.isArray(covariance) || covariance.length !== SIZE) return undefined;
  if (!Array.isArray(fronts) || fronts.length > FRONTS) return undefined;
  return covariance.every(isRow) ? { weights, covariance, fronts: fronts.map(String) } : undefined;
}

function isRow(value: unknown): value is number[] {
  return Array.isArray(value) && value.length === SIZE && value.every(Number.isFinite);
}

function features({ front, rest }: Added, fronts: readonly string[]): readonly number[] {
  const slots = Array.from({ length: FRONTS }, (_, at) =>
    Number(front !== undefined && fronts[at] === front.key),
  );
  return [...rest.map((count, at) => count + (front?.counts[at] ?? 0)), ...slots];
}

// ---- Fronts -------------------------------------------------------------------------------------------

/** The relative error of a front; larger than that of a text, for templates write tools in ways of their own. */
const FRONT_SPREAD = 0.2;

/** A slot for a front that has none yet. */
function withFront(before: TokenWeights, { front, rest }: Added, tokens: number): TokenWeights {
  if (!front || before.fronts.includes(front.key)) return before;
  const slot = before.fronts.length < FRONTS ? before.fronts.length : leastKnownSlot(before);
  const at = CLASSES + slot;
  const left = Math.max(tokens - dot(rest, before.weights), dot(front.counts, before.weights));
  const variance = (FRONT_SPREAD * left + TEMPLATE_NOISE) ** 2;
  return {
    weights: before.weights.with(at, 0),
    covariance: before.covariance.map((row, i) =>
      row.map((value, j) => (i !== at && j !== at ? value : i === j ? variance : 0)),
    ),
    fronts: slot < before.fronts.length ? before.fronts.with(slot, front.key) : [...before.fronts, front.key],
  };
}

/** The one that has come least often. */
function leastKnownSlot({ covariance }: TokenWeights): number {
  const variances = Array.from({ length: FRONTS }, (_, at) => covariance[CLASSES + at]?.[CLASSES + at] ?? 0);
  return variances.indexOf(Math.max(...variances));
}

// ---- The filter ---------------------------------------------------------------------------------------

/** Relative error that a sum of classes leaves on a real tokenizer. */
const NOISE = 0.03;
/** Tokens that a chat template adds or leaves out from one turn to the next. */
const TEMPLATE_NOISE = 8;
/** A report further off than this many standard deviations is believed no more than one that is just so far off. */
const BELIEVED = 3;
/** What is forgotten with each report: a model may be exchanged behind its name. */
const FORGET = 0.0005;
/** They only correct what another class counts. Of any other class more makes no text shorter. */
const CORRECTIONS: readonly TextClass[] = [
  'joinedWords',
  'capitals',
  'marksBeforeBreak',
  'numbersAfterBlank',
  'emptyLines',
  'smallIndents',
];
const MAY_BE_NEGATIVE = EACH.map(
  (at) => at >= CLASSES || CORRECTIONS.some((name) => name === TEXT_CLASSES[at]),
);

/** One step of the filter: these counts came to so many tokens. */
function update(before: TokenWeights, added: Added, tokens: number): TokenWeights {
  // By the token, so that an error of 5 % weighs the same in a short text and in a long one.
  const counts = features(added, before.fronts).map((count) => count / tokens);
  const spread = before.covariance.map((row) => dot(row, counts));
  const restShare = added.front ? Math.min(1, dot(added.rest, before.weights) / tokens) : 1;
  const variance = dot(spread, counts) + (NOISE * restShare) ** 2 + (TEMPLATE_NOISE / tokens) ** 2;
  const limit = BELIEVED * Math.sqrt(variance);
  const error = Math.max(-limit, Math.min(limit, 1 - dot(counts, before.weights)));
  return {
    weights: before.weights.map((weight, at) => {
      const next = weight + ((spread[at] ?? 0) * error) / variance;
      return MAY_BE_NEGATIVE[at] ? next : Math.max(0, next);
    }),
    covariance: before.covariance.map((row, i) =>
      row.map((value, j) => {
        const known = value - ((spread[i] ?? 0) * (spread[j] ?? 0)) / variance;
        return known * (1 - FORGET) + (UNLEARNED.covariance[i]?.[j] ?? 0) * FORGET;
      }),
    ),
    fronts: before.fronts,
  };
}
