// The weights of a model that nobody has heard of yet: what public vocabularies have in common, and how far a new
// one may be from that. Vocabularies differ in families, so the differences of the known ones are the ways in which
// a new one differs most likely: whoever spends a token on every digit is not told so by prose, but whoever takes no
// mark into a word is found out by any text.

import { KNOWN_VOCABULARIES } from './known-vocabularies.ts';
import { TEXT_CLASSES, type TextClass } from './text-classes.ts';

/** Of classes that say nothing of a text, or that are rare in the texts which the known ones were tried on. */
const GUESSED: Partial<Record<TextClass, { readonly weight: number; readonly spread: number }>> = {
  segments: { weight: 5, spread: 6 },
  otherLetters: { weight: 1, spread: 1 },
  letters: { weight: 0, spread: 0.12 },
  signs: { weight: 1, spread: 1 },
  signRepeats: { weight: 0.3, spread: 0.3 },
  repeats: { weight: 0.1, spread: 0.3 },
  // Small vocabularies leave a run of blanks in single tokens.
  blanks: { weight: 0.01, spread: 0.05 },
};
/** The spread of what is each vocabulary's own: this much, and this share of the mean. */
const OWN = 0.1;
const OWN_SHARE = 0.3;
/** More for scripts, where the sizes of vocabularies show most, and for layout, which each splits in its own way. */
const FREE = 0.3;
const FREER: readonly TextClass[] = [
  'han',
  'kana',
  'hangul',
  'breaks',
  'emptyLines',
  'indents',
  'smallIndents',
  'digits',
  'numbers',
  'digitGroups',
  'returns',
];
/** New ones are spread more widely than the known ones are. */
const FAMILIES = 2;

const KNOWN = TEXT_CLASSES.map((name) => (name in GUESSED ? [] : KNOWN_VOCABULARIES[name]));

/** One for each class of TEXT_CLASSES, in its order. */
export const PRIOR_WEIGHTS: readonly number[] = TEXT_CLASSES.map(
  (name, at) => GUESSED[name]?.weight ?? mean(KNOWN[at] ?? []),
);

export const PRIOR_COVARIANCE: readonly (readonly number[])[] = TEXT_CLASSES.map((name, row) =>
  TEXT_CLASSES.map((_, column) => FAMILIES * shared(row, column) + (row === column ? own(name, row) : 0)),
);

function shared(row: number, column: number): number {
  const others = KNOWN[column] ?? [];
  if (others.length === 0) return 0;
  return mean(
    (KNOWN[row] ?? []).map(
      (weight, at) =>
        (weight - (PRIOR_WEIGHTS[row] ?? 0)) * ((others[at] ?? 0) - (PRIOR_WEIGHTS[column] ?? 0)),
    ),
  );
}

function own(name: TextClass, at: number): number {
  const spread = OWN + OWN_SHARE * Math.abs(PRIOR_WEIGHTS[at] ?? 0) + (FREER.includes(name) ? FREE : 0);
  return (GUESSED[name]?.spread ?? spread) ** 2;
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
