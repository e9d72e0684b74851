// Prompts computed for nobody's answer, while nothing else runs: the one place that does it, whatever it is for.

import type { Conversation } from '../../wire/message.ts';

/** `catch-up`: what another backend has answered. `warm`: the front of a project. `restore`: what a file held. */
export const PURPOSES = ['catch-up', 'warm', 'restore'] as const;
export type Purpose = (typeof PURPOSES)[number];

export type PrefillJob = {
  readonly purpose: Purpose;
  readonly backend: string;
  readonly model: string;
  /** What is to be in the server's cache. It need not end with a user's message. */
  readonly conversation: Conversation;
  readonly sessionId?: string;
  readonly project?: string;
};

export type PrefillReport = {
  /** `skipped`: nothing was sent. */
  readonly result: 'completed' | 'cancelled' | 'failed' | 'skipped';
  /** One clause, where the result is not `completed`. */
  readonly reason?: string;
  /** Requests that were sent. */
  readonly steps: number;
  /** Of the last one that was answered. */
  readonly promptTokens?: number;
  /** Found in the cache by the first one. */
  readonly cachedTokens?: number;
  /** By all of them together. */
  readonly computedTokens?: number;
  readonly durationMs: number;
};

export type Prefiller = {
  /** Never rejects. One run at a time on each backend; cancelled as soon as any request comes in. */
  run(job: PrefillJob): Promise<PrefillReport>;
};
