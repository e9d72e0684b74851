// The trained part of the classifier: three logistic regressions whose features are named and hashed into buckets.
// Weights are bytes with one step for all of them, so that the file stays small; calibration is already in them.

import { FEATURE_VERSION, type Feature, type SignalGroup, turnFeatures } from './features.ts';
import { progressFeatures } from './progress.ts';
import type { TurnEvidence } from './turn.ts';

/** `weights.length` is a power of two; a weight is its byte times `step`. */
export type LinearModel = { readonly bias: number; readonly step: number; readonly weights: Int8Array };

/** `prompt`: the turn will edit, told when it opens. `progress`: the same, told inside it. `call`: this very call edits. */
export type ClassifierModel = { readonly [name in ModelName]: LinearModel };
export type ModelName = 'prompt' | 'progress' | 'call';
export const MODEL_NAMES = ['prompt', 'progress', 'call'] as const satisfies readonly ModelName[];

export type Belief = {
  readonly editProbability: number;
  readonly strongest: SignalGroup;
};

/**
 * What speaks of a turn and the weights it is judged by: those of the prompt when it has just come, those of the
 * tools once some have run.
 */
export type Reading = { readonly linear: LinearModel; readonly features: readonly Feature[] };

export function readingOf(model: ClassifierModel, evidence: TurnEvidence): Reading {
  const words = turnFeatures(evidence);
  if (evidence.toolRuns.length === 0) return { linear: model.prompt, features: words };
  return { linear: model.progress, features: progressFeatures(evidence, logOdds(model.prompt, words)) };
}

/** That the turn leads to an edit. */
export function turnBelief(model: ClassifierModel, evidence: TurnEvidence): Belief {
  return belief(readingOf(model, evidence));
}

/** Probability that the call which this evidence opens emits an edit tool. */
export function callBelief(model: ClassifierModel, evidence: TurnEvidence): number {
  const spoken = logOdds(model.prompt, turnFeatures(evidence));
  return sigmoid(logOdds(model.call, progressFeatures(evidence, spoken)));
}

/** Before the sigmoid. */
export function logOdds(linear: LinearModel, features: readonly Feature[]): number {
  let sum = linear.bias;
  for (const feature of features) sum += weightOf(linear, feature) * feature.value;
  return sum;
}

export function sigmoid(logOdds: number): number {
  return 1 / (1 + Math.exp(-logOdds));
}

/** Which of `buckets` (a power of two) a feature falls into. */
export function bucketFor(name: string, buckets: number): number {
  return hash(name) & (buckets - 1);
}

/** Log-odds of a feature whose value is 1. */
export function weightOf(linear: LinearModel, { name }: Feature): number {
  return (linear.weights[bucketFor(name, linear.weights.length)] ?? 0) * linear.step;
}

export function belief({ linear, features }: Reading): Belief {
  const sums = { words: 0, context: 0, progress: 0 };
  for (const feature of features) sums[feature.group] += weightOf(linear, feature) * feature.value;
  const total = linear.bias + sums.words + sums.context + sums.progress;
  const towards = total >= 0 ? 1 : -1;
  const isOpening = !features.some(({ group }) => group === 'progress');
  const strongest: SignalGroup =
    isOpening && sums.words * towards >= sums.context * towards
      ? 'words'
      : isOpening
        ? 'context'
        : 'progress';
  return { editProbability: sigmoid(total), strongest };
}

// FNV-1a over UTF-16 units.
function hash(text: string): number {
  let value = 2166136261;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 16777619);
  }
  return (value ^ (value >>> 15)) >>> 0;
}

const PROBE: TurnEvidence = {
  turnId: 'probe',
  promptText: "Why is it blue? Please fix `the kettle`, don't ask.\n¿Y la tetera? 壺",
  toolRuns: [
    { id: 'a', name: 'Read', result: 'ok' },
    { id: 'b', name: 'mcp__probe__run', result: 'failed' },
  ],
  insideToolLoop: true,
  planMode: false,
  compaction: false,
  earlierTurns: [
    { edited: true, toolCalls: 3, tools: ['Read', 'Edit'], failedCalls: 1 },
    { edited: false, toolCalls: 1, tools: ['Bash'], failedCalls: 0 },
  ],
  messageCount: 9,
};

/** Changes with the code of the features, so that weights trained for other features are recognised. */
export function featureFingerprint(): string {
  const features = [...turnFeatures(PROBE), ...progressFeatures(PROBE, 0.5)];
  const text = features.map(({ group, name, value }) => `${group}|${name}|${value.toFixed(6)}`).join('\n');
  return `${FEATURE_VERSION}-${hash(text).toString(16)}`;
}

/** Of a text that must come back unchanged. */
export function checksum(text: string): string {
  return hash(text).toString(16);
}
