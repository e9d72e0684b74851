// The words of a decision: which task, which backend, and why. Reasons are closed unions, for they become
// metric labels and database values.

import type { Cost } from './cost.ts';

export type BackendName = string;
export type Task = 'analysis' | 'edit';
/** `shadow` acts like `task` and records what `auto` would have done. */
export type Mode = 'auto' | 'task' | 'shadow' | 'mlx-lm' | 'lmstudio' | 'claude';

export const CLASSIFY_REASONS = [
  'override',
  'subagent-type',
  'plan-mode',
  'compaction',
  'edit-tool-used',
  'plan-approved',
  'model-words',
  'model-context',
  'model-progress',
  'edit-words',
  'question-words',
  'short-consent',
  'git-words',
  'problem-report',
  'previous-turn',
  'default',
] as const;
export type ClassifyReason = (typeof CLASSIFY_REASONS)[number];

export type Classification = {
  readonly task: Task;
  /** Belief that `task` is right, 0.5 to 1. */
  readonly probability: number;
  readonly reason: ClassifyReason;
};

export const DECISION_REASONS = [
  'override',
  'fixed-mode',
  'task',
  'follows-task',
  'stay-warm',
  'cheaper',
  'unsteady',
  'crowding',
  'sticky-turn',
  'crossed-to-edit',
  'tool-loop',
  'backend-down',
  'window-too-small',
  'unsupported',
  'edits-failing',
  'only-backend',
] as const;
export type DecisionReason = (typeof DECISION_REASONS)[number];

export type Target = { readonly backend: BackendName; readonly model: string };
/** In the order to try them; never empty. */
export type Targets = readonly [Target, ...Target[]];

/** A candidate that was not chosen, and why. */
export type PassedOver = {
  readonly backend: BackendName;
  readonly why: 'down' | 'window' | 'unsupported' | 'edits-failing' | 'not-allowed' | 'not-preferred';
  readonly detail: string;
};

export type Decision = {
  readonly targets: Targets;
  readonly reason: DecisionReason;
  /** One sentence for a person. */
  readonly detail: string;
  readonly passedOver: readonly PassedOver[];
  /** What the chosen backend was expected to cost; absent for the cloud, and where nothing was priced. */
  readonly predicted?: Cost;
  /** What the others would have cost that could have taken the request. */
  readonly alternatives?: readonly Cost[];
  /** In mode `shadow`: what `auto` would have done. */
  readonly shadow?: ShadowChoice;
};

export type ShadowChoice = {
  readonly backend: BackendName;
  readonly reason: DecisionReason;
  readonly detail: string;
};

export type RefusalReason = 'no-backend' | 'overflow' | 'unsupported';
export type Refusal = {
  readonly refused: RefusalReason;
  readonly detail: string;
  readonly passedOver: readonly PassedOver[];
  /** Set where `refused` is `overflow`. */
  readonly overflow?: { readonly promptTokens: number; readonly windowTokens: number };
};
