// How many conversations one server keeps apart.

import type { Flavour } from './warmth.ts';

/**
 * Conversations that a server keeps apart. mlx_lm.server has ten entries and drops the oldest inserted, and a
 * conversation that goes on is inserted anew; the others drop the least recently used, which comes to the same.
 */
const CAPACITY: Readonly<Record<Flavour, number>> = {
  'mlx-lm': 10,
  lmstudio: 4,
  'llama.cpp': 8,
  vllm: 64,
  claude: 64,
  other: 1,
};

/** Below so many tokens a match is a template's header or a few common words, and its loss no evidence. */
export const TELLING_TOKENS = 500;
/** Of what was expected in the cache: with less than this it is gone. */
export const LOST_SHARE = 0.1;

/** What was expected of a prompt: the tokens held, those of them that another conversation holds, too, and how many came after. */
type Expected = { readonly tokens: number; readonly inOthers: number; readonly newer: number };

export type Capacity = {
  readonly conversations: number;
  /** `cached` in the tokens that were expected. */
  learn(expected: Expected, cached: number): void;
  forget(): void;
};

/**
 * How many conversations a server with slots keeps depends on its settings and on the model's size, and it tells
 * neither. Where one is gone, it has no room for more than those that came after it.
 */
export function createCapacity(flavour: Flavour): Capacity {
  const most = CAPACITY[flavour];
  let conversations = most;
  return {
    get conversations() {
      return conversations;
    },
    learn({ tokens, newer, inOthers }, cached) {
      if (keepsSteps(flavour)) return;
      const isGone = cached < inOthers + LOST_SHARE * tokens && tokens - inOthers >= TELLING_TOKENS;
      if (isGone && newer > 0) conversations = newer;
      if (cached >= tokens + TELLING_TOKENS) conversations = Math.min(conversations + 1, most);
    },
    forget() {
      conversations = most;
    },
  };
}

/** Keeps an entry of each request, also of those that a later one has gone beyond. */
export function keepsSteps(flavour: Flavour): boolean {
  return flavour === 'mlx-lm';
}
