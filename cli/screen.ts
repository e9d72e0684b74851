// What this terminal can show, and how it spells things: width, colour, and signs beyond ASCII.

export type Screen = {
  /** Width in character cells. */
  readonly columns: number;
  readonly colour: boolean;
  readonly unicode: boolean;
};

type Terminal = { readonly isTTY?: boolean | undefined; readonly columns?: number | undefined };

const WIDTH_WITHOUT_TERMINAL = 120;

/** COLUMNS wins over the terminal's own width, NO_COLOR over FORCE_COLOR, and that over "not a terminal". */
export function screenOf(out: Terminal, env: Readonly<Record<string, string | undefined>>): Screen {
  const wanted = Number(env['COLUMNS']);
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  return {
    columns: Number.isInteger(wanted) && wanted > 0 ? wanted : (out.columns ?? WIDTH_WITHOUT_TERMINAL),
    colour: !env['NO_COLOR'] && (Boolean(env['FORCE_COLOR']) || out.isTTY === true),
    unicode: env['TERM'] !== 'dumb' && /utf-?8/i.test(locale),
  };
}

export type Paint = (text: string) => string;

export type Pen = {
  readonly unknown: string;
  readonly dot: string;
  readonly times: string;
  readonly minus: string;
  readonly plusMinus: string;
  readonly arrow: string;
  readonly branch: string;
  readonly cut: string;
  /** Parts of a bar. */
  readonly full: string;
  readonly empty: string;
  readonly unicode: boolean;
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
};

const SIGNS = {
  unknown: '–',
  dot: '·',
  times: '×',
  minus: '−',
  plusMinus: '±',
  arrow: '→',
  branch: '└',
  cut: '…',
  full: '█',
  empty: '░',
} as const;
const ASCII_SIGNS = {
  unknown: '-',
  dot: '|',
  times: 'x',
  minus: '-',
  plusMinus: '+-',
  arrow: '->',
  branch: '`',
  cut: '>',
  full: '#',
  empty: '.',
} as const;

export function penOf({ colour, unicode }: Screen): Pen {
  const paint = (code: number) => (text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  return {
    ...(unicode ? SIGNS : ASCII_SIGNS),
    unicode,
    ...{ bold: paint(1), dim: paint(2), red: paint(31), green: paint(32), yellow: paint(33) },
  };
}

/** Names and messages come from clients and servers: none of them may move the cursor or outgrow ASCII. */
export function safe(text: string, pen: Pen): string {
  const still = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
  return pen.unicode ? still : still.replace(/[^\x20-\x7e]/gu, '?');
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const NO_WIDTH = /[\p{Mn}\p{Me}]/u;

/** Character cells that a text without colour takes. */
export function widthOf(text: string): number {
  let cells = 0;
  for (const sign of text) cells += WIDE.test(sign) ? 2 : NO_WIDTH.test(sign) ? 0 : 1;
  return cells;
}

/** A text without colour, cut to so many cells, with a sign where something is missing. */
export function cutTo(text: string, columns: number, pen: Pen): string {
  if (widthOf(text) <= columns) return text;
  let kept = '';
  let cells = 0;
  for (const sign of text) {
    cells += widthOf(sign);
    if (cells > columns - 1) break;
    kept += sign;
  }
  return columns > 0 ? kept + pen.cut : '';
}

/** A figure stays with its unit: 3 min 10 s is one word. */
const BETWEEN_WORDS = /(?<!\d (?:d|h|min)) (?!(?:d|h|min|s)\b)/;

/** A text without colour as lines that fit, broken at blanks. */
export function wrapped(text: string, columns: number, pen: Pen): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(BETWEEN_WORDS)) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (widthOf(longer) <= columns || line === '') line = longer;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line].map((each) => cutTo(each, columns, pen));
}
