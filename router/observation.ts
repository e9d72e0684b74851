// What one attempt at a backend taught, in the few figures that memory learns from. The daemon makes it of a
// served request, a simulator of a recorded one.

import type { Fault } from '../wire/error.ts';
import type { BackendName, Task } from './decision.ts';

/** One segment of a prompt: `hash` covers it and everything before it, `tokens` is an estimate of it alone. */
export type ChainLink = { readonly hash: string; readonly tokens: number };
/** A prompt from its beginning. Two prompts share a prefix exactly as far as their hashes agree. */
export type Chain = readonly ChainLink[];

export type TurnName = {
  readonly sessionId?: string | undefined;
  readonly agentId?: string | undefined;
  readonly turnId: string;
};

/** An absent field is unknown, and nothing is learned from it. */
export type Observation = {
  readonly backend: BackendName;
  readonly chain: Chain;
  /** `cancelled`: the client left. Only a completed attempt is believed to have left its prompt in the cache. */
  readonly ending: 'completed' | 'cancelled' | 'failed';
  /** Set where it failed. */
  readonly fault?: Fault;
  /** Tokens of the whole prompt as the backend reported them. */
  readonly promptTokens?: number;
  /** Of these, cached: reported by the backend or by its progress, never guessed. */
  readonly cachedTokens?: number;
  /** Time at the gate; no part of `ttftMs`. */
  readonly queueMs?: number;
  /** From the moment the backend had the request to its first token. */
  readonly ttftMs?: number;
  readonly outputTokens?: number;
  /** From the first token to the end. */
  readonly decodeMs?: number;
  /** `ttftMs` has the loading of a model in it: no sample of prefill. */
  readonly loadedModel?: boolean;
  /** `catch-up`: a prefill in a pause, for nobody's answer. Default `request`. */
  readonly purpose?: 'request' | 'catch-up';
  /** A piece of a longer prompt: what comes next builds on it and takes its place. */
  readonly isStep?: boolean;
  readonly turn?: TurnName;
  readonly task?: Task;
  /** Edit tools that the answer called. */
  readonly editCalls?: number;
  /** How edits of this backend fared that came to be known with this attempt. */
  readonly edits?: readonly ('ok' | 'failed')[];
};

export function tokensOf(chain: Chain): number {
  return chain.reduce((sum, link) => sum + link.tokens, 0);
}

/** Links that two prompts have in common. Each hash covers all before it, so halving finds the place. */
export function sharedLength(a: readonly string[], b: readonly string[]): number {
  let low = 0;
  let high = Math.min(a.length, b.length);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (a[middle - 1] === b[middle - 1]) low = middle;
    else high = middle - 1;
  }
  return low;
}
