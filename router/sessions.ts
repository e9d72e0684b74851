// Which backend each turn and each conversation is on, and whether pauses are used to catch up.

import { keep } from './bounded.ts';
import type { BackendName } from './decision.ts';
import type { TurnName } from './observation.ts';
import type { TurnEvidence } from './turn.ts';
import type { Sticky } from './wish.ts';

/** Durations in milliseconds. */
export type Whereabouts = {
  readonly backend: BackendName;
  readonly dwellMs: number;
  readonly idleMs: number;
};

export type Sessions = {
  /** For a compaction, which is no turn of its own, the backend that the session was on last. */
  stickyFor(turn: TurnName & Pick<TurnEvidence, 'compaction'>): Sticky | undefined;
  /** Where the conversation was last. */
  lastOf(turn: TurnName, nowMs: number): Whereabouts | undefined;
  /** The backend that the turn is on from now on: chosen, or the one that answered in its place. */
  rememberTurn(turn: TurnName, sticky: Sticky, nowMs: number): void;
  /** An answer has ended: from now on the conversation is idle. */
  noteEnd(turn: TurnName, nowMs: number): void;
  /** Another backend has prefilled, in a pause, what it had missed of the conversation. */
  noteCatchUp(turn: TurnName): void;
  /** Share of the pauses between turns that were used so, 0 to 1. */
  readonly catchUpShare: number;
};

type Session = {
  readonly sticky: Sticky;
  readonly turnId: string;
  /** On this backend since then. */
  readonly sinceMs: number;
  readonly lastMs: number;
  readonly caughtUp: boolean;
};

const CATCH_UP_GAIN = 0.1;

export function createSessions(limits: { readonly sessions: number; readonly turns: number }): Sessions {
  const turns = new Map<string, Sticky>();
  const sessions = new Map<string, Session>();
  let catchUpShare = 0;

  return {
    stickyFor: (turn) =>
      turn.compaction ? sessions.get(sessionKey(turn))?.sticky : turns.get(turnKey(turn)),
    lastOf(turn, nowMs) {
      const session = sessions.get(sessionKey(turn));
      if (session === undefined) return undefined;
      const { sticky, sinceMs, lastMs } = session;
      return { backend: sticky.backend, dwellMs: nowMs - sinceMs, idleMs: nowMs - lastMs };
    },
    rememberTurn(turn, sticky, nowMs) {
      const before = sessions.get(sessionKey(turn));
      const isNewTurn = before !== undefined && before.turnId !== turn.turnId;
      if (isNewTurn) catchUpShare += CATCH_UP_GAIN * ((before.caughtUp ? 1 : 0) - catchUpShare);
      keep(turns, limits.turns, turnKey(turn), sticky);
      keep(sessions, limits.sessions, sessionKey(turn), {
        sticky,
        turnId: turn.turnId,
        sinceMs: before?.sticky.backend === sticky.backend ? before.sinceMs : nowMs,
        lastMs: nowMs,
        caughtUp: before !== undefined && !isNewTurn && before.caughtUp,
      });
    },
    noteEnd(turn, nowMs) {
      const session = sessions.get(sessionKey(turn));
      if (session !== undefined) sessions.set(sessionKey(turn), { ...session, lastMs: nowMs });
    },
    noteCatchUp(turn) {
      const session = sessions.get(sessionKey(turn));
      if (session !== undefined) sessions.set(sessionKey(turn), { ...session, caughtUp: true });
    },
    get catchUpShare() {
      return catchUpShare;
    },
  };
}

// A subagent runs beside its session's main conversation and has a prompt of its own.
export function sessionKey({ sessionId, agentId }: Pick<TurnName, 'sessionId' | 'agentId'>): string {
  return JSON.stringify([sessionId ?? null, agentId ?? null]);
}

export function turnKey({ sessionId, agentId, turnId }: TurnName): string {
  return JSON.stringify([sessionId ?? null, agentId ?? null, turnId]);
}
