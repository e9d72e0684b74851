// The requests of one coding session, put together turn by turn: what a person asked, and what they waited for.
// Pure: rows in, history out. What is not known is null; a sum is of what is known.

import type { CacheResult } from '../router/cache.ts';
import type { SessionRequest } from './sessions.ts';

/** `turn`: one prompt of the person with the tool loop behind it · `subagent`: all that one agent asked · `compact`. */
export type StretchKind = 'turn' | 'subagent' | 'compact';

export type Stretch = {
  readonly kind: StretchKind;
  /** Counts the turns from 1; null for what is none, and for a request that cannot be told to belong to one. */
  readonly turn: number | null;
  readonly turnId: string | null;
  readonly agentId: string | null;
  readonly startedMs: number;
  /** When its last request ended; null while one runs, and where the daemon's end cut one off. */
  readonly endedMs: number | null;
  /** Of its newest request that came to a decision, as are the reason and its sentence of the first. */
  readonly task: string | null;
  readonly reason: string | null;
  readonly detail: string | null;
  /** In their order, each change once. */
  readonly backends: readonly string[];
  /** It began on another backend than the one the main conversation was on. */
  readonly switched: boolean;
  readonly requests: number;
  readonly toolCalls: number;
  /** The first request's: the wait after the prompt. */
  readonly firstTtftMs: number | null;
  readonly firstCache: CacheResult;
  /** The first request's cache figure was derived from its timing, not told by the backend. */
  readonly firstCacheInferred: boolean;
  /** Arrival to first token, summed; a request that ended without one counts with all its time. */
  readonly waitedMs: number;
  /** Of the newest request that told: how long the conversation has become. */
  readonly promptTokens: number | null;
  readonly cache: CacheSums;
  readonly outputTokens: number | null;
  readonly cacheBreaks: readonly HistoryBreak[];
  readonly troubles: readonly Trouble[];
};

/** Of the requests whose cache report is known. */
export type CacheSums = {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly requests: number;
  readonly inferredRequests: number;
};

/** What made the server compute again what it had known. */
export type HistoryBreak = {
  readonly requestId: string;
  readonly cause: string;
  /** A clause for a person; no word of a prompt. */
  readonly detail: string | null;
  readonly lostTokens: number | null;
  readonly lostMs: number | null;
  /** `lostMs` was derived from the speed that was seen, not measured on this request. */
  readonly inferred: boolean;
};

/** A request that did not end well. */
export type Trouble = {
  readonly requestId: string;
  readonly result: string;
  readonly fault: string | null;
  readonly message: string | null;
  readonly afterMs: number | null;
};

export type SessionTotals = {
  readonly turns: number;
  readonly subagents: number;
  readonly compactions: number;
  readonly requests: number;
  /** Titles, probes, searches and the like. */
  readonly sideRequests: number;
  readonly running: number;
  readonly toolCalls: number;
  readonly switches: number;
  readonly waitedMs: number;
  readonly waitedBySubagentsMs: number;
  readonly cache: CacheSums;
  readonly outputTokens: number | null;
  readonly cacheBreaks: number;
  /** Of the breaks whose cost is known. */
  readonly lostMs: number | null;
  /** What the cache is estimated to have saved, where that is known. */
  readonly savedMs: number | null;
};

export type SessionHistory = {
  readonly sessionId: string;
  readonly project: string | null;
  readonly startedMs: number;
  readonly endedMs: number | null;
  readonly stretches: readonly Stretch[];
  readonly totals: SessionTotals;
};

/** `requests` in the order of their arrival; undefined where there are none. */
export function toHistory(
  sessionId: string,
  requests: readonly SessionRequest[],
): SessionHistory | undefined {
  const first = requests[0];
  if (first === undefined) return undefined;
  const stretches = marked(grouped(requests).map(stretchOf));
  return {
    sessionId,
    project: requests.findLast(({ project }) => project !== null)?.project ?? null,
    startedMs: first.started_ms,
    endedMs: lastEnd(requests),
    stretches,
    totals: totalsOf(requests, stretches),
  };
}

type Group = { readonly kind: StretchKind; readonly requests: SessionRequest[] };

