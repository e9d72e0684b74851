// The tables as the queries see them. NULL is unknown; times are Unix epoch milliseconds.

import type { Generated } from 'kysely';
import type { BreakCause, BreakSegment } from '../router/breaks.ts';
import type { CacheResult } from '../router/cache.ts';
import type { ClassifyReason, DecisionReason, Task } from '../router/decision.ts';
import type { CacheReport, Ending, Kind } from '../router/outcome.ts';
import type { Saved } from '../router/savings.ts';
import type { Purpose, WarmupResult, WarmupUse } from '../router/warmup.ts';
import type { Phase } from '../wire/error.ts';

export type RequestResult = Ending['result'] | 'running' | 'interrupted';

export type RequestsTable = {
  readonly id: Generated<number>;
  readonly request_id: string;
  readonly daemon_id: string;
  readonly started_ms: number;
  readonly ended_ms: number | null;
  readonly result: RequestResult;
  readonly kind: Kind | null;
  readonly task: Task | null;
  readonly task_probability: number | null;
  readonly classify_reason: ClassifyReason | null;
  readonly decision_reason: DecisionReason | null;
  readonly decision_detail: string | null;
  /** JSON: the candidates that were not chosen, and why. */
  readonly passed_over: string | null;
  /** Who answered: a backend's name, or `daemon`. */
  readonly backend: string | null;
  readonly model: string | null;
  readonly requested_model: string | null;
  readonly stream: 0 | 1 | null;
  readonly session_id: string | null;
  readonly agent_id: string | null;
  readonly turn_id: string | null;
  readonly project: string | null;
  readonly client_version: string | null;
  readonly phase: Phase | null;
  readonly fault: string | null;
  readonly refusal: string | null;
  readonly http_status: number | null;
  readonly stop_reason: string | null;
  readonly prompt_tokens: number | null;
  readonly cached_tokens: number | null;
  readonly written_tokens: number | null;
  readonly output_tokens: number | null;
  readonly cache_evidence: CacheReport['evidence'];
  readonly cache_result: CacheResult;
  readonly queue_ms: number | null;
  readonly overhead_ms: number | null;
  readonly ttft_ms: number | null;
  readonly duration_ms: number | null;
  readonly attempts: number | null;
  readonly tool_calls: number | null;
  readonly invalid_tool_calls: number | null;
  readonly bytes_in: number | null;
  readonly bytes_out: number | null;
  /** From arrival to first token, as it was expected of the backend that was chosen. */
  readonly predicted_ttft_ms: number | null;
  /** From arrival to the first token that the backend is known to have written. */
  readonly first_token_ms: number | null;
  /** JSON of Cost: the chosen backend's. */
  readonly predicted: string | null;
  /** JSON of Cost[]: those of the others. */
  readonly alternatives: string | null;
  /** JSON of ShadowChoice. */
  readonly shadow: string | null;
  /** JSON of Signal[]. */
  readonly signals: string | null;
  /** See CacheBreak. All are NULL where nothing broke. */
  readonly break_cause: BreakCause | null;
  readonly break_segment: BreakSegment | null;
  readonly break_detail: string | null;
  readonly break_tokens: number | null;
  readonly break_seconds: number | null;
  readonly break_seconds_basis: 'measured' | 'inferred' | null;
  /** See Saved. All are NULL where that is not known. */
  readonly saved_seconds: number | null;
  readonly saved_low_seconds: number | null;
  readonly saved_high_seconds: number | null;
  readonly saved_basis: Saved['basis'] | null;
  readonly saved_cold_samples: number | null;
  readonly server_version: string | null;
  /** 1: the model had to be loaded first. */
  readonly cold_load: 0 | 1 | null;
  readonly message: string | null;
};

export type AttemptsTable = {
  readonly request_id: string;
  /** From 1, in the order they were made. */
  readonly n: number;
  readonly backend: string;
  readonly fault: string;
  readonly phase: Phase;
  readonly message: string;
  readonly duration_ms: number | null;
};

export type DaemonsTable = {
  readonly daemon_id: string;
  readonly pid: number;
  /** What tells this process from a later one with the same pid; NULL where the system does not say. */
  readonly process_start: string | null;
  readonly version: string;
  readonly started_ms: number;
  readonly ended_ms: number | null;
};

/** One row. Whole hours of Unix time. */
export type RollupStateTable = {
  readonly id: number;
  /** Every hour before it is in the roll-ups. */
  readonly rolled_until_ms: number;
  /** Before it there are roll-ups alone, and rows that came late. */
  readonly pruned_until_ms: number;
  /** When the upkeep last went through to its end. */
  readonly kept_ms: number;
};

/** Hours that got a row, or whose rows changed, after they were rolled up. */
export type RollupLateTable = { readonly hour_ms: number };

/** What the parts of the daemon know of this machine. */
export type LearnedTable = {
  readonly key: string;
  /** JSON that its owner alone can read. */
  readonly value: string;
  readonly updated_ms: number;
};

/** One prefill that no request asked for. */
export type WarmupsTable = {
  readonly id: Generated<number>;
  readonly warmup_id: string;
  readonly daemon_id: string;
  readonly purpose: Purpose;
  readonly backend: string;
  readonly model: string | null;
  readonly session_id: string | null;
  readonly project: string | null;
  readonly started_ms: number;
  readonly ended_ms: number;
  readonly result: WarmupResult;
  readonly reason: string | null;
  /** Requests that were sent. */
  readonly steps: number;
  readonly prompt_tokens: number | null;
  readonly cached_tokens: number | null;
  readonly computed_tokens: number | null;
  readonly cost_ms: number;
  readonly use: WarmupUse['result'] | null;
  readonly used_request_id: string | null;
  /** Of those that it computed. */
  readonly used_tokens: number | null;
  readonly saved_ms: number | null;
};

export type Schema = {
  readonly warmups: WarmupsTable;
  readonly requests: RequestsTable;
  readonly attempts: AttemptsTable;
  readonly daemons: DaemonsTable;
  readonly rollup_state: RollupStateTable;
  readonly rollup_late: RollupLateTable;
  readonly learned: LearnedTable;
};
