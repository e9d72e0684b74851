// The whole classifier from recorded sessions. The later parts build on what the prompt said, so they are trained
// on what a model that had not seen the session said of it.

import type { ClassifierModel, LinearModel } from '../../router/classifier-model.ts';
import { progressFeatures } from '../../router/progress.ts';
import { type CallCase, PROGRESS_BUCKETS, PROMPT_BUCKETS, type SessionCases, sparseRow } from './cases.ts';
import { type Coefficients, fitLogistic, rowLogOdds, type SparseRow } from './logistic.ts';
import { isUndecided } from './moments.ts';

const PROMPT_L2 = 7;
const PROGRESS_L2 = 2;
const INNER_FOLDS = 3;
/** Fewer teach nothing that the fixed rules do not know. */
const MIN_PROMPTS = 50;

/** Deterministic. Undefined where there is too little to learn from. */
export function fitClassifier(sessions: readonly SessionCases[]): ClassifierModel | undefined {
  if (sessions.reduce((sum, { prompts }) => sum + prompts.length, 0) < MIN_PROMPTS) return undefined;
  const unseen = saidByStrangers(sessions);
  const calibration = calibrate(
    sessions.flatMap(({ prompts }) => prompts.map(({ row }) => row)),
    unseen,
  );
  const calls = sessions.flatMap((session) => session.calls);
  const said = (call: CallCase) => calibration.slope * (unseen.get(call.opening) ?? 0) + calibration.offset;
  const undecided = calls.filter(({ moment }) => isUndecided(moment));
  return {
    prompt: quantised(fitPrompts(sessions), calibration),
    progress: quantised(fitCalls(undecided, said, ({ moment }) => moment.turnWillEdit)),
    call: quantised(fitCalls(calls, said, ({ moment }) => moment.isEdit)),
  };
}

function fitPrompts(sessions: readonly SessionCases[]): Coefficients {
  const rows = sessions.flatMap(({ prompts }) => prompts.flatMap(({ row, copies }) => [row, ...copies]));
  return fitLogistic(rows, { buckets: PROMPT_BUCKETS, l2: PROMPT_L2 });
}

function fitCalls(
  calls: readonly CallCase[],
  said: (call: CallCase) => number,
  isEdit: (call: CallCase) => boolean,
): Coefficients {
  const rows = calls.map((call) =>
    sparseRow(progressFeatures(call.moment.evidence, said(call)), {
      isEdit: isEdit(call),
      weight: 1,
      size: PROGRESS_BUCKETS,
    }),
  );
  return fitLogistic(rows, { buckets: PROGRESS_BUCKETS, l2: PROGRESS_L2 });
}

// Log-odds of every opening by a model that was trained without its session.
function saidByStrangers(sessions: readonly SessionCases[]): ReadonlyMap<SparseRow, number> {
  const said = new Map<SparseRow, number>();
  for (let fold = 0; fold < INNER_FOLDS; fold += 1) {
    const model = fitPrompts(sessions.filter((_, index) => index % INNER_FOLDS !== fold));
    for (const [index, { prompts, calls }] of sessions.entries()) {
      if (index % INNER_FOLDS !== fold) continue;
      for (const { row } of prompts) said.set(row, rowLogOdds(model, row));
      for (const { opening } of calls) said.set(opening, rowLogOdds(model, opening));
    }
  }
  return said;
}

type Calibration = { readonly slope: number; readonly offset: number };

// Platt scaling: the line that makes the log-odds mean what they say.
function calibrate(rows: readonly SparseRow[], said: ReadonlyMap<SparseRow, number>): Calibration {
  const points = rows.map((row) => ({
    ...row,
    buckets: Int32Array.of(0),
    values: Float64Array.of(said.get(row) ?? 0),
  }));
  const [slope = 1, offset = 0] = fitLogistic(points, { buckets: 1, l2: 1e-3 });
  return { slope, offset };
}

function quantised(
  coefficients: Coefficients,
  { slope, offset }: Calibration = { slope: 1, offset: 0 },
): LinearModel {
  const weights = coefficients.subarray(0, -1).map((weight) => weight * slope);
  const largest = weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
  const step = significant(largest === 0 ? 1 : largest / 127);
  return {
    bias: significant((coefficients.at(-1) ?? 0) * slope + offset),
    step,
    weights: Int8Array.from(weights, (weight) => Math.round(weight / step)),
  };
}

// Six digits say all there is to say, and the last bits of a sum may differ between processors.
function significant(value: number): number {
  return Number(value.toPrecision(6));
}
