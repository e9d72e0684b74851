// What kind of character stands where in a text: as a tokenizer would tell words, numbers and marks apart.

/** Kinds of characters, as numbers, because every character of a prompt is looked at. */
export const LETTER = 0;
export const DIGIT = 1;
export const MARK = 2;
export const BREAK = 3;
export const BLANK = 4;
export const TAB = 5;
export const HAN = 6;
export const KANA = 7;
export const HANGUL = 8;
export const OTHER_LETTER = 9;
export const SIGN = 10;
export type Kind =
  | typeof LETTER
  | typeof DIGIT
  | typeof MARK
  | typeof BREAK
  | typeof BLANK
  | typeof TAB
  | typeof HAN
  | typeof KANA
  | typeof HANGUL
  | typeof OTHER_LETTER
  | typeof SIGN;

const ASCII: readonly Kind[] = Array.from({ length: 0x80 }, (_, code) => kindInAscii(code));

/** What lies beyond the end counts as a line break. */
export function kindAt(text: string, at: number): Kind {
  const code = at < text.length ? text.charCodeAt(at) : 0x0a;
  return ASCII[code] ?? kindBeyondAscii(code);
}

function kindInAscii(code: number): Kind {
  if ((code >= 0x61 && code <= 0x7a) || isCapital(code)) return LETTER;
  if (code === 0x20) return BLANK;
  if (code === 0x09) return TAB;
  if (code === 0x0a || code === 0x0d) return BREAK;
  return code >= 0x30 && code <= 0x39 ? DIGIT : MARK;
}

/** By blocks of the basic plane; the halves of what lies beyond it are signs, two to an emoji. */
function kindBeyondAscii(code: number): Kind {
  if (code >= 0xc0 && code < 0x250) return LETTER;
  if (code >= 0x370 && code < 0x2000) return OTHER_LETTER;
  if (code >= 0x3040 && code < 0x3100) return KANA;
  if ((code >= 0x3100 && code < 0xa4d0) || (code >= 0xf900 && code < 0xfb00)) return HAN;
  if (code >= 0xac00 && code < 0xd7b0) return HANGUL;
  return SIGN;
}

export function isCapital(code: number): boolean {
  return code >= 0x41 && code <= 0x5a;
}
