// Into how many pieces a large vocabulary cuts a word or a run of marks: by the longest piece that fits, again and
// again, from a list of what several public vocabularies agree on. Not one model's tokens, but nearly in proportion
// to every model's.

import { JOINED, MARKS, MARKS_AFTER_BLANK, WORDS, WORDS_AFTER_BLANK } from './piece-list.ts';

export type Place = 'after blank' | 'else';

/**
 * Pieces beyond the first of the characters `start` to `end`, which are Latin letters or all ASCII marks. Case is
 * overlooked; what is not ASCII is a piece of its own.
 */
export function extraPieces(text: string, start: number, end: number, place: Place): number {
  const symbols = symbolOf(text.charCodeAt(start)) & MARK ? trie.marks : trie.letters;
  let root = place === 'after blank' ? symbols.afterBlank : symbols.else;
  let pieces = 0;
  for (let at = start; at < end; pieces += 1) {
    at = pieceEnd(text, at, end, root);
    root = symbols.else;
  }
  return pieces - 1;
}

/** Whether the mark before `start` and the beginning of the word at `start` are one piece. */
export function isJoined(text: string, start: number, end: number): boolean {
  const first = symbolOf(text.charCodeAt(start - 1)) & (WIDTH - 1);
  const root = trie.next[trie.joined * WIDTH + first] ?? 0;
  return root !== 0 && pieceEnd(text, start, end, root) > start + 1;
}

/** Where the longest piece ends that begins at `start`: one character further at least. */
function pieceEnd(text: string, start: number, end: number, root: number): number {
  let longest = start + 1;
  let node = root;
  for (let at = start; at < end; at += 1) {
    node = trie.next[node * WIDTH + (symbolOf(text.charCodeAt(at)) & (WIDTH - 1))] ?? 0;
    if (node === 0) break;
    if (trie.isPiece[node] === 1) longest = at + 1;
  }
  return longest;
}

// ---- The list as a trie ----------------------------------------------------------------------------------

/** Children of a node: 26 letters or 32 marks. */
const WIDTH = 32;
const MARK = WIDTH;
const SYMBOLS = Uint8Array.from({ length: 0x80 }, (_, code) => symbolInAscii(code));

/** What is no letter and no mark shares a symbol that no piece has. */
function symbolOf(code: number): number {
  return SYMBOLS[code] ?? WIDTH - 1;
}

function symbolInAscii(code: number): number {
  const letter = (code | 0x20) - 0x61;
  if (letter >= 0 && letter < 26 && code >= 0x41) return letter;
  const marks = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~';
  const mark = marks.indexOf(String.fromCharCode(code));
  return mark < 0 ? WIDTH - 1 : MARK | mark;
}

type Roots = { readonly afterBlank: number; readonly else: number };
type Trie = {
  readonly next: Uint16Array;
  readonly isPiece: Uint8Array;
  readonly letters: Roots;
  readonly marks: Roots;
  readonly joined: number;
};

const LISTS = [WORDS_AFTER_BLANK, WORDS, MARKS_AFTER_BLANK, MARKS, JOINED];
const trie = grow();

/** Node 0 stands for "no such piece"; the lists' roots follow. */
function grow(): Trie {
  const size = LISTS.reduce((sum, list) => sum + list.length, LISTS.length + 1);
  const grown: Growing = { next: new Uint16Array(size * WIDTH), isPiece: new Uint8Array(size), nodes: 1 };
  const path = LISTS.map(() => grown.nodes++);
  for (const [at, list] of LISTS.entries()) addList(grown, list, path[at] ?? 0);
  const { nodes } = grown;
  if (nodes > 0xffff) throw new Error(`piece-list.ts needs ${nodes} nodes: more than 16 bits can tell apart`);
  return {
    next: grown.next.slice(0, nodes * WIDTH),
    isPiece: grown.isPiece.slice(0, nodes),
    letters: { afterBlank: 1, else: 2 },
    marks: { afterBlank: 3, else: 4 },
    joined: 5,
  };
}

type Growing = { readonly next: Uint16Array; readonly isPiece: Uint8Array; nodes: number };

/** A capital ends a piece and says how many characters of it the next one begins with: A none, B one, … */
function addList(grown: Growing, list: string, root: number): void {
  const path = [root];
  let depth = 0;
  for (let at = 0; at < list.length; at += 1) {
    const code = list.charCodeAt(at);
    if (code >= 0x41 && code <= 0x5a) {
      if (depth > 0) grown.isPiece[path[depth] ?? 0] = 1;
      depth = code - 0x41;
      continue;
    }
    // Sorted lists bring every beginning once, so that each character is a new node.
    grown.next[(path[depth] ?? 0) * WIDTH + (symbolOf(code) & (WIDTH - 1))] = grown.nodes;
    depth += 1;
    path[depth] = grown.nodes++;
  }
  grown.isPiece[path[depth] ?? 0] = 1;
}
