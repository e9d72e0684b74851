// What weighed in the trained belief, as it may be kept. A feature of the prompt's words is named after them, and what
// a person wrote is never stored: all of those are one signal, added up before the strongest are chosen, for it is
// hundreds of small ones that make the largest sum.

import { type Reading, weightOf } from './classifier-model.ts';
import type { Feature } from './features.ts';
import type { Signal } from './outcome.ts';

const SIGNALS_KEPT = 8;

/** The strongest first; positive log-odds speak for an edit. */
export function strongestSignals({ linear, features }: Reading): readonly Signal[] {
  let wording = 0;
  const signals: Signal[] = [];
  for (const feature of features) {
    const value = weightOf(linear, feature) * feature.value;
    if (isOwnWords(feature)) wording += value;
    else if (value !== 0) signals.push({ name: `${feature.group}: ${feature.name}`, value });
  }
  if (wording !== 0) signals.push({ name: 'words: its wording', value: wording });
  return signals.sort((a, b) => Math.abs(b.value) - Math.abs(a.value)).slice(0, SIGNALS_KEPT);
}

function isOwnWords({ group, name }: Feature): boolean {
  return group === 'words' && !/^(rule |no prompt)/.test(name);
}
