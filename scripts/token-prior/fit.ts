// What wire/ knows of vocabularies before a model has reported anything: the pieces that public vocabularies share
// (wire/piece-list.ts) and what each of them makes of every class of text (wire/known-vocabularies.ts). The vocabularies
// and the texts come from this folder's own packages, so that the same lockfile gives the same bytes:
//
//   npm ci --prefix scripts/token-prior && node scripts/token-prior/fit.ts

import { writeFileSync } from 'node:fs';
import { dot } from '../../wire/vector.ts';
import { packPieces } from './pieces.ts';
import { solve } from './solve.ts';
import { textsByKind } from './texts.ts';
import { VOCABULARIES } from './vocabularies.ts';

const WIRE = new URL('../../wire/', import.meta.url);
const HEAD = `// Written by scripts/token-prior/fit.ts, not for hands, out of the vocabularies in gpt-tokenizer (MIT) and
// @anthropic-ai/tokenizer (Apache-2.0).`;

writeFileSync(
  new URL('piece-list.ts', WIRE),
  `${HEAD}

// Lower case, sorted; a capital says how many characters are those of the piece before: A none, B one, …
${Object.entries(packPieces())
  .map(([name, packed]) => `export const ${name} =\n  ${quoted(packed)};\n`)
  .join('\n')}`,
);

// Only now, for it reads the list.
const { countClasses, TEXT_CLASSES } = await import('../../wire/text-classes.ts');

const texts = textsByKind();
const rows = Object.values(texts).flatMap((all) => all.map((text) => Object.values(countClasses(text))));
const all = Object.values(texts).flat();
console.log(
  Object.entries(texts)
    .map(([kind, some]) => `${some.length} texts of ${kind}`)
    .join(', '),
);

const weights = Object.entries(VOCABULARIES).map(([name, count]) => {
  const tokens = all.map(count);
  const found = solve(rows, tokens);
  const errors = rows
    .map((row, at) => Math.abs(dot(row, found) / (tokens[at] ?? 1) - 1))
    .sort((a, b) => a - b);
  const at = (share: number) => `${(100 * (errors[Math.floor(share * errors.length)] ?? 0)).toFixed(1)} %`;
  console.log(`${name}: off by ${at(0.5)} in the median, ${at(0.9)} at the 90th percentile`);
  return found;
});

const table = TEXT_CLASSES.map(
  (name, at) => `  ${name}: [${weights.map((each) => Number((each[at] ?? 0).toFixed(2))).join(', ')}],`,
);
writeFileSync(
  new URL('known-vocabularies.ts', WIRE),
  `${HEAD}

/** Tokens for each of a class, in: ${Object.keys(VOCABULARIES).join(', ')}. */
export const KNOWN_VOCABULARIES = {
${table.join('\n')}
} as const;
`,
);

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
