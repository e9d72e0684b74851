// What a tokenizer's work on a text depends on, counted in one pass. Byte-pair tokenizers first split a text at
// words, numbers, punctuation and line breaks and only then merge. How a vocabulary splits shows in what stands
// beside what; how far it merges, in the pieces that a word or a run of marks is cut into (pieces.ts).

import {
  BLANK,
  BREAK,
  DIGIT,
  HAN,
  HANGUL,
  isCapital,
  KANA,
  type Kind,
  kindAt,
  LETTER,
  MARK,
  OTHER_LETTER,
  SIGN,
  TAB,
} from './character-kinds.ts';
import { extraPieces, isJoined, type Place } from './pieces.ts';

export const TEXT_CLASSES = [
  'segments', // 1 for each: what the chat template writes around a message
  'wordsAfterBlank', // runs of Latin letters; the blank is part of the token
  'wordsAfterMark', // some vocabularies take one mark into the word
  'wordsAfterTab',
  'otherWords',
  'joinedWords', // of those after a mark: the two are often one token
  'humps', // camelCase: a word after another
  'acronymEnds', // the R in HTTPRequest
  'wordPieces', // beyond the first of a word
  'capitalPieces', // of words in capitals, which vocabularies have fewer of
  'letters', // vocabularies that are small cut by length
  'capitals', // others inside a word
  'accented',
  'marksAfterBlank', // runs of ASCII punctuation
  'marksElsewhere',
  'markPieces', // beyond the first of a run
  'marks', // beyond the first of a run
  'repeats', // marks that are like the one before: rulers
  'marksBeforeBreak', // some vocabularies take the line break along
  'digits',
  'numbers', // runs of digits
  'digitGroups', // of three, begun ones too: most large vocabularies cut so
  'numbersAfterBlank',
  'breaks', // runs of line breaks
  'returns', // as some systems write before a line break
  'emptyLines', // such runs of more than one
  'smallIndents', // a single blank at the beginning of a line
  'indents', // more of them there
  'blanks', // white space beyond the first
  'blankRuns', // of more than one, elsewhere
  'tabRuns', // of more than one
  'singleTabs',
  'tabs', // beyond the first of a run
  'han',
  'kana',
  'hangul',
  'scriptRuns', // of the three
  'otherLetters', // of every other script
  'signs', // arrows, boxes, emoji, typographic marks
  'signRepeats', // beyond the first of like ones
] as const;
export type TextClass = (typeof TEXT_CLASSES)[number];

type ClassCounts = Readonly<Record<TextClass, number>>;

type Counting = Record<TextClass, number>;

/** Characters `start` to `end` are of one kind, the neighbours of others. */
type Run = { start: number; end: number; kind: Kind; before: Kind; after: Kind; afterLoneMark: boolean };

/** Counts one segment. 1 to 2 ms for 100 kB. */
export function countClasses(text: string): ClassCounts {
  const counts = Object.fromEntries(TEXT_CLASSES.map((name) => [name, 0])) as Counting;
  // What is empty, like the system prompt of a text that is counted alone, is not written at all.
  counts.segments = Number(text !== '');
  const kind = kindAt(text, 0);
  const run: Run = { start: 0, end: 0, kind, before: BREAK, after: BREAK, afterLoneMark: false };
  while (run.start < text.length) {
    run.end = run.start + 1;
    run.after = kindAt(text, run.end);
    while (run.end < text.length && run.after === run.kind) run.after = kindAt(text, ++run.end);
    countRun(counts, text, run);
    run.afterLoneMark = run.kind === MARK && run.end === run.start + 1 && run.before !== BLANK;
    run.before = run.kind;
    run.kind = run.after;
    run.start = run.end;
  }
  return counts;
}

