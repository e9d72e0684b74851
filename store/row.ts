// Outcome → row. A figure that cannot be true (negative, not a number, more cached than sent) is written as
// unknown: a backend's odd report must not cost the whole record.

import type { Insertable } from 'kysely';
import { cacheResult } from '../router/cache.ts';
import type { Attempt, CacheReport, Ending, Kind, Outcome } from '../router/outcome.ts';
import type { AttemptsTable, RequestsTable } from './schema.ts';

type RequestRow = Insertable<RequestsTable>;
type AttemptRow = Insertable<AttemptsTable>;

/** One request's newest state on its way to the file. */
export type PendingRecord = {
  readonly request: RequestRow;
  readonly attempts: readonly AttemptRow[];
};

/** What is known of a request when it is let in. */
export type StartedRequest = {
  readonly requestId: string;
  /** Unix epoch, milliseconds. */
  readonly startedAtMs: number;
  readonly kind?: Kind;
  readonly requestedModel?: string;
  readonly stream?: boolean;
  readonly sessionId?: string;
  readonly agentId?: string;
  readonly turnId?: string;
  readonly project?: string;
  readonly clientVersion?: string;
  readonly bytesIn?: number;
};

/** Messages and names come from clients and servers; none of them may grow the database without bound. */
const LONGEST_TEXT = 1000;

export function toRunning(started: StartedRequest, daemonId: string): PendingRecord {
  const request = {
    ...UNKNOWN,
    ...callerColumns(started),
    request_id: started.requestId,
    daemon_id: daemonId,
    result: 'running',
    kind: started.kind ?? null,
  } as const;
  return { request, attempts: [] };
}

export function toEnded(outcome: Outcome, daemonId: string): PendingRecord {
  return { request: requestRow(outcome, daemonId), attempts: attemptRows(outcome) };
}

function requestRow(outcome: Outcome, daemonId: string): RequestRow {
  const started_ms = Math.round(outcome.startedAtMs);
  return {
    ...UNKNOWN,
    ...callerColumns(outcome),
    ...decisionColumns(outcome),
    ...predictionColumns(outcome.decision),
    ...endingColumns(outcome.ending),
    ...cacheColumns(outcome.cache),
    ...breakColumns(outcome.cacheBreak),
    ...savedColumns(outcome.saved),
    request_id: outcome.requestId,
    daemon_id: daemonId,
    ended_ms: started_ms + (count(outcome.durationMs) ?? 0),
    kind: outcome.kind,
    backend: text(outcome.answeredBy),
    model: text(outcome.model),
    http_status: httpStatus(outcome.httpStatus),
    stop_reason: text(outcome.stopReason),
    output_tokens: count(outcome.outputTokens),
    queue_ms: measure(outcome.queueMs),
    overhead_ms: measure(outcome.overheadMs),
    ttft_ms: measure(outcome.ttftMs),
    duration_ms: measure(outcome.durationMs),
    attempts: outcome.attempts.length,
    tool_calls: outcome.toolCalls.length,
    invalid_tool_calls: count(outcome.invalidToolCalls),
    bytes_out: count(outcome.bytesOut),
    first_token_ms: measure(outcome.firstTokenMs),
    signals: json(outcome.signals),
    server_version: text(outcome.serverVersion),
    cold_load: outcome.coldLoad === undefined ? null : flag(outcome.coldLoad),
    message: text(outcome.message),
  };
}

function attemptRows(outcome: Outcome): readonly AttemptRow[] {
  return outcome.attempts.map((attempt: Attempt, index) => ({
    request_id: outcome.requestId,
    n: index + 1,
    backend: attempt.backend,
    fault: attempt.fault,
    phase: attempt.phase,
    message: attempt.message.slice(0, LONGEST_TEXT),
    duration_ms: measure(attempt.durationMs),
  }));
}

// Every row names every column, so that one statement writes them all.
const UNKNOWN = {
  ended_ms: null,
  kind: null,
  task: null,
  task_probability: null,
  classify_reason: null,
  decision_reason: null,
  decision_detail: null,
  passed_over: null,
  backend: null,
  model: null,
  phase: null,
  fault: null,
  refusal: null,
  http_status: null,
  stop_reason: null,
  prompt_tokens: null,
  cached_tokens: null,
  written_tokens: null,
  output_tokens: null,
  cache_evidence: 'none',
  cache_result: 'unknown',
  queue_ms: null,
  overhead_ms: null,
  ttft_ms: null,
  duration_ms: null,
  attempts: null,
  tool_calls: null,
  invalid_tool_calls: null,
  bytes_out: null,
  predicted_ttft_ms: null,
  first_token_ms: null,
  predicted: null,
  alternatives: null,
  shadow: null,
  signals: null,
  break_cause: null,
  break_segment: null,
  break_detail: null,
  break_tokens: null,
  break_seconds: null,
  break_seconds_basis: null,
  saved_seconds: null,
  saved_low_seconds: null,
  saved_high_seconds: null,
  saved_basis: null,
  saved_cold_samples: null,
  server_version: null,
  cold_load: null,
  message: null,
} as const satisfies Partial<RequestRow>;

