// What a policy did with one row of the bench.

import type { Step } from './step.ts';
import { type Bill, billS, type Held, type Served, type Side } from './world.ts';

/** The figures of the bench's JSON. Null where there was nothing to take a share of. */
export type PolicyFigures = {
  readonly secondsPerCall: number;
  readonly billPerCall: number;
  readonly switchesPer100: number;
  readonly editCallsOnEPercent: number | null;
  readonly analysisCallsOnAPercent: number | null;
  readonly unsafeSwitches: number;
  readonly regretPercent: number;
};

export type Tally = {
  calls: number;
  callsOnA: number;
  prefillS: number;
  redoS: number;
  preferenceS: number;
  decodeS: number;
  switches: number;
  unsafeSwitches: number;
  editCalls: number;
  editCallsOnE: number;
  analysisCalls: number;
  analysisCallsOnA: number;
};

export function emptyTally(): Tally {
  return {
    calls: 0,
    callsOnA: 0,
    prefillS: 0,
    redoS: 0,
    preferenceS: 0,
    decodeS: 0,
    switches: 0,
    unsafeSwitches: 0,
    editCalls: 0,
    editCallsOnE: 0,
    analysisCalls: 0,
    analysisCallsOnA: 0,
  };
}

export type Scored = {
  readonly step: Step;
  readonly side: Side;
  readonly before: Held;
  readonly served: Served;
  /** The edit of the call before failed. */
  readonly afterFailure: boolean;
};

export function score(tally: Tally, { step, side, before, served, afterFailure }: Scored): void {
  tally.calls += 1;
  if (side === 'A') tally.callsOnA += 1;
  tally.prefillS += served.bill.prefillS;
  tally.redoS += served.bill.redoS;
  tally.preferenceS += served.bill.preferenceS;
  tally.decodeS += served.decodeS;
  if (step.isEdit) tally.editCalls += 1;
  if (step.isEdit && side === 'E') tally.editCallsOnE += 1;
  if (!step.isEditTurn) tally.analysisCalls += 1;
  if (!step.isEditTurn && side === 'A') tally.analysisCallsOnA += 1;
  if (before.last === undefined || before.last === side) return;
  tally.switches += 1;
  if (!isSafe(step, side, afterFailure)) tally.unsafeSwitches += 1;
}

/** Between two prompts, a switch is safe only for a cause. */
const IDLE_S = 300;

// Judged by what happened, not by the reason that the router gives: a backend may be left when its edits fail, and
// the one for analysis when the turn has begun to edit.
function isSafe(step: Step, side: Side, afterFailure: boolean): boolean {
  const isFreePoint = step.opensTurn || step.compacted || step.sinceRequestS >= IDLE_S;
  return isFreePoint || afterFailure || (side === 'E' && step.hasEdited);
}

export function figuresOf(tally: Tally, hindsightBillS: number): PolicyFigures {
  const bill = billS(tally satisfies Bill);
  return {
    secondsPerCall: tally.prefillS / tally.calls,
    billPerCall: bill / tally.calls,
    switchesPer100: (100 * tally.switches) / tally.calls,
    editCallsOnEPercent: percent(tally.editCallsOnE, tally.editCalls),
    analysisCallsOnAPercent: percent(tally.analysisCallsOnA, tally.analysisCalls),
    unsafeSwitches: tally.unsafeSwitches,
    regretPercent: hindsightBillS > 0 ? 100 * (bill / hindsightBillS - 1) : 0,
  };
}

function percent(part: number, whole: number): number | null {
  return whole > 0 ? (100 * part) / whole : null;
}
