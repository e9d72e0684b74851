// The columns of `stats`: what names a row, and what is told of it.

import type { StatsReport, StatsRow } from '../store/report.ts';
import type { Column } from './columns.ts';
import { type Pen, safe } from './screen.ts';
import {
  orInferred,
  shownClock,
  shownDay,
  shownSeconds,
  shownShare,
  shownSpan,
  shownTokens,
} from './shown.ts';

/** Percentiles of fewer values are marked: with 19 values a p95 is the largest of them. */
export const FEWEST_FOR_PERCENTILE = 20;

export const SAVED = 'SAVED';

type Percentiles = StatsReport['percentiles'];
type StatsColumn = Column<StatsRow> & { readonly isCompact?: true };

/** By these a cache is somebody's, and the question is what it gave them. */
export const SAVED_BY: readonly StatsReport['by'][] = ['session', 'project', 'backend'];

export function statsColumns({ by, percentiles }: StatsReport): readonly StatsColumn[] {
  const columns = [...keyColumns(by), ...figureColumns(percentiles)];
  return SAVED_BY.includes(by) ? columns : columns.filter(({ title }) => title !== SAVED);
}

/** How a percentile that was estimated is marked. */
export function estimateMark(percentiles: Percentiles, pen: Pen): string {
  if (percentiles === 'exact') return '';
  return pen.unicode ? '≈' : '^';
}

function keyColumns(by: StatsReport['by']): readonly StatsColumn[] {
  switch (by) {
    case 'route':
      return [named('TASK', (row) => row.task), named('BACKEND', (row) => row.backend)];
    case 'session':
      return [named('SESSION', (row) => row.session), named('PROJECT', (row) => row.project)];
    case 'hour':
      return [named('HOUR', ({ hour }) => (hour ? localHour(Date.parse(hour)) : hour))];
    default:
      return [named(by.toUpperCase(), (row) => row[by])];
  }
}

/** Names come from servers and settings: none of them may move the cursor. */
function named(title: string, value: (row: StatsRow) => string | null | undefined): StatsColumn {
  return {
    ...{ title, side: 'left', dropOrder: 0, isCompact: true },
    cell: (row, pen) => safe(value(row) ?? pen.unknown, pen).slice(0, 40),
  };
}

function localHour(ms: number): string {
  return `${shownDay(ms)} ${shownClock(ms).slice(0, 5)}`;
}

function figureColumns(percentiles: Percentiles): readonly StatsColumn[] {
  const right = (title: string, dropOrder: number) => ({ title, side: 'right', dropOrder }) as const;
  const ttft =
    (name: keyof StatsRow['ttftMs']) =>
    ({ ttftMs }: StatsRow, pen: Pen) =>
      spread(ttftMs[name], estimateMark(percentiles, pen), pen);
  const ofCache = (cell: (row: StatsRow, pen: Pen) => string) => (row: StatsRow, pen: Pen) =>
    orInferred(cell(row, pen), { inferred: row.cacheInferredRequests > 0 });
  return [
    { ...right('REQS', 0), isCompact: true, cell: ({ requests }) => String(requests) },
    { ...right('OK%', 1), isCompact: true, cell: ({ okPercent }, pen) => shownShare(okPercent, 100, pen) },
    {
      ...right('HIT%', 2),
      isCompact: true,
      cell: ofCache(({ hitPercent }, pen) => shownShare(hitPercent, 100, pen)),
    },
    {
      ...right('CACHED%', 8),
      cell: ofCache(({ cachedPercent }, pen) => shownShare(cachedPercent, 100, pen)),
    },
    { ...right(SAVED, 3), isCompact: true, cell: ({ kvCache: { saved } }, pen) => savedCell(saved, pen) },
    { ...right('TTFT s', 6), cell: ttft('all') },
    { ...right('WARM s', 4), isCompact: true, cell: ofCache(ttft('warm')) },
    { ...right('COLD s', 5), isCompact: true, cell: ofCache(ttft('cold')) },
    {
      ...right('TOK/S', 7),
      isCompact: true,
      cell: ({ outputTokensPerS }, pen) => rate(outputTokensPerS, pen),
    },
    { ...right('OUT', 9), cell: ({ outputTokens }, pen) => shownTokens(outputTokens, pen) },
  ];
}

function spread({ n, p50, p95 }: StatsRow['ttftMs']['all'], mark: string, pen: Pen): string {
  if (p50 === null || p95 === null) return pen.unknown;
  const few = n < FEWEST_FOR_PERCENTILE ? '*' : '';
  return `${mark}${shownSeconds(p50, pen)}/${shownSeconds(p95, pen)}${few}`;
}

/** An estimate with the wider of its two sides; that nothing was saved is no estimate. */
function savedCell(saved: StatsRow['kvCache']['saved'], pen: Pen): string {
  if (saved === null) return pen.unknown;
  if (saved.seconds <= 0) return '0 s';
  const { seconds, lowSeconds, highSeconds } = saved;
  const error = Math.max(seconds - lowSeconds, highSeconds - seconds);
  return `${shownSpan(1000 * seconds, pen)} ${pen.plusMinus}${shownSpan(1000 * error, pen)}`;
}

function rate(value: number | null, pen: Pen): string {
  return value === null ? pen.unknown : value.toFixed(value < 100 ? 1 : 0);
}