function callerColumns(request: StartedRequest) {
  return {
    started_ms: Math.round(request.startedAtMs),
    requested_model: text(request.requestedModel),
    stream: request.stream === undefined ? null : flag(request.stream),
    session_id: text(request.sessionId),
    agent_id: text(request.agentId),
    turn_id: text(request.turnId),
    project: text(request.project),
    client_version: text(request.clientVersion),
    bytes_in: count(request.bytesIn),
  };
}

function decisionColumns({ classification, decision }: Outcome) {
  const passedOver = decision?.passedOver ?? [];
  return {
    task: classification?.task ?? null,
    task_probability: share(classification?.probability),
    classify_reason: classification?.reason ?? null,
    decision_reason: decision?.reason ?? null,
    decision_detail: text(decision?.detail),
    passed_over: passedOver.length === 0 ? null : JSON.stringify(passedOver),
  };
}

function predictionColumns(decision: Outcome['decision']) {
  return {
    predicted_ttft_ms: measure(decision?.predicted && decision.predicted.ttftSeconds * 1000),
    predicted: json(decision?.predicted),
    alternatives: json(decision?.alternatives),
    shadow: json(decision?.shadow),
  };
}

function endingColumns(ending: Ending) {
  const row = { result: ending.result, phase: null, fault: null, refusal: null };
  switch (ending.result) {
    case 'completed':
      return row;
    case 'refused':
      return { ...row, refusal: ending.refusal };
    case 'cancelled':
      return { ...row, phase: ending.phase };
    case 'failed':
      return { ...row, phase: ending.phase, fault: ending.fault };
    default:
      return ending satisfies never;
  }
}

function cacheColumns(report: CacheReport) {
  const prompt_tokens = count(report.promptTokens);
  const silent = {
    prompt_tokens,
    cached_tokens: null,
    written_tokens: null,
    cache_evidence: 'none',
  } as const;
  if (report.evidence === 'none') return { ...silent, cache_result: 'unknown' } as const;
  const cached_tokens = count(report.cachedTokens);
  if (prompt_tokens === null || cached_tokens === null || cached_tokens > prompt_tokens) {
    return { ...silent, cache_result: 'unknown' } as const;
  }
  const written = count(report.writtenTokens);
  return {
    prompt_tokens,
    cached_tokens,
    written_tokens: written !== null && written <= prompt_tokens - cached_tokens ? written : null,
    cache_evidence: report.evidence,
    cache_result: cacheResult(report),
  };
}

function breakColumns(broken: Outcome['cacheBreak']) {
  const seconds = measure(broken?.lostSeconds);
  return {
    break_cause: broken?.cause ?? null,
    break_segment: broken?.segment ?? null,
    break_detail: text(broken?.detail),
    break_tokens: count(broken?.lostTokens),
    break_seconds: seconds,
    break_seconds_basis: seconds === null ? null : (broken?.lostSecondsBasis ?? null),
  };
}

function savedColumns(saved: Outcome['saved']) {
  return {
    saved_seconds: measure(saved?.seconds),
    saved_low_seconds: measure(saved?.lowSeconds),
    saved_high_seconds: measure(saved?.highSeconds),
    saved_basis: saved?.basis ?? null,
    saved_cold_samples: count(saved?.coldSamples),
  };
}

function flag(value: boolean): 0 | 1 {
  return value ? 1 : 0;
}

function text(value: string | undefined): string | null {
  return value === undefined ? null : value.slice(0, LONGEST_TEXT);
}

/** Three decimals are milliseconds: more would only fill the file. */
function json(value: unknown): string | null {
  const isEmpty = value === undefined || (Array.isArray(value) && value.length === 0);
  return isEmpty ? null : JSON.stringify(value, threeDecimals);
}

function threeDecimals(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toFixed(3)) : value;
}

/** To a thousandth: what is behind it is the noise of a subtraction. */
function measure(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) && value >= 0 ? Math.round(value * 1000) / 1000 : null;
}

function count(value: number | undefined): number | null {
  const known = measure(value);
  return known === null || known > Number.MAX_SAFE_INTEGER ? null : Math.round(known);
}

function share(value: number | undefined): number | null {
  const known = measure(value);
  return known === null || known > 1 ? null : known;
}

function httpStatus(value: number): number | null {
  return Number.isInteger(value) && value >= 100 && value <= 599 ? value : null;
}
