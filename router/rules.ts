// The task of a turn by fixed rules: what decides where the trained classifier cannot.

import { sigmoid } from './classifier-model.ts';
import type { Classification } from './decision.ts';
import type { EarlierTurn, TurnEvidence } from './turn.ts';
import { readWords } from './words.ts';

// Words and habit are two independent hints, so their log-odds add up. All figures were counted on 272 recorded
// sessions and rounded; they are priors, not a model.
const EDIT_SHARE_WITHOUT_WORDS = 0.46;
const HABIT_LOG_ODDS = {
  'first-prompt': 0.2,
  'just-edited': 0.5,
  'edited-lately': 0,
  'not-lately': -0.8,
} as const;

/** Deterministic. What the words and the habit of the session make likely. */
export function taskByRules(evidence: TurnEvidence): Classification {
  const words = evidence.promptText === undefined ? undefined : readWords(evidence.promptText);
  const share = words?.editShare ?? EDIT_SHARE_WITHOUT_WORDS;
  const habit = habitOf(evidence.earlierTurns);
  const editProbability = sigmoid(Math.log(share / (1 - share)) + HABIT_LOG_ODDS[habit]);
  const task = editProbability >= 0.5 ? 'edit' : 'analysis';
  // Where the habit has overruled the words, it is the reason.
  const wordsDecided = words !== undefined && share >= 0.5 === editProbability >= 0.5;
  const reason = wordsDecided ? words.reason : habit === 'first-prompt' ? 'default' : 'previous-turn';
  return { task, probability: Math.max(editProbability, 1 - editProbability), reason };
}

function habitOf(earlier: readonly EarlierTurn[]): keyof typeof HABIT_LOG_ODDS {
  const last = earlier.at(-1);
  if (last === undefined) return 'first-prompt';
  if (last.edited) return 'just-edited';
  return earlier.slice(-3).some((turn) => turn.edited) ? 'edited-lately' : 'not-lately';
}
