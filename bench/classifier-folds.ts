// Honest figures: every session is judged by a classifier that was trained without it.

import { type ClassifierModel, callBelief } from '../router/classifier-model.ts';
import { classify } from '../router/classify.ts';
import type { Classification } from '../router/decision.ts';
import type { TurnEvidence } from '../router/turn.ts';
import type { LoadedClassifier } from '../router/weights.ts';
import { casesOf } from './classifier/cases.ts';
import { fitClassifier } from './classifier/fit.ts';
import type { TraceSession } from './routing/trace-file.ts';

export type FoldScorer = {
  /** `rules`: the other folds were too small to learn from. */
  readonly weights: 'trained' | 'rules';
  /** The turn's task. */
  readonly classify: (evidence: TurnEvidence) => Classification;
  /** Probability that the call opened by this evidence emits an edit tool. */
  readonly callEdits: (evidence: TurnEvidence) => number;
};

export const FOLDS = 5;

/** Deterministic. The scorer of a session was trained on the sessions of the other folds; `sessions` as given. */
export function foldScorers(
  sessions: readonly TraceSession[],
  folds = FOLDS,
): (session: TraceSession) => FoldScorer {
  const train = foldTrainer({ sessions, folds });
  return byFold(
    sessions,
    Array.from({ length: folds }, (_, fold) => train(fold)),
  );
}

export type Split = { readonly sessions: readonly TraceSession[]; readonly folds: number };

/** By the number of a fold: a model that was trained without it. Undefined where there is too little to learn from. */
export function foldTrainer({ sessions, folds }: Split): (fold: number) => ClassifierModel | undefined {
  const cases = sessions.map((session, index) => casesOf(session, String(index)));
  return (fold) => fitClassifier(cases.filter((_, index) => index % folds !== fold));
}

/** `models` as `foldTrainer` made them, one a fold. */
export function byFold(
  sessions: readonly TraceSession[],
  models: readonly (ClassifierModel | undefined)[],
): (session: TraceSession) => FoldScorer {
  const scorers = models.map((model) =>
    scorerOf(model ? { model } : { refused: 'Too few prompts to train on.' }),
  );
  const foldOf = new Map(sessions.map((session, index) => [session, index % models.length]));
  const untrained = scorerOf({ refused: 'No session of this name was given.' });
  return (session) => scorers[foldOf.get(session) ?? -1] ?? untrained;
}

export function scorerOf(classifier: LoadedClassifier): FoldScorer {
  const byTask = (evidence: TurnEvidence) => classify(evidence, undefined, classifier);
  return {
    weights: 'model' in classifier ? 'trained' : 'rules',
    classify: byTask,
    callEdits: (evidence) =>
      'model' in classifier ? callBelief(classifier.model, evidence) : editProbability(byTask(evidence)),
  };
}

export function editProbability({ task, probability }: Classification): number {
  return task === 'edit' ? probability : 1 - probability;
}
