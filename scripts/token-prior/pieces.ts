// The pieces on which the vocabularies agree, the most common ones first.

import { pieceLists } from './vocabularies.ts';

const WORD = /^ ?[A-Za-z]{2,}$/;
const MARKS = /^ ?[!-/:-@[-`{-~]{2,}$/;
const JOINED = /^[!-/:-@[-`{-~][A-Za-z]+$/;
/** What a vocabulary without the piece ranks it. */
const ABSENT = 150_000;

/** Five lists as wire/pieces.ts reads them. */
export function packPieces(): Readonly<Record<string, string>> {
  const lists = pieceLists();
  const words = agreedOn(lists, WORD, 28_000);
  const marks = agreedOn(lists, MARKS, 1_200);
  // Only vocabularies of one family have these.
  const joined = agreedOn(lists.slice(0, 2), JOINED, 3_500);
  return {
    WORDS_AFTER_BLANK: pack(words.filter((piece) => piece.startsWith(' '))),
    WORDS: pack(words.filter((piece) => !piece.startsWith(' '))),
    MARKS_AFTER_BLANK: pack(marks.filter((piece) => piece.startsWith(' '))),
    MARKS: pack(marks.filter((piece) => !piece.startsWith(' '))),
    JOINED: pack(joined),
  };
}

function agreedOn(lists: readonly (readonly string[])[], wanted: RegExp, most: number): readonly string[] {
  const ranks = new Map<string, number[]>();
  for (const [list, pieces] of lists.entries()) {
    for (const [rank, piece] of pieces.entries()) {
      if (!wanted.test(piece)) continue;
      const folded = piece.toLowerCase();
      const ranked = ranks.get(folded) ?? lists.map(() => ABSENT);
      ranked[list] = Math.min(ranked[list] ?? ABSENT, rank);
      ranks.set(folded, ranked);
    }
  }
  const total = (ranked: readonly number[]) => ranked.reduce((sum, rank) => sum + rank, 0);
  return [...ranks]
    .sort(([a, x], [b, y]) => total(x) - total(y) || (a < b ? -1 : 1))
    .slice(0, most)
    .map(([piece]) => piece);
}

function pack(pieces: readonly string[]): string {
  let before = '';
  return pieces
    .map((piece) => piece.trim())
    .toSorted()
    .map((piece) => {
      let kept = 0;
      while (kept < 25 && kept < piece.length && piece[kept] === before[kept]) kept += 1;
      before = piece;
      return String.fromCharCode(0x41 + kept) + piece.slice(kept);
    })
    .join('');
}
