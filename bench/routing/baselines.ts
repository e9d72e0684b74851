// What rules without training would have said of the same prompts.

import { taskByRules } from '../../router/rules.ts';
import type { TurnEvidence } from '../../router/turn.ts';
import { momentsOf } from '../classifier/moments.ts';
import { editProbability } from '../classifier-folds.ts';
import { taskFigures } from './accuracy.ts';
import type { Baseline } from './report.ts';
import type { TraceSession } from './trace-file.ts';

const EDIT_VERB =
  /\b(add|apply|build|change|convert|create|delete|edit|fix|implement|make|modify|move|refactor|remove|rename|replace|rewrite|update|write)\b/i;
/** Belief that the turn of a prompt edits. */
export const RULES: Readonly<Record<string, (evidence: TurnEvidence) => number>> = {
  'always edit': () => 1,
  'an edit verb': ({ promptText = '' }) => (EDIT_VERB.test(promptText) ? 1 : 0),
  'no question': ({ promptText = '' }) => (promptText.trimEnd().endsWith('?') ? 0 : 1),
  'as the turn before': ({ earlierTurns }) => (earlierTurns.at(-1)?.edited === true ? 1 : 0),
  'fixed rules': (evidence) => editProbability(taskByRules(evidence)),
};

export function baselines(sessions: readonly TraceSession[]): readonly Baseline[] {
  const prompts = sessions
    .flatMap((session, index) => momentsOf(session, String(index)))
    .filter(({ at }) => at === 'prompt');
  return Object.entries(RULES).map(([name, believe]) => ({
    name,
    figures: taskFigures(
      prompts.map(({ evidence, isEdit }) => ({ isEdit, editProbability: believe(evidence) })),
    ),
  }));
}
