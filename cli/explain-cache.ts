// What `explain` says of the prompt cache: what broke it, what that cost, and what it was worth.

import type { Explained } from '../store/explained.ts';
import type { Pen } from './screen.ts';
import { plural } from './shown.ts';

type Outcome = Explained['outcome'];

export function cacheLines({ cacheBreak, saved, readAhead, coldLoad }: Outcome, pen: Pen): readonly string[] {
  return [
    ...(coldLoad === true ? ['The model had to be loaded first.'] : []),
    ...(cacheBreak === null ? [] : [breakLine(cacheBreak, pen)]),
    ...(saved === null ? [] : [savedLine(saved)]),
    ...(readAhead === null ? [] : [readAheadLine(readAhead)]),
  ];
}

function breakLine(found: NonNullable<Outcome['cacheBreak']>, pen: Pen): string {
  const { cause, detail, lostTokens, lostSeconds, lostSecondsBasis } = found;
  const seconds =
    lostSeconds === null ? '' : `, which took ${lostSeconds.toFixed(2)} s more (${lostSecondsBasis})`;
  const tokens = lostTokens === null ? '' : `; ${lostTokens} tokens had to be computed again${seconds}`;
  return `Cache break (${cause}): ${detail ?? pen.unknown}${tokens}`;
}

function savedLine(saved: NonNullable<Outcome['saved']>): string {
  const { seconds, lowSeconds, highSeconds, basis, coldSamples } = saved;
  const between =
    lowSeconds === null || highSeconds === null
      ? ''
      : `, between ${lowSeconds.toFixed(2)} and ${highSeconds.toFixed(2)}`;
  const wait = basis === 'predicted' ? 'with a wait that is predicted, too' : 'by the wait that was measured';
  const samples = coldSamples === null ? '' : `; ${plural(coldSamples, 'cold prompt')} seen here`;
  return `The cache saved about ${seconds.toFixed(2)} s${between} (${wait}${samples})`;
}

function readAheadLine({ tokens, savedSeconds }: NonNullable<Outcome['readAhead']>): string {
  return `Read in the pause before it: ${tokens} tokens, so that it waited about ${savedSeconds.toFixed(2)} s less`;
}
