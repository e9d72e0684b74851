// What is remembered of a prefill that no request asked for: what it cost, and what it saved the request that came next.

import type { BackendName } from './decision.ts';

/** `catch-up`: what another backend has answered. `warm`: the front of a project. `restore`: what a file held. */
export const PURPOSES = ['catch-up', 'warm', 'restore'] as const;
export type Purpose = (typeof PURPOSES)[number];

export const WARMUP_RESULTS = ['completed', 'cancelled', 'failed'] as const;
export type WarmupResult = (typeof WARMUP_RESULTS)[number];

export type Warmup = {
  readonly warmupId: string;
  readonly purpose: Purpose;
  readonly backend: BackendName;
  readonly model: string;
  readonly sessionId?: string;
  readonly project?: string;
  /** Unix epoch, milliseconds. */
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly result: WarmupResult;
  /** One clause of a fixed set, where it did not complete. */
  readonly reason?: string;
  /** Requests that were sent. */
  readonly steps: number;
  /** Of the last step that was answered, as the backend counts. Absent where none was, or it does not count. */
  readonly promptTokens?: number;
  /** Found cached by the first step. */
  readonly cachedTokens?: number;
  /** By all steps that were answered. */
  readonly computedTokens?: number;
  /** Absent as long as no request could have used it. */
  readonly use?: WarmupUse;
};

export type WarmupUse =
  | {
      readonly result: 'used';
      readonly requestId: string;
      readonly tokens: number;
      /** By which the request's first token came sooner, by the backend's learned speed. */
      readonly savedSeconds: number;
    }
  /** The request that could have used it found nothing of it, or none came as long as it could be there. */
  | { readonly result: 'wasted'; readonly requestId?: string }
  /** A request came, and its backend tells nothing of its cache. */
  | { readonly result: 'unknown'; readonly requestId: string };
