// Names made of a text's own words: a session title and a plan's file name. No model is asked.

const TITLE_WORDS = 7;
const NAME_WORDS = 5;
const MAX_CHARS = 60;
const READ_CHARS = 4000;

/** A sentence-case title of at most seven words from the text's beginning; "New session" where there are none. */
export function toTitle(text: string): string {
  const words = meaningfulWords(text).slice(0, TITLE_WORDS);
  while (words.length > 3 && LOOSE_ENDS.has((words.at(-1) ?? '').toLowerCase())) words.pop();
  const title = cutAtWord(words.join(' '), ' ').replace(/[\s,;:.!?-]+$/, '');
  return title === '' ? 'New session' : title.charAt(0).toUpperCase() + title.slice(1);
}

/** Lower-case ASCII words joined by hyphens, at most five; "new-plan" where the text has none. */
export function toKebabName(text: string): string {
  const ascii = meaningfulWords(text).join(' ').normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  const words = ascii.match(/[a-z0-9]+/g)?.filter((word) => !FILLERS.has(word)) ?? [];
  const name = cutAtWord(words.slice(0, NAME_WORDS).join('-'), '-');
  return name === '' ? 'new-plan' : name;
}

/** The whole words that fit; a single word that does not is cut. */
function cutAtWord(text: string, between: ' ' | '-'): string {
  if (text.length <= MAX_CHARS) return text;
  const end = text.lastIndexOf(between, MAX_CHARS);
  return text.slice(0, end > 0 ? end : MAX_CHARS);
}

// The first sentence that says something, without markup and without the politeness in front of it.
function meaningfulWords(text: string): string[] {
  const plain = text
    .slice(0, READ_CHARS)
    .replace(/<[^<>]{1,100}>|\bhttps?:\/\/\S+/g, ' ')
    .replace(/^implement the following plan:/i, '')
    .replace(/[`*_#>"“”[\]{}()]+/g, ' ');
  const sentences = plain.split(/[\n!?。！？]+|[.;:]\s/).map((sentence) => wordsOf(sentence));
  return sentences.find((words) => words.length > 1) ?? sentences.find((words) => words.length > 0) ?? [];
}

function wordsOf(sentence: string): string[] {
  const words = sentence.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const start = words.findIndex((word) => !OPENERS.has(word.toLowerCase().replace(/[^\p{L}']/gu, '')));
  return start < 0 ? [] : words.slice(start);
}

const OPENERS: ReadonlySet<string> = new Set(
  "please hi hello hey can could would will you we i let lets let's me us ok okay so now help want need to like the a an plan".split(
    ' ',
  ),
);
const LOOSE_ENDS: ReadonlySet<string> = new Set(
  'a an and are as at but by for from in into is it its of on or so that the this to was were when where which while with'.split(
    ' ',
  ),
);
const FILLERS: ReadonlySet<string> = new Set('a an and for in of on the to with'.split(' '));
