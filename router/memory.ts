// The one place of state in the router: what each backend's server is believed to hold and how fast it is, which
// backend a turn is on, who emitted which tool call, and how each backend's edits fare. Bounded; the oldest is
// forgotten first. Time comes in as an argument, so that recorded days replay in seconds.

import { keep } from '../wire/bounded.ts';
import type { BackendName } from './decision.ts';
import { createEditRecord, type EditRecord } from './edit-record.ts';
import { createHabits, type Habits } from './habits.ts';
import { type Chain, type Observation, type TurnName, tokensOf } from './observation.ts';
import type { Outcome } from './outcome.ts';
import { fieldsOf } from './saved.ts';
import { createServerBelief, type Flight, type Inference, type Server, type ServerBelief } from './server.ts';
import { type CaughtUp, createSessions, type Sessions, turnKey } from './sessions.ts';
import type { Speed } from './speed.ts';
import { isEditTool, type ToolRun } from './turn.ts';
import type { HeldPrompts, Match } from './warmth.ts';

/**
 * `now`: this turn. `later`: the turns after it, when what is unproven now will have been found out: it is taken for
 * good there, or nothing that was once thought bad would ever be tried again.
 */
export type When = 'now' | 'later';

/** What the bill of a decision reads. Nothing in it changes memory. */
export type Knowledge = {
  match(backend: BackendName, chain: Chain, nowMs: number): Match;
  /** Share of a prompt that a conversation which goes on at once finds cached on this backend, 0 to 1. */
  keeps(backend: BackendName, when: When): number;
  speed(backend: BackendName): Speed;
  queueSeconds(backend: BackendName, nowMs: number): number;
  /** Expected share of edits that fail there. */
  editFailureShare(backend: BackendName, when: When): number;
  /** Share of what the backend has missed that it catches up with while the person reads, 0 to 1. */
  catchUpShare(backend: BackendName): number;
  readonly habits: Habits;
};

export type Memory = Knowledge &
  Pick<Sessions, 'stickyFor' | 'lastOf' | 'rememberTurn'> & {
    /** A tool call that was released to the client. */
    rememberToolUse(id: string, backend: BackendName, tool: string): void;
    /** Each result is counted once, however often the history brings it back. */
    observeToolResults(runs: readonly ToolRun[], nowMs: number): void;
    /** A request is on its way to the backend, until it has `landed`. */
    began(backend: BackendName, flight: Flight, nowMs: number): void;
    landed(backend: BackendName, id: string): void;
    /** What a probe says of the server: its kind, its model, whether it is there. */
    met(backend: BackendName, server: Server, nowMs: number): void;
    /**
     * One attempt at a backend has ended. Answers what its wait says of the cache, where the backend told nothing
     * and the wait tells enough.
     */
    observe(observation: Observation, nowMs: number): Inference;
    /** Counts the tool calls that a backend broke. */
    observeOutcome(outcome: Outcome, nowMs: number): void;
    /** What its server is believed to have in its prompt cache; undefined where nothing is known to be. */
    held(backend: BackendName): HeldPrompts | undefined;
    /** A backend has read in a pause, from here to there, what it had missed of the conversation. */
    caughtUp(turn: TurnName, read: CaughtUp): void;
    /** What a prefill in a pause has to know of the backend's server. */
    serverOf(backend: BackendName): Pick<ServerBelief, 'flavour' | 'epoch' | 'room'>;
    /** Why the backend should take no edits now, in one clause; undefined where it may. */
    editsFailing(backend: BackendName, turn: TurnName, nowMs: number): string | undefined;
    /** Why no conversation should move to the backend now, in one clause; undefined where it may. */
    unsteady(backend: BackendName, nowMs: number): string | undefined;
    /**
     * What outlives the process: speeds, habits, how edits fared, how pauses are used. What a server holds does not,
     * for nobody watches it meanwhile.
     */
    toJSON(): unknown;
  };

export type MemoryLimits = {
  readonly sessions: number;
  readonly turns: number;
  readonly toolUses: number;
};

const LIMITS: MemoryLimits = { sessions: 1000, turns: 5000, toolUses: 10_000 };