function countRun(counts: Counting, text: string, run: Run): void {
  const length = run.end - run.start;
  switch (run.kind) {
    case LETTER:
      countWord(counts, text, run);
      return;
    case MARK:
      countMarks(counts, text, run);
      return;
    case DIGIT:
      counts.digits += length;
      counts.numbers += 1;
      counts.digitGroups += Math.ceil(length / 3);
      if (run.before === BLANK) counts.numbersAfterBlank += 1;
      return;
    case BREAK: {
      const returns = returnsIn(text, run.start, run.end);
      counts.breaks += 1;
      counts.returns += returns;
      if (length - returns > 1) counts.emptyLines += 1;
      return;
    }
    case TAB:
      if (length > 1) counts.tabRuns += 1;
      else counts.singleTabs += 1;
      counts.tabs += length - 1;
      return;
    case BLANK:
      // The last one belongs to the word that follows.
      counts.blanks += length - 1;
      if (run.before !== BREAK) counts.blankRuns += Number(length > 1);
      else if (length > 1) counts.indents += 1;
      else counts.smallIndents += 1;
      return;
    case HAN:
      counts.scriptRuns += 1;
      counts.han += length;
      return;
    case KANA:
      counts.scriptRuns += 1;
      counts.kana += length;
      return;
    case HANGUL:
      counts.scriptRuns += 1;
      counts.hangul += length;
      return;
    case OTHER_LETTER:
      counts.otherLetters += length;
      return;
    case SIGN: {
      const repeats = repeatsIn(text, run.start, run.end);
      counts.signRepeats += repeats;
      counts.signs += length - repeats;
      return;
    }
    default:
      run.kind satisfies never;
  }
}

function countWord(counts: Counting, text: string, { start, end, before, afterLoneMark }: Run): void {
  const place = before === BLANK ? 'after blank' : 'else';
  if (place === 'after blank') counts.wordsAfterBlank += 1;
  else if (before === TAB) counts.wordsAfterTab += 1;
  else if (before !== MARK) counts.otherWords += 1;
  else {
    counts.wordsAfterMark += 1;
    if (afterLoneMark && isJoined(text, start, end)) counts.joinedWords += 1;
  }
  counts.letters += end - start;
  let from = start;
  for (let at = start; at < end; at += 1) {
    const code = text.charCodeAt(at);
    if (code >= 0x80) counts.accented += 1;
    if (at === start || !isCapital(code)) continue;
    if (!isCapital(text.charCodeAt(at - 1))) counts.humps += 1;
    else if (at + 1 < end && !isCapital(text.charCodeAt(at + 1))) counts.acronymEnds += 1;
    else {
      counts.capitals += 1;
      continue;
    }
    countPieces(counts, text, { from, to: at, place: from === start ? place : 'else' });
    from = at;
  }
  countPieces(counts, text, { from, to: end, place: from === start ? place : 'else' });
}

type Part = { readonly from: number; readonly to: number; readonly place: Place };

function countPieces(counts: Counting, text: string, { from, to, place }: Part): void {
  const pieces = extraPieces(text, from, to, place);
  if (to > from + 1 && isCapital(text.charCodeAt(from + 1))) counts.capitalPieces += pieces;
  else counts.wordPieces += pieces;
}

function countMarks(counts: Counting, text: string, { start, end, before, after }: Run): void {
  if (before === BLANK) counts.marksAfterBlank += 1;
  else counts.marksElsewhere += 1;
  if (after === BREAK) counts.marksBeforeBreak += 1;
  const repeats = repeatsIn(text, start, end);
  counts.repeats += repeats;
  counts.marks += end - start - 1 - repeats;
  counts.markPieces += extraPieces(text, start, end, before === BLANK ? 'after blank' : 'else');
}

function repeatsIn(text: string, start: number, end: number): number {
  let repeats = 0;
  for (let at = start + 1; at < end; at += 1) {
    if (text.charCodeAt(at) === text.charCodeAt(at - 1)) repeats += 1;
  }
  return repeats;
}

function returnsIn(text: string, start: number, end: number): number {
  let returns = 0;
  for (let at = start; at < end; at += 1) if (text.charCodeAt(at) === 0x0d) returns += 1;
  return returns;
}
