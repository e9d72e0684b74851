// The task of a request: what is certain first (an override, an agent's type, plan mode, an edit that already
// happened), then what the trained classifier believes, or the fixed rules where its weights were refused.

import { belief, type Reading, readingOf } from './classifier-model.ts';
import { CLASSIFIER_WEIGHTS } from './classifier-weights.ts';
import type { Classification, ClassifyReason, Task } from './decision.ts';
import type { SignalGroup } from './features.ts';
import type { Signal } from './outcome.ts';
import { taskByRules } from './rules.ts';
import { strongestSignals } from './signals.ts';
import { isEditTool, type TurnEvidence } from './turn.ts';
import { type LoadedClassifier, loadWeights } from './weights.ts';

const ANALYSIS_AGENTS: ReadonlySet<string> = new Set(['Explore', 'Plan']);
const REASONS = {
  words: 'model-words',
  context: 'model-context',
  progress: 'model-progress',
} as const satisfies Record<SignalGroup, ClassifyReason>;

/** The weights that came with the program, or why they were refused. */
export const SHIPPED: LoadedClassifier = loadWeights(CLASSIFIER_WEIGHTS);

/** Deterministic. `override` is the task that the person named for this request. */
export function classify(
  evidence: TurnEvidence,
  override?: Task,
  classifier: LoadedClassifier = SHIPPED,
): Classification {
  return certainTask(evidence, override) ?? likelyTask(evidence, classifier);
}

type Explanation = {
  readonly classification: Classification;
  /** Strongest first; found when they are asked for. Empty where no trained weight had a say. */
  readonly signals: () => readonly Signal[];
};

/** `classify` with what weighed most in it. */
export function explainClassification(
  evidence: TurnEvidence,
  override?: Task,
  classifier: LoadedClassifier = SHIPPED,
): Explanation {
  const sure = certainTask(evidence, override);
  if (sure !== undefined) return { classification: sure, signals: () => [] };
  if (!('model' in classifier)) return { classification: taskByRules(evidence), signals: () => [] };
  const reading = readingOf(classifier.model, evidence);
  return { classification: believed(reading), signals: () => strongestSignals(reading) };
}

function likelyTask(evidence: TurnEvidence, classifier: LoadedClassifier): Classification {
  if (!('model' in classifier)) return taskByRules(evidence);
  return believed(readingOf(classifier.model, evidence));
}

function believed(reading: Reading): Classification {
  const { editProbability, strongest } = belief(reading);
  const task = editProbability >= 0.5 ? 'edit' : 'analysis';
  return { task, probability: Math.max(editProbability, 1 - editProbability), reason: REASONS[strongest] };
}

function certainTask(evidence: TurnEvidence, override: Task | undefined): Classification | undefined {
  if (override !== undefined) return { task: override, probability: 1, reason: 'override' };
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