/** `saved` is a former `toJSON()`; what does not fit is forgotten without a word. */
export function createMemory(limits: MemoryLimits = LIMITS, saved?: unknown): Memory {
  const known = fieldsOf(saved);
  const sessions = createSessions(limits, known['caughtUp']);
  const servers = createServers(known['servers']);
  const habits = createHabits(known['habits']);
  const toolUses = new Map<string, BackendName>();
  // One entry a configured backend: bounded by the configuration.
  const records = new Map<BackendName, EditRecord>(
    Object.entries(fieldsOf(known['edits'])).map(([name, record]) => [name, createEditRecord(record)]),
  );
  const recordOf = (backend: BackendName): EditRecord => {
    const record = records.get(backend) ?? createEditRecord();
    records.set(backend, record);
    return record;
  };

  return {
    ...knowledgeOf({ servers, sessions, habits, recordOf }),
    stickyFor: sessions.stickyFor,
    lastOf: sessions.lastOf,
    rememberTurn(turn, sticky, nowMs) {
      sessions.rememberTurn(turn, sticky, nowMs);
      if (sticky.task === 'edit') records.get(sticky.backend)?.giveEdits(turnKey(turn), nowMs);
    },
    rememberToolUse(id, backend, tool) {
      if (isEditTool(tool)) keep(toolUses, limits.toolUses, id, backend);
    },
    observeToolResults(runs, nowMs) {
      for (const { id, result } of runs) {
        const backend = result === undefined ? undefined : toolUses.get(id);
        if (backend === undefined || result === undefined) continue;
        toolUses.delete(id);
        if (result !== 'declined') recordOf(backend).count(result, nowMs);
      }
    },
    began: (backend, flight, nowMs) => servers.of(backend).began(flight, nowMs),
    landed: (backend, id) => servers.of(backend).landed(id),
    met(backend, server, nowMs) {
      // How the edits of one model fared says nothing of another's.
      if (servers.of(backend).met(server, nowMs)) records.delete(backend);
    },
    observe(observation, nowMs) {
      const { backend, edits = [], purpose, turn } = observation;
      for (const result of edits) recordOf(backend).count(result, nowMs);
      if (purpose !== 'catch-up') habits.observe(observation);
      if (turn !== undefined) noteSession(sessions, { ...observation, turn }, nowMs);
      const inferred = servers.of(backend).observe(observation, nowMs);
      servers.expectLike(backend);
      return inferred;
    },
    observeOutcome(outcome, nowMs) {
      for (const backend of brokenEdits(outcome)) recordOf(backend).count('failed', nowMs);
    },
    held: (backend) => servers.of(backend).held,
    caughtUp: sessions.noteCatchUp,
    serverOf: servers.of,
    editsFailing: (backend, turn, nowMs) => records.get(backend)?.failing(turnKey(turn), nowMs),
    unsteady: (backend, nowMs) => servers.of(backend).unsteady(nowMs),
    toJSON: () => ({
      ...{ servers: servers.toJSON(), habits: habits.toJSON() },
      ...{ edits: Object.fromEntries(records), caughtUp: sessions.sharesToJSON() },
    }),
  };
}

function noteSession(
  sessions: Sessions,
  observation: Observation & { readonly turn: TurnName },
  nowMs: number,
): void {
  const { backend, turn, purpose, chain, cachedTokens = 0, promptTokens = tokensOf(chain) } = observation;
  if (purpose !== 'catch-up') sessions.noteEnd(turn, promptTokens, nowMs);
  else sessions.noteCatchUp(turn, { backend, fromTokens: cachedTokens, toTokens: promptTokens });
}

type State = {
  readonly servers: Servers;
  readonly sessions: Sessions;
  readonly habits: Habits;
  readonly recordOf: (backend: BackendName) => EditRecord;
};

function knowledgeOf({ servers, sessions, habits, recordOf }: State): Knowledge {
  return {
    match: (backend, chain, nowMs) => servers.of(backend).match(chain, nowMs),
    keeps: (backend, when) => servers.of(backend)[when === 'now' ? 'keeps' : 'keepsLater'],
    speed: (backend) => servers.of(backend).speed,
    queueSeconds: (backend, nowMs) => servers.of(backend).queueSeconds(nowMs),
    editFailureShare: (backend, when) =>
      recordOf(backend).failureShare(
        when === 'now' ? priorFailures(backend, servers.of(backend)) : USUAL_FAILURES,
      ),
    habits,
    catchUpShare: sessions.catchUpShare,
  };
}

type Servers = {
  of(backend: BackendName): ServerBelief;
  /** Servers share a machine: those that were not measured yet are taken to be no slower than this one. */
  expectLike(backend: BackendName): void;
  toJSON(): unknown;
};

function createServers(saved: unknown): Servers {
  const known = fieldsOf(saved);
  const servers = new Map<BackendName, ServerBelief>();
  return {
    of(backend) {
      const server = servers.get(backend) ?? createServerBelief(known[backend]);
      servers.set(backend, server);
      return server;
    },
    expectLike(backend) {
      const measured = servers.get(backend)?.speed;
      if (measured === undefined || measured.samples === 0) return;
      for (const { speed } of servers.values()) if (speed.samples === 0) speed.expectLike(measured);
    },
    // A backend that nothing was sent to today keeps what was learned of it.
    toJSON: () => ({
      ...known,
      ...Object.fromEntries([...servers].map(([name, server]) => [name, server.toJSON()])),
    }),
  };
}

const USUAL_FAILURES = 0.05;

/** mlx_lm.server reads tool calls out of free text; the others constrain or repair them. */
function priorFailures(backend: BackendName, { flavour }: ServerBelief): number {
  const isMlx = flavour === 'mlx-lm' || (flavour === 'other' && backend === 'mlx-lm');
  return isMlx ? 0.3 : USUAL_FAILURES;
}

// A broken call never reaches the client, so its tool's name is not told: on an edit turn it is taken for an edit.
function brokenEdits({ classification, attempts, ending, answeredBy }: Outcome): readonly BackendName[] {
  if (classification?.task !== 'edit') return [];
  const left = attempts.filter(({ fault }) => fault === 'bad-tool-call').map(({ backend }) => backend);
  const isLast = ending.result === 'failed' && ending.fault === 'bad-tool-call';
  // The last attempt may stand among the attempts as well: one break is one break.
  return isLast && attempts.at(-1)?.backend !== answeredBy ? [...left, answeredBy] : left;
}
