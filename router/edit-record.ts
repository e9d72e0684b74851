// How the edits of one backend fare. Where too many fail it gets none for a while; then one turn tries again,
// and its first edit decides whether the backend is trusted once more.

import { fieldsOf, isFiniteNumber } from './saved.ts';

const REMEMBERED_CALLS = 20;
const MIN_CALLS = 5;
const TOLERATED_SHARE = 0.2;
const PROBE_PERIOD_MS = 10 * 60_000;
/** So many edits outweigh what was expected, and so much of the past each one leaves. */
const PRIOR_CALLS = 3;
const REMEMBER = 0.99;

export type EditRecord = {
  count(result: EditResult, nowMs: number): void;
  /** A turn of edits was given to the backend. If its pause is over, that turn is the probe. */
  giveEdits(turn: string, nowMs: number): void;
  /** Why the turn should not bring its edits here, in one clause; undefined where it may. */
  failing(turn: string, nowMs: number): string | undefined;
  /** Expected share of edits that fail, where `prior` was expected before any was seen. */
  failureShare(prior: number): number;
  toJSON(): SavedEditRecord;
};

/** The turn that tries again is not in it: it has ended with the process. */
export type SavedEditRecord = {
  readonly calls: readonly EditResult[];
  readonly counted: Counted;
  readonly pausedUntilMs?: number;
};

type EditResult = 'ok' | 'failed';
/** Each edit leaves a part of what was counted before it. */
type Counted = { readonly all: number; readonly failed: number };

type Pause = {
  readonly untilMs: number;
  readonly probe?: { readonly turn: string; readonly sinceMs: number };
};

/** `saved` is a former `toJSON()`; what does not fit is forgotten. */
export function createEditRecord(saved?: unknown): EditRecord {
  const known = readSaved(saved);
  let calls = known.calls;
  let pause: Pause | undefined =
    known.pausedUntilMs === undefined ? undefined : { untilMs: known.pausedUntilMs };
  let counted = known.counted;

  return {
    count(result, nowMs) {
      counted = {
        all: counted.all * REMEMBER + 1,
        failed: counted.failed * REMEMBER + (result === 'failed' ? 1 : 0),
      };
      const isProbe = pause?.probe !== undefined;
      if (isProbe && result === 'ok') {
        calls = ['ok'];
        pause = undefined;
        return;
      }
      calls = [...calls, result].slice(-REMEMBERED_CALLS);
      // A late success must not make a pause longer.
      if (isTooBad(calls) && (pause === undefined || result === 'failed'))
        pause = { untilMs: nowMs + PROBE_PERIOD_MS };
    },
    giveEdits(turn, nowMs) {
      if (pause === undefined || nowMs < pause.untilMs || probeRuns(pause, nowMs)) return;
      pause = { ...pause, probe: { turn, sinceMs: nowMs } };
    },
    failing(turn, nowMs) {
      if (pause === undefined) return undefined;
      if (pause.probe?.turn === turn) return undefined;
      const figures = `${failedOf(calls)} of its last ${calls.length} edits failed`;
      if (nowMs < pause.untilMs) return `${figures}, next try in ${minutes(pause.untilMs - nowMs)} min`;
      return probeRuns(pause, nowMs) ? `${figures}, one turn is trying it again` : undefined;
    },
    failureShare: (prior) => (counted.failed + prior * PRIOR_CALLS) / (counted.all + PRIOR_CALLS),
    toJSON: () => ({ calls, counted, ...(pause && { pausedUntilMs: pause.untilMs }) }),
  };
}

const NOTHING: SavedEditRecord = { calls: [], counted: { all: 0, failed: 0 } };

function readSaved(saved: unknown): SavedEditRecord {
  const { calls, counted, pausedUntilMs } = fieldsOf(saved);
  const { all, failed } = fieldsOf(counted);
  if (!Array.isArray(calls) || !calls.every(isResult)) return NOTHING;
  if (!isFiniteNumber(all) || !isFiniteNumber(failed) || failed < 0 || all < failed) return NOTHING;
  return {
    calls: calls.slice(-REMEMBERED_CALLS),
    counted: { all, failed },
    ...(isFiniteNumber(pausedUntilMs) && { pausedUntilMs }),
  };
}

function isResult(value: unknown): value is EditResult {
  return value === 'ok' || value === 'failed';
}

function isTooBad(calls: readonly string[]): boolean {
  return calls.length >= MIN_CALLS && failedOf(calls) > TOLERATED_SHARE * calls.length;
}

function failedOf(calls: readonly string[]): number {
  return calls.filter((each) => each === 'failed').length;
}

// A probe whose turn ended without an edit has told nothing: after a while another turn may try.
function probeRuns({ probe }: Pause, nowMs: number): boolean {
  return probe !== undefined && nowMs - probe.sinceMs < PROBE_PERIOD_MS;
}

function minutes(ms: number): number {
  return Math.ceil(ms / 60_000);
}
