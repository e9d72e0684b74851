// How much of a prefill a server's cache can give back, as it was seen to do: one that cannot be trimmed has no use for
// the pieces of a prompt. Learned for each model, for it is the model's kind of cache that decides.

import type { CacheUse } from '../../router/catch-up.ts';
import { keep } from '../../wire/bounded.ts';

export type CacheUses = {
  of(backend: string, model: string): CacheUse;
  /** A step did not find what the step before it had computed. */
  stepLost(backend: string, model: string): void;
  /** What came of a whole prompt for the request that could have used it. */
  wholeEnded(backend: string, model: string, use: 'used' | 'wasted'): void;
};

const MODELS = 64;
/** So many whole prompts that nobody found again, one after another, are no chance. */
const WASTED = 3;

export function createCacheUses(): CacheUses {
  const known = new Map<string, { readonly use: CacheUse; readonly wasted: number }>();
  const keyOf = (backend: string, model: string) => JSON.stringify([backend, model]);
  const set = (backend: string, model: string, use: CacheUse, wasted = 0) =>
    keep(known, MODELS, keyOf(backend, model), { use, wasted });
  return {
    of: (backend, model) => known.get(keyOf(backend, model))?.use ?? 'steps',
    stepLost: (backend, model) => set(backend, model, 'whole'),
    wholeEnded(backend, model, use) {
      const found = known.get(keyOf(backend, model));
      if (found?.use !== 'whole') return;
      const wasted = use === 'used' ? 0 : found.wasted + 1;
      set(backend, model, wasted >= WASTED ? 'nothing' : 'whole', wasted);
    },
  };
}
