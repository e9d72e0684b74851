// What a classifier is worth on recorded sessions, next to what needs no training.

import type { TurnEvidence } from '../../router/turn.ts';
import { editProbability, type FoldScorer, foldScorers } from '../classifier-folds.ts';
import { type Guess, type TaskFigures, taskFigures } from '../routing/accuracy.ts';
import { RULES } from '../routing/baselines.ts';
import type { TraceSession } from '../routing/trace-file.ts';
import { inUnknownLetters } from './cases.ts';
import { isUndecided, type Moment, momentsOf } from './moments.ts';

export type Judged = Guess & { readonly moment: Moment };
export type Evaluation = {
  readonly figures: Readonly<Record<string, TaskFigures>>;
  /** The prompts whose answer was believed least, worst first. */
  readonly mostWrong: readonly Judged[];
};

const MOST_WRONG = 10;

/** Every session by the folds that it is not in. */
export function evaluate(sessions: readonly TraceSession[]): Evaluation {
  const scorers = foldScorers(sessions);
  const judged = sessions.map((session, index) => ({
    scorer: scorers(session),
    moments: momentsOf(session, String(index)),
  }));
  const prompts = judge(judged, 'prompt', ({ scorer, evidence }) =>
    editProbability(scorer.classify(evidence)),
  );
  const byRule = (believe: (evidence: TurnEvidence) => number) =>
    taskFigures(judge(judged, 'prompt', ({ evidence }) => believe(evidence)));
  const figures = {
    'prompts, trained': taskFigures(prompts),
    ...Object.fromEntries(
      Object.entries(RULES).map(([name, believe]) => [`prompts, ${name}`, byRule(believe)] as const),
    ),
    'prompts, trained, unknown letters': taskFigures(
      judge(judged, 'prompt', ({ scorer, evidence }) => inUnknownScript(scorer, evidence)),
    ),
    // What words that nobody knows must not fall below: the same without any word.
    '  at least: prompts, trained, no text': taskFigures(
      judge(judged, 'prompt', ({ scorer, evidence }) => withoutText(scorer, evidence)),
    ),
    '  at least: prompts, as the turn before': byRule(RULES['as the turn before'] ?? (() => 0)),
    'calls, trained': taskFigures(
      judge(judged, 'call', ({ scorer, evidence }) => scorer.callEdits(evidence)),
    ),
    'calls, never edit': taskFigures(judge(judged, 'call', () => 0)),
    'turns under way, trained': taskFigures(underWay(judged, (evidence) => evidence)),
    'turns under way, by the prompt': taskFigures(
      underWay(judged, (evidence) => ({ ...evidence, toolRuns: [] })),
    ),
  };
  return { figures, mostWrong: mostWrong(prompts) };
}

type Session = { readonly scorer: FoldScorer; readonly moments: readonly Moment[] };
type Asked = { readonly scorer: FoldScorer; readonly evidence: TurnEvidence };

function judge(
  sessions: readonly Session[],
  at: Moment['at'],
  believe: (asked: Asked) => number,
): readonly Judged[] {
  return sessions.flatMap(({ scorer, moments }) =>
    moments
      .filter((moment) => moment.at === at)
      .map((moment) => ({
        moment,
        editProbability: believe({ scorer, evidence: moment.evidence }),
        isEdit: moment.isEdit,
      })),
  );
}

// Before each call that a tool has preceded in its turn, but no edit: will the turn edit after all?
function underWay(
  sessions: readonly Session[],
  shown: (evidence: TurnEvidence) => TurnEvidence,
): readonly Judged[] {
  const undecided = sessions.map(({ scorer, moments }) => ({
    scorer,
    moments: moments.filter(isUndecided).map((moment) => ({ ...moment, isEdit: moment.turnWillEdit })),
  }));
  return judge(undecided, 'call', ({ scorer, evidence }) =>
    editProbability(scorer.classify(shown(evidence))),
  );
}

function inUnknownScript(scorer: FoldScorer, evidence: TurnEvidence): number {
  const promptText = inUnknownLetters(evidence.promptText ?? '', `unseen ${evidence.turnId}`);
  return editProbability(scorer.classify({ ...evidence, promptText }));
}

function withoutText(scorer: FoldScorer, { promptText: _, ...evidence }: TurnEvidence): number {
  return editProbability(scorer.classify(evidence));
}

function mostWrong(prompts: readonly Judged[]): readonly Judged[] {
  const belief = ({ isEdit, editProbability }: Judged) => (isEdit ? editProbability : 1 - editProbability);
  return prompts.toSorted((a, b) => belief(a) - belief(b)).slice(0, MOST_WRONG);
}
