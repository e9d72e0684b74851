// What `sessions --json` and `session --json` print and /api/sessions answers, as docs/json.md tells. `schema` grows when a key changes its
// meaning or goes; new keys may come. Units are in the keys, times are ISO 8601, null is "nobody told".

import type { CacheSums, SessionHistory, Stretch } from './session-history.ts';
import type { SessionList, SessionSummary } from './sessions.ts';

const SCHEMA = 1;

/** Ends with a line break. */
export function sessionsJson(list: SessionList, range: Range): string {
  return toText(sessionsDocument(list, range));
}

type Range = { readonly sinceMs: number; readonly untilMs: number };

export function sessionsDocument(
  { sessions, more, requestsWithoutSession }: SessionList,
  { sinceMs, untilMs }: Range,
): object {
  return {
    schema: SCHEMA,
    generatedAt: time(untilMs),
    range: { since: time(sinceMs), until: time(untilMs) },
    sessions: sessions.map(summary),
    more,
    requestsWithoutSession,
  };
}

/** Ends with a line break. */
export function historyJson(history: SessionHistory, generatedAtMs: number): string {
  const { sessionId, project, startedMs, endedMs, stretches, totals } = history;
  return toText({
    schema: SCHEMA,
    generatedAt: time(generatedAtMs),
    session: sessionId,
    project,
    startedAt: time(startedMs),
    endedAt: time(endedMs),
    history: stretches.map(stretchJson),
    totals: { ...totals, cache: cacheJson(totals.cache) },
  });
}

function summary({ sessionId, project, startedMs, lastMs, ...rest }: SessionSummary) {
  return { session: sessionId, project, startedAt: time(startedMs), lastAt: time(lastMs), ...rest };
}

function stretchJson({
  startedMs,
  endedMs,
  firstTtftMs,
  firstCache,
  firstCacheInferred,
  cache,
  ...rest
}: Stretch) {
  const { kind, turn, turnId, agentId, ...figures } = rest;
  return {
    ...{ kind, turn, turnId, agentId, startedAt: time(startedMs), endedAt: time(endedMs) },
    firstRequest: { ttftMs: firstTtftMs, cache: firstCache, cacheInferred: firstCacheInferred },
    ...figures,
    cache: cacheJson(cache),
  };
}

/** Tokens of no request are not 0 tokens. */
function cacheJson({ promptTokens, cachedTokens, requests, inferredRequests }: CacheSums) {
  const known = requests > 0;
  return {
    knownRequests: requests,
    inferredRequests,
    promptTokens: known ? promptTokens : null,
    cachedTokens: known ? cachedTokens : null,
  };
}

function time(ms: number): string;
function time(ms: number | null): string | null;
function time(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

function toText(document: unknown): string {
  return `${JSON.stringify(document, threeDecimals, 2)}\n`;
}

function threeDecimals(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toFixed(3)) : value;
}
