// Which backend each turn and each conversation is on, and whether pauses are used to catch up.

import { keep } from '../wire/bounded.ts';
import type { BackendName } from './decision.ts';
import type { TurnName } from './observation.ts';
import { fieldsOf, isFiniteNumber } from './saved.ts';
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
  /** An answer to a prompt of so many tokens has ended: from now on the conversation is idle. */
  noteEnd(turn: TurnName, promptTokens: number, nowMs: number): void;
  /** Another backend has prefilled, in a pause, what it had missed of the conversation. */
  noteCatchUp(turn: TurnName, read: CaughtUp): void;
  /** Share of what the backend had missed that it has caught up with when the next turn begins, 0 to 1. */
  catchUpShare(backend: BackendName): number;
  /** What outlives the process: the shares of `catchUpShare`. */
  sharesToJSON(): Readonly<Record<BackendName, number>>;
};

/** Tokens of the prompt. */
export type CaughtUp = {
  readonly backend: BackendName;
  readonly fromTokens: number;
  readonly toTokens: number;
};

type Session = {
  readonly sticky: Sticky;
  readonly turnId: string;
  /** On this backend since then. */
  readonly sinceMs: number;
  readonly lastMs: number;
  readonly promptTokens: number;
  /** Share of what each other backend had missed that it has read since. */
  readonly caughtUp: ReadonlyMap<BackendName, number>;
};

const CATCH_UP_GAIN = 0.1;
const NOTHING: ReadonlyMap<BackendName, number> = new Map();

/** `savedShares` is a former `sharesToJSON()`; what does not fit is forgotten. */
export function createSessions(
  limits: { readonly sessions: number; readonly turns: number },
  savedShares?: unknown,
): Sessions {
  const turns = new Map<string, Sticky>();
  const sessions = new Map<string, Session>();
  // One entry a backend that has ever caught up: bounded by the configuration.
  const shares = new Map<BackendName, number>(Object.entries(fieldsOf(savedShares)).filter(isShare));

  /** The person has come back: who caught up, and who could have. */
  function learnShares({ sticky, caughtUp }: Session): void {
    for (const backend of new Set([...shares.keys(), ...caughtUp.keys()])) {
      if (backend === sticky.backend) continue;
      const share = shares.get(backend) ?? 0;
      shares.set(backend, share + CATCH_UP_GAIN * ((caughtUp.get(backend) ?? 0) - share));
    }
  }

  return {
    stickyFor: (turn) =>
      turn.compaction ? sessions.get(sessionKey(turn))?.sticky : turns.get(turnKey(turn)),
    lastOf(turn, nowMs) {
      const session = sessions.get(sessionKey(turn));
      if (session === undefined) return undefined;
      const { sticky, sinceMs, lastMs } = session;
      return { backend: sticky.backend, dwellMs: nowMs - sinceMs, idleMs: nowMs - lastMs };
    },
    rememberTurn(turn, { backend, task }, nowMs) {
      const known = turns.get(turnKey(turn));
      // What it was brought there for: a guess that changes on the way must not make a home of a place to stay.
      const sticky = known?.backend === backend ? known : { backend, task };
      const before = sessions.get(sessionKey(turn));
      const isNewTurn = before !== undefined && before.turnId !== turn.turnId;
      if (isNewTurn) learnShares(before);
      keep(turns, limits.turns, turnKey(turn), sticky);
      keep(sessions, limits.sessions, sessionKey(turn), {
        sticky,
        turnId: turn.turnId,
        sinceMs: before?.sticky.backend === sticky.backend ? before.sinceMs : nowMs,
        lastMs: nowMs,
        promptTokens: before?.promptTokens ?? 0,
        caughtUp: isNewTurn ? NOTHING : (before?.caughtUp ?? NOTHING),
      });
    },
    noteEnd(turn, promptTokens, nowMs) {
      const session = sessions.get(sessionKey(turn));
      if (session !== undefined) sessions.set(sessionKey(turn), { ...session, promptTokens, lastMs: nowMs });
    },
    noteCatchUp(turn, { backend, fromTokens, toTokens }) {
      const session = sessions.get(sessionKey(turn));
      if (session === undefined || session.promptTokens <= fromTokens) return;
      const caughtUp = Math.max(
        0,
        Math.min(1, (toTokens - fromTokens) / (session.promptTokens - fromTokens)),
      );
      sessions.set(sessionKey(turn), {
        ...session,
        caughtUp: new Map([...session.caughtUp, [backend, caughtUp]]),
      });
    },
    catchUpShare: (backend) => shares.get(backend) ?? 0,
    sharesToJSON: () => Object.fromEntries(shares),
  };
}

function isShare(entry: [BackendName, unknown]): entry is [BackendName, number] {
  const [, share] = entry;
  return isFiniteNumber(share) && share >= 0 && share <= 1;
}

// A subagent runs beside its session's main conversation and has a prompt of its own.
export function sessionKey({ sessionId, agentId }: Pick<TurnName, 'sessionId' | 'agentId'>): string {
  return JSON.stringify([sessionId ?? null, agentId ?? null]);
}

export function turnKey({ sessionId, agentId, turnId }: TurnName): string {
  return JSON.stringify([sessionId ?? null, agentId ?? null, turnId]);
}
