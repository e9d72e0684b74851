// A stored request in the shape that `explain` shows. What is not known is null.

import type { Cost } from '../router/cost.ts';
import type { PassedOver, ShadowChoice } from '../router/decision.ts';
import type { Signal } from '../router/outcome.ts';
import type { ReadAhead } from './pauses.ts';
import type { StoredRequest } from './request.ts';

export type Explained = {
  readonly requestId: string;
  readonly startedAt: string;
  readonly kind: string | null;
  readonly session: string | null;
  readonly task: {
    readonly name: string;
    readonly probability: number | null;
    readonly reason: string | null;
    readonly signals: readonly Signal[];
  } | null;
  readonly decision: {
    readonly backend: string;
    readonly reason: string;
    readonly detail: string | null;
    /** Cheapest first; empty where nothing was priced. */
    readonly costs: readonly Cost[];
    readonly passedOver: readonly PassedOver[];
    readonly shadow: ShadowChoice | null;
  } | null;
  readonly outcome: {
    readonly result: string;
    readonly answeredBy: string | null;
    readonly model: string | null;
    readonly message: string | null;
    /** `predicted` is null where a backend failed before the one that answered: no forecast was made of that. */
    readonly ttftMs: { readonly predicted: number | null; readonly actual: number | null };
    readonly durationMs: number | null;
    readonly promptTokens: number | null;
    readonly cachedTokens: number | null;
    readonly cacheEvidence: string;
    readonly outputTokens: number | null;
    readonly serverVersion: string | null;
    /** The model had to be loaded first. */
    readonly coldLoad: boolean | null;
    readonly cacheBreak: {
      readonly cause: string;
      readonly segment: string | null;
      readonly detail: string | null;
      readonly lostTokens: number | null;
      readonly lostSeconds: number | null;
      readonly lostSecondsBasis: string | null;
    } | null;
    readonly saved: {
      readonly seconds: number;
      readonly lowSeconds: number | null;
      readonly highSeconds: number | null;
      readonly basis: string | null;
      readonly coldSamples: number | null;
    } | null;
    /** What had been read of its prompt in a pause before it, and by how much that was sooner. */
    readonly readAhead: ReadAhead | null;
    readonly attempts: readonly {
      readonly backend: string;
      readonly fault: string;
      readonly message: string;
    }[];
  };
};

/** What `explain --json` prints. `schema` grows when a key changes its meaning or goes; new keys may come. */
export type ExplainedDocument = { readonly schema: 1 } & Explained;

export function explainedDocument(row: StoredRequest): ExplainedDocument {
  return { schema: 1, ...readExplained(row) };
}

export function readExplained(row: StoredRequest): Explained {
  return {
    requestId: row.request_id,
    startedAt: new Date(row.started_ms).toISOString(),
    kind: row.kind,
    session: row.session_id,
    task: taskOf(row),
    decision: decisionOf(row),
    outcome: {
      result: row.result,
      answeredBy: row.backend,
      model: row.model,
      message: row.message,
      ttftMs: { predicted: forecastMs(row), actual: row.first_token_ms ?? row.ttft_ms },
      durationMs: row.duration_ms,
      promptTokens: row.prompt_tokens,
      cachedTokens: row.cached_tokens,
      cacheEvidence: row.cache_evidence,
      outputTokens: row.output_tokens,
      serverVersion: row.server_version,
      coldLoad: row.cold_load === null ? null : row.cold_load === 1,
      cacheBreak: breakOf(row),
      saved: savedOf(row),
      readAhead: row.readAhead,
      attempts: row.failedAttempts.map(({ backend, fault, message }) => ({ backend, fault, message })),
    },
  };
}

/** As `forecastOf` of an outcome: after a failed attempt the wait is nobody's forecast. */
function forecastMs(row: StoredRequest): number | null {
  return row.failedAttempts.length === 0 ? row.predicted_ttft_ms : null;
}

function breakOf(row: StoredRequest): Explained['outcome']['cacheBreak'] {
  if (row.break_cause === null) return null;
  return {
    cause: row.break_cause,
    segment: row.break_segment,
    detail: row.break_detail,
    lostTokens: row.break_tokens,
    lostSeconds: row.break_seconds,
    lostSecondsBasis: row.break_seconds_basis,
  };
}

function savedOf(row: StoredRequest): Explained['outcome']['saved'] {
  if (row.saved_seconds === null) return null;
  return {
    seconds: row.saved_seconds,
    lowSeconds: row.saved_low_seconds,
    highSeconds: row.saved_high_seconds,
    basis: row.saved_basis,
    coldSamples: row.saved_cold_samples,
  };
}

function taskOf(row: StoredRequest): Explained['task'] {
  if (row.task === null) return null;
  return {
    name: row.task,
    probability: row.task_probability,
    reason: row.classify_reason,
    signals: parsed<readonly Signal[]>(row.signals) ?? [],
  };
}

function decisionOf(row: StoredRequest): Explained['decision'] {
  if (row.decision_reason === null) return null;
  const predicted = parsed<Cost>(row.predicted);
  const costs = [...(predicted ? [predicted] : []), ...(parsed<readonly Cost[]>(row.alternatives) ?? [])];
  const passedOver = parsed<readonly PassedOver[]>(row.passed_over) ?? [];
  const chosen = predicted?.backend ?? row.failedAttempts[0]?.backend ?? row.backend;
  return {
    backend: chosen ?? '',
    reason: row.decision_reason,
    detail: row.decision_detail,
    costs: costs.toSorted((a, b) => a.seconds - b.seconds),
    passedOver,
    shadow: parsed<ShadowChoice>(row.shadow) ?? null,
  };
}

/** Our own writing, which the database has checked to be JSON. */
function parsed<Shape>(text: string | null): Shape | undefined {
  return text === null ? undefined : (JSON.parse(text) as Shape);
}
