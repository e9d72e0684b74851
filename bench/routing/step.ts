// A recorded session as the router's world sees it: one step a model call, with what a strong model then did as
// the truth that policies are judged by.

import { isEditTool } from '../../router/turn.ts';
import type { TraceEvent, TraceSession } from './trace-file.ts';

export type Step = {
  /** Seconds since the session's first event: when the request arrived, before the call was answered. */
  readonly arrivedAtS: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** The call emits an edit tool. */
  readonly isEdit: boolean;
  /** A call of this user turn emits an edit tool. */
  readonly isEditTurn: boolean;
  /** First call after something that the person typed. */
  readonly opensTurn: boolean;
  /** The history was compacted since the step before. */
  readonly compacted: boolean;
  /** What the person needed to read and type before this turn, in seconds; 0 inside a turn. */
  readonly pauseS: number;
  /** Seconds since the session's request before; infinite for the first. */
  readonly sinceRequestS: number;
  /** A call of this turn has emitted an edit tool before. */
  readonly hasEdited: boolean;
  /** In [0, 1), the same for every policy and row: an edit on A fails where it is below the row's failure rate. */
  readonly luck: number;
  /** Where the call stands among the session's events. */
  readonly eventIndex: number;
};

/** Longer pauses catch up no more: the person has gone, and the machine may sleep. */
const MAX_PAUSE_S = 600;

export function stepsOf(session: TraceSession): readonly Step[] {
  const turns = turnsOf(session.events);
  return turns.flatMap((turn, turnIndex) => {
    const isEditTurn = turn.calls.some(({ event }) => isEditCall(event));
    let hasEdited = false;
    return turn.calls.map(({ event, index, compacted, arrivedAtS, sinceRequestS }, position) => {
      const isEdit = isEditCall(event);
      const opensTurn = position === 0 && turn.isPrompted;
      const step: Step = {
        arrivedAtS,
        promptTokens: event.ctx,
        outputTokens: event.out,
        isEdit,
        isEditTurn,
        opensTurn,
        compacted,
        pauseS: opensTurn && turnIndex > 0 ? Math.min(turn.pauseS, MAX_PAUSE_S) : 0,
        sinceRequestS,
        hasEdited,
        luck: luckOf(`${session.repo}/${session.session}/${index}`),
        eventIndex: index,
      };
      hasEdited ||= isEdit;
      return step;
    });
  });
}

type CallEvent = Extract<TraceEvent, { kind: 'call' }>;
type Call = {
  readonly event: CallEvent;
  readonly index: number;
  readonly compacted: boolean;
  readonly arrivedAtS: number;
  readonly sinceRequestS: number;
};
type Turn = { readonly isPrompted: boolean; readonly pauseS: number; readonly calls: Call[] };

// Prompts that were typed before the one before was answered belong to one turn: the first begins it.
function turnsOf(events: readonly TraceEvent[]): readonly Turn[] {
  const turns: Turn[] = [];
  let compacted = false;
  let requestAtS = Number.NEGATIVE_INFINITY;
  let before: TraceEvent | undefined;
  for (const [index, event] of events.entries()) {
    const open = turns.at(-1);
    if (event.kind === 'compact') compacted = true;
    if (event.kind === 'user' && (open === undefined || open.calls.length > 0)) {
      turns.push({ isPrompted: true, pauseS: event.t - (before?.t ?? event.t), calls: [] });
    }
    if (event.kind === 'call') {
      // A recording may begin in the middle of a turn.
      const turn = open ?? { isPrompted: false, pauseS: 0, calls: [] };
      if (open === undefined) turns.push(turn);
      const arrivedAtS = before?.t ?? event.t;
      turn.calls.push({ event, index, compacted, arrivedAtS, sinceRequestS: arrivedAtS - requestAtS });
      requestAtS = arrivedAtS;
      compacted = false;
    }
    before = event;
  }
  return turns;
}

function isEditCall(event: CallEvent): boolean {
  return event.tools.some(isEditTool);
}

// FNV-1a with a final mix: a fixed lot for each call, so that every run and every policy meets the same failures.
function luckOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at += 1) {
    hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
