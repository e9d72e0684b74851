// Two model servers that never were: what each holds of a session, what a call would make the person wait, and
// what it costs on the bill. Pure, so that a policy and the clairvoyant search walk the same ground.

import type { Step } from './step.ts';

/** A is the backend for analysis, E the one for edits. */
export type Side = 'A' | 'E';

export const ROW_NAMES = ['equal', 'E2x', 'E4x', 'EnoCache', 'AnoCache'] as const;
export type RowName = (typeof ROW_NAMES)[number];
export const EDIT_FAILURE_RATES = [0, 0.1, 0.3] as const;

export type Row = {
  readonly row: RowName;
  /** The idle backend prefills in the person's pauses what it has missed. */
  readonly catchUp: boolean;
  /** Share of the edit calls on A that fail and are done again on E. */
  readonly editFailureOnA: number;
};

/** 18,490 tokens in 30 s, as measured on a laptop. */
const PREFILL_TOKENS_PER_S = 616;
const DECODE_TOKENS_PER_S = 40;
/** What it is worth to the person, in seconds, that a task's own backend does the call. */
export const PREFERENCE = { editSeconds: 5, analysisSeconds: 2 } as const;

type Engine = { readonly tokensPerS: number; readonly caches: boolean };
export type World = Row & { readonly engines: Readonly<Record<Side, Engine>> };

/** What the servers hold of the one session that is replayed: tokens of its newest prefix. */
export type Held = {
  readonly A: number;
  readonly E: number;
  /** The backend of the call before; undefined before the first. */
  readonly last: Side | undefined;
  /** Tokens of the newest prompt. */
  readonly tokens: number;
};

export type Bill = { readonly prefillS: number; readonly redoS: number; readonly preferenceS: number };
export type Served = {
  readonly held: Held;
  readonly bill: Bill;
  readonly cachedTokens: number;
  readonly decodeS: number;
  readonly editFailed: boolean;
  /** What the redo of a failed edit found in E's cache. */
  readonly redoCachedTokens: number | undefined;
};

export const NOTHING_HELD: Held = { A: 0, E: 0, last: undefined, tokens: 0 };

export function worldOf(row: Row): World {
  const slower = row.row === 'E2x' ? 2 : row.row === 'E4x' ? 4 : 1;
  return {
    ...row,
    engines: {
      A: { tokensPerS: PREFILL_TOKENS_PER_S, caches: row.row !== 'AnoCache' },
      E: { tokensPerS: PREFILL_TOKENS_PER_S / slower, caches: row.row !== 'EnoCache' },
    },
  };
}

export const ROWS: readonly Row[] = [false, true].flatMap((catchUp) =>
  EDIT_FAILURE_RATES.flatMap((editFailureOnA) => ROW_NAMES.map((row) => ({ row, catchUp, editFailureOnA }))),
);

export function otherSide(side: Side): Side {
  return side === 'A' ? 'E' : 'A';
}

/** What is held when the step's request arrives: a compaction has made all of it useless, a pause more of it warm. */
export function arrive(world: World, before: Held, step: Step): Held {
  const { A, E, last, tokens } = before;
  if (step.compacted) return { A: 0, E: 0, last, tokens: 0 };
  if (!world.catchUp || last === undefined || step.pauseS <= 0) return before;
  const { tokensPerS, caches } = world.engines[otherSide(last)];
  const missed = tokens - (last === 'A' ? E : A);
  if (!caches || missed <= 0) return before;
  // The request's arrival ends the catching up; what is done by then stays.
  const done = Math.min(missed, step.pauseS * tokensPerS);
  return last === 'A' ? { A, E: E + done, last, tokens } : { A: A + done, E, last, tokens };
}

/** The step's call on `side`, with its redo on E where the edit fails. `held` is that of `arrive`. */
export function serve(world: World, held: Held, step: Step, side: Side): Served {
  const { A, E } = world.engines;
  const tokens = step.promptTokens;
  const cachedOnA = A.caches ? Math.min(held.A, tokens) : 0;
  const cachedOnE = E.caches ? Math.min(held.E, tokens) : 0;
  const decodeS = step.outputTokens / DECODE_TOKENS_PER_S;
  if (side === 'E') {
    const bill = {
      prefillS: (tokens - cachedOnE) / E.tokensPerS,
      redoS: 0,
      preferenceS: step.isEditTurn ? 0 : PREFERENCE.analysisSeconds,
    };
    const after = { A: held.A, E: tokens, last: side, tokens };
    return {
      held: after,
      bill,
      cachedTokens: cachedOnE,
      decodeS,
      editFailed: false,
      redoCachedTokens: undefined,
    };
  }
  const editFailed = step.isEdit && step.luck < world.editFailureOnA;
  const bill = {
    prefillS: (tokens - cachedOnA) / A.tokensPerS,
    redoS: editFailed ? (tokens - cachedOnE) / E.tokensPerS + decodeS : 0,
    preferenceS: step.isEdit ? PREFERENCE.editSeconds : 0,
  };
  const after = { A: tokens, E: editFailed ? tokens : held.E, last: side, tokens };
  const redoCachedTokens = editFailed ? cachedOnE : undefined;
  return { held: after, bill, cachedTokens: cachedOnA, decodeS, editFailed, redoCachedTokens };
}

export function billS({ prefillS, redoS, preferenceS }: Bill): number {
  return prefillS + redoS + preferenceS;
}
