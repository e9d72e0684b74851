// Honest figures: every session is judged by a classifier that was trained without it.

import { callBelief } from '../router/classifier-model.ts';
import { classify } from '../router/classify.ts';
import type { Classification } from '../router/decision.ts';
import type { TurnEvidence } from '../router/turn.ts';
import type { LoadedClassifier } from '../router/weights.ts';
import { casesOf, type SessionCases } from './classifier/cases.ts';
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

/** Deterministic. The scorer of a session was trained on the sessions of the other folds; `sessions` as given. */
export function foldScorers(
  sessions: readonly TraceSession[],
  folds = 5,
): (session: TraceSession) => FoldScorer {
  const cases = sessions.map((session, index) => casesOf(session, String(index)));
  const scorers = Array.from({ length: folds }, (_, fold) => scorerWithout(fold, { cases, folds }));
  const foldOf = new Map(sessions.map((session, index) => [session, index % folds]));
  const untrained = scorerOf({ refused: 'No session of this name was given.' });
  return (session) => scorers[foldOf.get(session) ?? -1] ?? untrained;
}

type Split = { readonly cases: readonly SessionCases[]; readonly folds: number };

function scorerWithout(fold: number, { cases, folds }: Split): FoldScorer {
  const model = fitClassifier(cases.filter((_, index) => index % folds !== fold));
  return scorerOf(model ? { model } : { refused: 'Too few prompts to train on.' });
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
