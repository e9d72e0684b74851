// `stats` for a spreadsheet and for a document.

import { blankRow, type StatsReport } from '../store/report.ts';
import { penOf, type Screen } from './screen.ts';
import { statsColumns } from './stats-columns.ts';
import { statsNotes } from './stats-screen.ts';

type Cell = string | number | null | undefined;

/** A line a row under a heading. The columns are the paths of the rows in `--json`; what is unknown is empty. */
export function statsCsv({ by, rows }: StatsReport): string {
  const flat = rows.map((row) => new Map(flattened(row)));
  const titles = flattened(blankRow(by)).map(([title]) => title);
  const lines = flat.map((row) => titles.map((title) => csvCell(row.get(title))));
  return [titles.map(csvCell), ...lines].map((cells) => `${cells.join(',')}\r\n`).join('');
}

/** The table of the screen with all its columns, and what its marks mean. */
export function statsMarkdown(report: StatsReport, screen: Screen): string {
  const pen = penOf({ ...screen, colour: false });
  const columns = statsColumns(report);
  const line = (cells: readonly string[]) => `| ${cells.map(escaped).join(' | ')} |\n`;
  const rows = report.rows.map((row) => line(columns.map(({ cell }) => cell(row, pen))));
  const rule = `|${columns.map(({ side }) => (side === 'left' ? ' --- |' : ' ---: |')).join('')}\n`;
  const notes = statsNotes(report, pen).map((note) => `- ${escaped(note)}\n`);
  const after = notes.length === 0 ? '' : `\n${notes.join('')}`;
  return line(columns.map(({ title }) => title)) + rule + rows.join('') + after;
}

function flattened(value: object, path = ''): readonly (readonly [string, Cell])[] {
  return Object.entries(value).flatMap(([name, each]: [string, Cell | object]) =>
    Array.isArray(each)
      ? // A list has no columns of its own.
        [[`${path}${name}`, JSON.stringify(each)] as const]
      : typeof each === 'object' && each !== null
        ? flattened(each, `${path}${name}.`)
        : [[`${path}${name}`, each] as const],
  );
}

/** As RFC 4180 has it. */
export function csvCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text =
    typeof value === 'number' && !Number.isInteger(value) ? String(Number(value.toFixed(3))) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function escaped(cell: string): string {
  return cell.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll('*', '\\*');
}