/** By turn, by agent and by compaction, whatever ran at the same time; ordered by the first request of each. */
function grouped(requests: readonly SessionRequest[]): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const request of requests) {
    const kind = stretchKind(request);
    if (kind === undefined) continue;
    const key = `${kind} ${groupKey(kind, request)}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { kind, requests: [request] });
    else group.requests.push(request);
  }
  return [...groups.values()];
}

function stretchKind({ kind, agent_id }: SessionRequest): StretchKind | undefined {
  if (kind === 'subagent' || (kind === 'main' && agent_id !== null)) return 'subagent';
  if (kind === 'main') return 'turn';
  return kind === 'compact' ? 'compact' : undefined;
}

/** A request that cannot be told to belong to another stands alone. */
function groupKey(kind: StretchKind, { agent_id, turn_id, request_id }: SessionRequest): string {
  if (kind === 'subagent') return agent_id ?? turn_id ?? request_id;
  return kind === 'turn' ? (turn_id ?? request_id) : request_id;
}

function stretchOf({ kind, requests }: Group): Stretch {
  const [first] = requests as [SessionRequest, ...SessionRequest[]];
  const decided = requests.filter(({ task }) => task !== null);
  return {
    kind,
    ...{ turn: null, switched: false },
    turnId: first.turn_id,
    agentId: first.agent_id,
    startedMs: first.started_ms,
    endedMs: lastEnd(requests),
    task: decided.at(-1)?.task ?? null,
    reason: decided[0]?.decision_reason ?? null,
    detail: decided[0]?.decision_detail ?? null,
    backends: runsOf(requests.flatMap(({ backend }) => backend ?? [])),
    requests: requests.length,
    toolCalls: sum(requests.map(({ tool_calls }) => tool_calls)) ?? 0,
    firstTtftMs: first.ttft_ms,
    firstCache: first.cache_result,
    firstCacheInferred: first.cache_evidence === 'inferred',
    waitedMs: sum(requests.map(waited)) ?? 0,
    promptTokens: requests.findLast(({ prompt_tokens }) => prompt_tokens !== null)?.prompt_tokens ?? null,
    cache: cacheSums(requests),
    outputTokens: sum(requests.map(({ output_tokens }) => output_tokens)),
    cacheBreaks: requests.flatMap(breakOf),
    troubles: requests.filter(({ result }) => result !== 'completed' && result !== 'running').map(troubleOf),
  };
}

/** Turns counted, and marked where the main conversation moved to another backend between two of them. */
function marked(stretches: readonly Stretch[]): readonly Stretch[] {
  let turn = 0;
  let before: string | undefined;
  return stretches.map((stretch) => {
    if (stretch.kind === 'subagent') return stretch;
    const switched =
      before !== undefined && stretch.backends[0] !== undefined && stretch.backends[0] !== before;
    before = stretch.backends.at(-1) ?? before;
    return { ...stretch, switched, turn: stretch.kind === 'turn' && stretch.turnId !== null ? ++turn : null };
  });
}

function totalsOf(requests: readonly SessionRequest[], stretches: readonly Stretch[]): SessionTotals {
  const breaks = stretches.flatMap(({ cacheBreaks }) => cacheBreaks);
  const count = (kind: StretchKind) => stretches.filter((stretch) => stretch.kind === kind).length;
  const waitedIn = (isSubagent: (kind: StretchKind) => boolean) =>
    sum(stretches.filter(({ kind }) => isSubagent(kind)).map(({ waitedMs }) => waitedMs)) ?? 0;
  return {
    turns: stretches.filter(({ turn }) => turn !== null).length,
    subagents: count('subagent'),
    compactions: count('compact'),
    requests: requests.length,
    sideRequests: requests.filter((request) => stretchKind(request) === undefined).length,
    running: requests.filter(({ result }) => result === 'running').length,
    toolCalls: sum(stretches.map(({ toolCalls }) => toolCalls)) ?? 0,
    switches: sum(stretches.map(switchesOf)) ?? 0,
    waitedMs: waitedIn((kind) => kind !== 'subagent'),
    waitedBySubagentsMs: waitedIn((kind) => kind === 'subagent'),
    cache: cacheSums(requests),
    outputTokens: sum(stretches.map(({ outputTokens }) => outputTokens)),
    cacheBreaks: breaks.length,
    lostMs: sum(breaks.map(({ lostMs }) => lostMs)),
    savedMs: toMs(sum(requests.map(({ saved_seconds }) => saved_seconds))),
  };
}

function switchesOf({ kind, backends, switched }: Stretch): number {
  return kind === 'subagent' ? 0 : Math.max(0, backends.length - 1) + (switched ? 1 : 0);
}

function waited({ ttft_ms, duration_ms }: SessionRequest): number | null {
  return ttft_ms ?? duration_ms;
}

function lastEnd(requests: readonly SessionRequest[]): number | null {
  const ends = requests.map(({ ended_ms }) => ended_ms);
  return ends.some((end) => end === null) ? null : Math.max(...ends.flatMap((end) => end ?? []));
}

function runsOf(names: readonly string[]): readonly string[] {
  return names.filter((name) => name !== 'daemon').filter((name, at, all) => name !== all[at - 1]);
}

function cacheSums(requests: readonly SessionRequest[]): CacheSums {
  const known = requests.filter(({ cached_tokens }) => cached_tokens !== null);
  return {
    promptTokens: sum(known.map(({ prompt_tokens }) => prompt_tokens)) ?? 0,
    cachedTokens: sum(known.map(({ cached_tokens }) => cached_tokens)) ?? 0,
    requests: known.length,
    inferredRequests: known.filter(({ cache_evidence }) => cache_evidence === 'inferred').length,
  };
}

function breakOf(request: SessionRequest): readonly HistoryBreak[] {
  const { request_id, break_cause, break_detail, break_tokens, break_seconds, break_seconds_basis } = request;
  if (break_cause === null) return [];
  return [
    {
      ...{ requestId: request_id, cause: break_cause, detail: break_detail, lostTokens: break_tokens },
      ...{ lostMs: toMs(break_seconds), inferred: break_seconds_basis === 'inferred' },
    },
  ];
}

function toMs(seconds: number | null): number | null {
  return seconds === null ? null : 1000 * seconds;
}

function troubleOf({ request_id, result, fault, refusal, message, duration_ms }: SessionRequest): Trouble {
  return { requestId: request_id, result, fault: fault ?? refusal, message, afterMs: duration_ms };
}

/** Null where nothing is known. */
function sum(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((all, value) => all + value, 0);
}
