// The one place of state in the router: which backend a turn is on, who emitted which tool call, and how each
// backend's edits fare. Bounded; the oldest is forgotten first. Time comes in as an argument.

import type { BackendName } from './decision.ts';
import { createEditRecord, type EditRecord } from './edit-record.ts';
import type { Outcome } from './outcome.ts';
import { isEditTool, type ToolRun, type TurnEvidence } from './turn.ts';
import type { Sticky } from './wish.ts';

type TurnName = Pick<TurnEvidence, 'sessionId' | 'agentId' | 'turnId'>;

export type Memory = {
  /** For a compaction, which is no turn of its own, the backend that the session was on last. */
  stickyFor(turn: TurnName & Pick<TurnEvidence, 'compaction'>): Sticky | undefined;
  /** The backend that the turn is on from now on: chosen, or the one that answered in its place. */
  rememberTurn(turn: TurnName, sticky: Sticky, nowMs: number): void;
  /** A tool call that was released to the client. */
  rememberToolUse(id: string, backend: BackendName, tool: string): void;
  /** Each result is counted once, however often the history brings it back. */
  observeToolResults(runs: readonly ToolRun[], nowMs: number): void;
  /** Counts the tool calls that a backend broke. */
  observe(outcome: Outcome, nowMs: number): void;
  /** Why the backend should take no edits now, in one clause; undefined where it may. */
  editsFailing(backend: BackendName, turn: TurnName, nowMs: number): string | undefined;
};

export type MemoryLimits = {
  readonly sessions: number;
  readonly turns: number;
  readonly toolUses: number;
};

const LIMITS: MemoryLimits = { sessions: 1000, turns: 5000, toolUses: 10_000 };

export function createMemory(limits: MemoryLimits = LIMITS): Memory {
  const turns = new Map<string, Sticky>();
  const sessions = new Map<string, Sticky>();
  const toolUses = new Map<string, BackendName>();
  // One entry a configured backend: bounded by the configuration.
  const records = new Map<BackendName, EditRecord>();

  function recordOf(backend: BackendName): EditRecord {
    const record = records.get(backend) ?? createEditRecord();
    records.set(backend, record);
    return record;
  }

  return {
    stickyFor: (turn) => (turn.compaction ? sessions.get(sessionKey(turn)) : turns.get(turnKey(turn))),
    rememberTurn(turn, sticky, nowMs) {
      keep(turns, limits.turns, turnKey(turn), sticky);
      keep(sessions, limits.sessions, sessionKey(turn), sticky);
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
    observe(outcome, nowMs) {
      for (const backend of brokenEdits(outcome)) recordOf(backend).count('failed', nowMs);
    },
    editsFailing: (backend, turn, nowMs) => records.get(backend)?.failing(turnKey(turn), nowMs),
  };
}

// A broken call never reaches the client, so its tool's name is not told: on an edit turn it is taken for an edit.
function brokenEdits({ classification, attempts, ending, answeredBy }: Outcome): readonly BackendName[] {
  if (classification?.task !== 'edit') return [];
  const left = attempts.filter(({ fault }) => fault === 'bad-tool-call').map(({ backend }) => backend);
  const isLast = ending.result === 'failed' && ending.fault === 'bad-tool-call';
  // The last attempt may stand among the attempts as well: one break is one break.
  return isLast && attempts.at(-1)?.backend !== answeredBy ? [...left, answeredBy] : left;
}

// Moves the key to the young end: a Map iterates in the order of insertion.
function keep<Value>(map: Map<string, Value>, limit: number, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= limit) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}

// A subagent runs beside its session's main conversation and has a prompt of its own.
function sessionKey({ sessionId, agentId }: TurnName): string {
  return JSON.stringify([sessionId ?? null, agentId ?? null]);
}

function turnKey({ sessionId, agentId, turnId }: TurnName): string {
  return JSON.stringify([sessionId ?? null, agentId ?? null, turnId]);
}
