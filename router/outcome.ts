// What is remembered of a request. Every request ends as exactly one Outcome; the store, the metrics, the
// log and the router's memory read it, and nothing else records.

import type { Fault, Phase } from '../wire/error.ts';
import type { BreakCause, BreakSegment } from './breaks.ts';
import type { Cost } from './cost.ts';
import type { BackendName, Classification, Decision, RefusalReason } from './decision.ts';
import type { Saved } from './savings.ts';

export const KINDS = [
  'main',
  'subagent',
  'compact',
  'title',
  'plan-name',
  'web-search',
  'quota-probe',
  'probe',
  'safety-check',
  'unreadable',
] as const;
export type Kind = (typeof KINDS)[number];

/** Silence is not zero: `none` says that nobody reported a figure and none could be inferred. */
export type CacheReport =
  | {
      readonly evidence: 'reported' | 'progress' | 'inferred';
      readonly promptTokens: number;
      readonly cachedTokens: number;
      readonly writtenTokens?: number;
    }
  | { readonly evidence: 'none'; readonly promptTokens?: number };

/** Where the prompt left the one before it of its conversation, or the server had lost it, and what that cost. */
export type CacheBreak = {
  readonly cause: BreakCause;
  /** What changed first. */
  readonly segment: BreakSegment;
  /** A clause for a person: tools are named, no text of the prompt is quoted. */
  readonly detail: string;
  /** Tokens that the backend had held, and had to compute again. */
  readonly lostTokens?: number;
  /** The wait, less what the unbroken prompt would have waited by the learned speed. */
  readonly lostSeconds?: number;
  /** `inferred`: the backend told nothing of its cache, so what it lost is our own estimate. */
  readonly lostSecondsBasis?: 'measured' | 'inferred';
};

export type Ending =
  | { readonly result: 'completed' }
  | { readonly result: 'refused'; readonly refusal: RefusalReason | 'bad-request' }
  | { readonly result: 'failed'; readonly phase: Phase; readonly fault: Fault }
  | { readonly result: 'cancelled'; readonly phase: Phase };

/** One attempt at one backend that did not become the answer. */
export type Attempt = {
  readonly backend: BackendName;
  readonly fault: Fault;
  readonly phase: Phase;
  /** Absent where no HTTP answer came, or it broke off. */
  readonly httpStatus?: number;
  readonly message: string;
  readonly durationMs: number;
};

/** What spoke for the task, as a name and a figure: never a word of the prompt. */
export type Signal = { readonly name: string; readonly value: number };

export type Outcome = {
  readonly requestId: string;
  /** Unix epoch, milliseconds. */
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly kind: Kind;
  readonly answeredBy: BackendName | 'daemon';
  /** The model that the backend was asked for. Absent where no backend was asked. */
  readonly model?: string;
  readonly requestedModel: string;
  readonly stream: boolean;
  readonly sessionId?: string;
  readonly agentId?: string;
  readonly turnId?: string;
  readonly project?: string;
  readonly clientVersion?: string;
  readonly classification?: Classification;
  readonly decision?: Decision;
  /** The strongest first. */
  readonly signals?: readonly Signal[];
  readonly attempts: readonly Attempt[];
  readonly queueMs?: number;
  /** From the request's arrival to the first content delta. */
  readonly ttftMs?: number;
  /**
   * From the request's arrival to the first token that the backend is known to have written. The same as `ttftMs` for
   * a text; a tool call is held back until it is whole.
   */
  readonly firstTokenMs?: number;
  /** Time the daemon itself took before the request went out, to all backends that were tried. */
  readonly overheadMs?: number;
  /** Of it: naming the task. Absent where nobody did. */
  readonly classifyMs?: number;
  /** Of it: putting the conversation into the words of a backend. Absent where no local one was asked. */
  readonly translateMs?: number;
  readonly outputTokens?: number;
  readonly stopReason?: string;
  readonly toolCalls: readonly string[];
  readonly invalidToolCalls: number;
  readonly httpStatus: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly cache: CacheReport;
  /** Absent where nothing broke, or nothing was computed. */
  readonly cacheBreak?: CacheBreak;
  /** What the prompt cache was worth. Absent where that is not known. */
  readonly saved?: Saved;
  /** Of the backend's program, where it tells. */
  readonly serverVersion?: string;
  /** The model had to be loaded first. Absent where the backend does not tell. */
  readonly coldLoad?: boolean;
  readonly ending: Ending;
  /** One sentence for a person, where the ending is not `completed`. */
  readonly message?: string;
};

/**
 * The forecast that a wait may be held against: of the backend that answered, and only where it answered at once. What
 * a failed one took before it was in nobody's forecast.
 */
export function forecastOf({
  decision,
  attempts,
  answeredBy,
}: Pick<Outcome, 'decision' | 'attempts' | 'answeredBy'>): Cost | undefined {
  const predicted = decision?.predicted;
  return attempts.length === 0 && predicted?.backend === answeredBy ? predicted : undefined;
}
