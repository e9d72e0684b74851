// The task of a request: what is certain first (an override, an agent's type, plan mode, an edit that already
// happened), then what the prompt's words and the session's habit make likely.

import type { Classification, ClassifyReason, Task } from './decision.ts';
import { type EarlierTurn, isEditTool, type TurnEvidence } from './turn.ts';
import { readWords } from './words.ts';

const ANALYSIS_AGENTS: ReadonlySet<string> = new Set(['Explore', 'Plan']);

/** Deterministic. `override` is the task that the person named for this request. */
export function classify(evidence: TurnEvidence, override?: Task): Classification {
  if (override !== undefined) return { task: override, probability: 1, reason: 'override' };
  return certainTask(evidence) ?? likelyTask(evidence);
}

function certainTask(evidence: TurnEvidence): Classification | undefined {
  const { agentType, toolRuns } = evidence;
  if (agentType !== undefined && ANALYSIS_AGENTS.has(agentType)) return certain('analysis', 'subagent-type');
  if (evidence.compaction) return certain('analysis', 'compaction');
  if (evidence.planMode) return certain('analysis', 'plan-mode');
  if (toolRuns.some((run) => isEditTool(run.name))) return certain('edit', 'edit-tool-used');
  if (toolRuns.some((run) => run.name === 'ExitPlanMode' && run.result === 'ok')) {
    return { task: 'edit', probability: 0.9, reason: 'plan-approved' };
  }
  return undefined;
}

function certain(task: Task, reason: ClassifyReason): Classification {
  return { task, probability: 0.99, reason };
}

// Words and habit are two independent hints, so their log-odds add up. All figures were counted on 272 recorded
// sessions and rounded; they are priors, not a model.
const EDIT_SHARE_WITHOUT_WORDS = 0.46;
const HABIT_LOG_ODDS = {
  'first-prompt': 0.2,
  'just-edited': 0.5,
  'edited-lately': 0,
  'not-lately': -0.8,
} as const;

function likelyTask(evidence: TurnEvidence): Classification {
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

function sigmoid(logOdds: number): number {
  return 1 / (1 + Math.exp(-logOdds));
}
