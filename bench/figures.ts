// Medians, percentiles and one row of the table.

import { table } from '../cli/terminal.ts';

export type Figure = {
  readonly name: string;
  /** Absent where it could not be measured; then `note` says why. */
  readonly value?: number;
  readonly p99?: number;
  readonly unit: string;
  readonly goal?: string;
  readonly met?: boolean;
  readonly note?: string;
};

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1);
  const found = sorted[Math.max(0, at)];
  if (found === undefined) throw new Error('There is no percentile of nothing');
  return found;
}

export function median(values: readonly number[]): number {
  return (percentile(values, 0.5) + percentile(values, 0.5 + 1e-9)) / 2;
}

/** Lower is better. */
export function atMost(goal: number, figure: Figure & { readonly value: number }): Figure {
  return { ...figure, goal: `≤ ${goal}`, met: figure.value <= goal };
}

export function atLeast(goal: number, figure: Figure & { readonly value: number }): Figure {
  return { ...figure, goal: `≥ ${goal}`, met: figure.value >= goal };
}

export function renderTable(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, value, p99, unit, goal, met, note }) => [
    name,
    shown(value),
    shown(p99),
    unit,
    goal ?? '',
    met === undefined ? '' : met ? 'yes' : 'NO',
    note ?? '',
  ]);
  const heading = ['figure', 'p50', 'p99', 'unit', 'goal', 'met', 'note'];
  return table([heading, ...rows], (column) => column === 1 || column === 2);
}

function shown(value: number | undefined): string {
  if (value === undefined) return '–';
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}
