// A table that fits: columns that do not are left out, the least needed first, and no line outgrows the screen.

import { cutTo, type Paint, type Pen, type Screen, widthOf } from './screen.ts';

export type Column<Row> = {
  readonly title: string;
  readonly side: 'left' | 'right';
  /** The highest goes first; 0 stays whatever the width. */
  readonly dropOrder: number;
  /** The same for every table, whatever its rows hold; without it, as wide as the widest cell. */
  readonly width?: number;
  /** Without colour. */
  cell(row: Row, pen: Pen): string;
  paint?(row: Row, pen: Pen): Paint | undefined;
};

export type Laid = { readonly titles: string; readonly lines: readonly string[] };

const GAP = '  ';
/** A text that was cut further would tell nothing. */
const NARROWEST = 6;

/** One line a row, in their order. */
export function layOut<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  { columns: width }: Screen,
  pen: Pen,
): Laid {
  const { kept, widths } = fitted(columns, rows, width, pen);
  const titles = kept.map(({ title, side }, at) => padded(title, widths[at] ?? 0, { side, pen }));
  const lines = rows.map((row) => {
    const cells = kept.map(({ cell, side, paint }, at) => {
      const text = padded(cell(row, pen), widths[at] ?? 0, { side, pen });
      return paint?.(row, pen)?.(text) ?? text;
    });
    return cells.join(GAP).trimEnd();
  });
  return { titles: pen.bold(titles.join(GAP).trimEnd()), lines };
}

/** Whether they can all be shown in full. */
export function fitsScreen<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  { columns: width }: Screen,
  pen: Pen,
): boolean {
  return total(widthsOf(columns, rows, pen)) <= width;
}

type Fitted<Row> = { readonly kept: readonly Column<Row>[]; readonly widths: readonly number[] };

function fitted<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  limit: number,
  pen: Pen,
): Fitted<Row> {
  const widths = narrowed(columns, widthsOf(columns, rows, pen), limit);
  if (total(widths) <= limit || columns.length <= 1) return { kept: columns, widths };
  const first = Math.max(...columns.map(({ dropOrder }) => dropOrder));
  const kept = first > 0 ? columns.filter(({ dropOrder }) => dropOrder !== first) : columns.slice(0, -1);
  return fitted(kept, rows, limit, pen);
}

function widthsOf<Row>(columns: readonly Column<Row>[], rows: readonly Row[], pen: Pen): readonly number[] {
  return columns.map(
    ({ title, cell, width }) =>
      width ?? rows.reduce((most, row) => Math.max(most, widthOf(cell(row, pen))), title.length),
  );
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0) + GAP.length * Math.max(0, widths.length - 1);
}

/** Where nothing is left that could be dropped, text gives way to figures, the widest first. */
function narrowed<Row>(
  columns: readonly Column<Row>[],
  widths: readonly number[],
  limit: number,
): readonly number[] {
  const narrow = [...widths];
  if (columns.some(({ dropOrder }) => dropOrder > 0)) return narrow;
  while (total(narrow) > limit) {
    const texts = columns.map(({ side }, at) => (side === 'left' ? (narrow[at] ?? 0) : 0));
    const most = Math.max(...texts);
    if (most <= NARROWEST) break;
    narrow[texts.indexOf(most)] = most - 1;
  }
  return narrow;
}

function padded(text: string, width: number, { side, pen }: { side: 'left' | 'right'; pen: Pen }): string {
  const fit = cutTo(text, width, pen);
  const blanks = ' '.repeat(Math.max(0, width - widthOf(fit)));
  return side === 'left' ? fit + blanks : blanks + fit;
}
