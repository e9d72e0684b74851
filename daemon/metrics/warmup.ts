// What a prefill in a pause does to the metrics: when it has ended, and when it is known who used it.

import type { Warmup } from '../../router/warmup.ts';
import type { Catalogue } from './catalogue.ts';

export function observeWarmup(
  catalogue: Catalogue,
  { purpose, backend, result, computedTokens, durationMs }: Warmup,
): void {
  catalogue.warmups.inc({ purpose, backend, result });
  catalogue.warmupSeconds.inc({ backend }, durationMs / 1000);
  catalogue.warmupDuration.observe({ backend }, durationMs / 1000);
  if (computedTokens !== undefined) catalogue.warmupTokens.inc({ backend }, computedTokens);
}

/** A use that is unknown counts as neither. */
export function observeWarmupUse(catalogue: Catalogue, { backend, use, computedTokens }: Warmup): void {
  if (use === undefined || use.result === 'unknown' || computedTokens === undefined) return;
  const used = use.result === 'used' ? use.tokens : 0;
  catalogue.warmupUsed.inc({ backend }, used);
  catalogue.warmupWasted.inc({ backend }, computedTokens - used);
  if (use.result === 'used') catalogue.warmupSaved.inc({ backend }, use.savedSeconds);
}
