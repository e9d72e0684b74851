// What a tokenizer's work on a text depends on, counted in one pass. Byte-pair tokenizers first split a text at
// words, numbers, punctuation and line breaks and only then merge, so that these counts nearly tell the tokens.

export const TEXT_CLASSES = [
  'segments', // 1 for each: what the chat template writes around a message
  'words', // runs of Latin letters
  'letters',
  'longLetters', // from the eighth of a word on: longer words are rarer, and cut into more tokens
  'rareLetters', // j k q v w x z: words with them are cut more often
  'humps', // camelCase
  'capitals', // those after another capital
  'accented',
  'digits',
  'numbers', // runs of digits
  'mixed', // borders between letters and digits, as in hashes
  'marks', // ASCII punctuation
  'markRuns',
  'breaks', // runs of line breaks
  'blanks', // white space beyond the first: indentation
  'blankRuns',
  'han',
  'kana',
  'hangul',
  'otherLetters', // of every other script
  'signs', // arrows, boxes, emoji, typographic marks
] as const;
export type TextClass = (typeof TEXT_CLASSES)[number];

export type ClassCounts = Readonly<Record<TextClass, number>>;

const LONG_WORD = 7;
const RARE = new Set(Array.from('jkqvwxzJKQVWXZ', (letter) => letter.charCodeAt(0)));

type Counting = Record<TextClass, number>;
type Kind =
  | 'letter'
  | 'digit'
  | 'mark'
  | 'break'
  | 'blank'
  | 'han'
  | 'kana'
  | 'hangul'
  | 'otherLetters'
  | 'signs';

/** Counts one segment. About 1 ms for 100 kB. */
export function countClasses(text: string): ClassCounts {
  const counts = Object.fromEntries(TEXT_CLASSES.map((name) => [name, 0])) as Counting;
  counts.segments = 1;
  let before: Kind | undefined;
  let codeBefore = 0;
  let run = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const kind = kindOf(code);
    run = kind === before ? run + 1 : 1;
    if (kind === 'letter') countLetter(counts, { code, codeBefore, run });
    else countOther(counts, kind, run);
    if ((kind === 'letter' && before === 'digit') || (kind === 'digit' && before === 'letter'))
      counts.mixed += 1;
    before = kind;
    codeBefore = code;
  }
  return counts;
}

type Letter = { readonly code: number; readonly codeBefore: number; readonly run: number };

function countLetter(counts: Counting, { code, codeBefore, run }: Letter): void {
  counts.letters += 1;
  if (run === 1) counts.words += 1;
  if (run > LONG_WORD) counts.longLetters += 1;
  if (code >= 0x80) counts.accented += 1;
  if (RARE.has(code)) counts.rareLetters += 1;
  if (!isCapital(code) || run === 1) return;
  if (isCapital(codeBefore)) counts.capitals += 1;
  else counts.humps += 1;
}

function countOther(counts: Counting, kind: Exclude<Kind, 'letter'>, run: number): void {
  switch (kind) {
    case 'digit':
      counts.digits += 1;
      if (run === 1) counts.numbers += 1;
      break;
    case 'mark':
      counts.marks += 1;
      if (run === 1) counts.markRuns += 1;
      break;
    case 'break':
      if (run === 1) counts.breaks += 1;
      break;
    case 'blank':
      // The first one belongs to the word that follows.
      if (run === 2) counts.blankRuns += 1;
      if (run > 1) counts.blanks += 1;
      break;
    default:
      counts[kind] += 1;
  }
}

function isCapital(code: number): boolean {
  return code >= 0x41 && code <= 0x5a;
}

function kindOf(code: number): Kind {
  if (code >= 0x80) return kindBeyondAscii(code);
  if ((code >= 0x61 && code <= 0x7a) || isCapital(code)) return 'letter';
  if (code === 0x20 || code === 0x09) return 'blank';
  if (code === 0x0a || code === 0x0d) return 'break';
  return code >= 0x30 && code <= 0x39 ? 'digit' : 'mark';
}

/** By blocks of the basic plane; the halves of what lies beyond it are signs, two to an emoji. */
function kindBeyondAscii(code: number): Kind {
  if (code >= 0xc0 && code < 0x250) return 'letter';
  if (code >= 0x370 && code < 0x2000) return 'otherLetters';
  if (code >= 0x3040 && code < 0x3100) return 'kana';
  if ((code >= 0x3100 && code < 0xa4d0) || (code >= 0xf900 && code < 0xfb00)) return 'han';
  if (code >= 0xac00 && code < 0xd7b0) return 'hangul';
  return 'signs';
}
