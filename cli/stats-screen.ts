// The one screen of `stats`. What nobody told is a dash; what rests on few values, on inference or on an estimate
// says so.

import type { StatsReport } from '../store/report.ts';
import type { ClaudeBill } from '../store/stats-document.ts';
import { layOut } from './columns.ts';
import { cutTo, type Pen, penOf, type Screen, wrapped } from './screen.ts';
import { plural, shownClock, shownDay } from './shown.ts';
import { sparkline } from './sparkline.ts';
import { estimateMark, FEWEST_FOR_PERCENTILE, SAVED, SAVED_BY, statsColumns } from './stats-columns.ts';
import { claudeLines, summary } from './stats-prose.ts';

export type StatsScreen = Screen & {
  readonly format: 'screen' | 'compact';
  /** Height in lines; absent where nothing limits it. */
  readonly rows?: number | undefined;
};

/** Nobody reads on: programs take `--json` or `--csv`, which have every row. */
const MOST_ROWS = 40;
const FEWEST_ROWS = 3;

/** Ends with a line break. Columns that do not fit are left out, the least needed first. */
export function renderStats(report: StatsReport, bill: ClaudeBill, screen: StatsScreen): string {
  return `${statsLines(report, bill, screen).join('\n').trimEnd()}\n`;
}

/** No more lines than the screen has, where it says so: rows of the table give way first. */
export function statsLines(report: StatsReport, bill: ClaudeBill, screen: StatsScreen): readonly string[] {
  const pen = penOf(screen);
  const rows = screen.rows ?? Number.POSITIVE_INFINITY;
  const above = screen.format === 'compact' ? [] : [...heading(report, screen, pen), ''];
  if (report.totals.requests === 0) return [...above, ...wrapped(nothing(report), screen.columns, pen)];
  const below = screen.format === 'compact' ? [] : belowTable(report, bill, screen);
  const room = rows - above.length - below.length;
  return [...above, ...table(report, screen, room), ...below].slice(0, rows);
}

function nothing({ isUnused }: StatsReport): string {
  return isUnused
    ? 'No requests yet. Start Claude Code with `anyclaude run`, then look here again.'
    : 'No request in this period.';
}

function belowTable(report: StatsReport, bill: ClaudeBill, screen: StatsScreen): readonly string[] {
  const pen = penOf(screen);
  const fitted = (texts: readonly string[]) => texts.flatMap((text) => wrapped(text, screen.columns, pen));
  return [
    '',
    ...timeline(report, screen, pen),
    ...fitted([...summary(report, pen), ...claudeLines(bill, pen)]),
    '',
    ...fitted(statsNotes(report, pen)).map(pen.dim),
  ];
}

/** What the marks and titles of the table mean. */
export function statsNotes({ by, rows, percentiles }: StatsReport, pen: Pen): readonly string[] {
  if (rows.length === 0) return [];
  const few = rows.some(({ ttftMs }) =>
    Object.values(ttftMs).some(({ n }) => n > 0 && n < FEWEST_FOR_PERCENTILE),
  );
  const inferred = rows.some((row) => row.cacheInferredRequests > 0);
  const mark = estimateMark(percentiles, pen);
  return [
    'TTFT, WARM, COLD: p50/p95 seconds to the first token; warm: at least half of the prompt was cached, cold: next to nothing.',
    ...(SAVED_BY.includes(by)
      ? [`${SAVED}: waiting that the cache spared, an estimate, and by how much it may be off.`]
      : []),
    ...(mark === '' ? [] : [`${mark} estimated from hourly histograms, a tenth off at most`]),
    ...(few ? [`* fewer than ${FEWEST_FOR_PERCENTILE} values`] : []),
    ...(inferred ? ['~ partly inferred from timing, not reported by the backend'] : []),
    `${pen.unknown} not known`,
  ];
}

function heading({ range, totals, answeredHere }: StatsReport, screen: Screen, pen: Pen): readonly string[] {
  const period = `${localTime(range.sinceMs)} to ${localTime(range.untilMs)}`;
  const title = pen.bold(cutTo(period, screen.columns, pen));
  if (totals.requests === 0) return [title];
  const parts = (['completed', 'failed', 'cancelled', 'refused', 'interrupted', 'running'] as const)
    .filter((name) => totals[name] > 0)
    .map((name) => `${totals[name]} ${name}`);
  const here = answeredHere.requests === 0 ? [] : [`${answeredHere.requests} answered by the daemon itself`];
  const sessions = totals.sessions === null ? [] : [plural(totals.sessions, 'session')];
  const counts = [plural(totals.requests, 'request'), ...sessions, ...parts, ...here];
  return [title, ...wrapped(counts.join(` ${pen.dot} `), screen.columns, pen)];
}

/** `room`: lines that there are for it; some rows are shown even without. */
function table(report: StatsReport, screen: StatsScreen, room: number): readonly string[] {
  const pen = penOf(screen);
  if (report.rows.length === 0) return ['No request has gone to a backend.'];
  const columns = statsColumns(report).filter(({ isCompact }) => screen.format === 'screen' || isCompact);
  const fitting = report.rows.length <= room - 1 ? room - 1 : room - 2;
  const most = Math.min(MOST_ROWS, Math.max(FEWEST_ROWS, fitting));
  const isInTime = report.by === 'day' || report.by === 'hour';
  const shown = isInTime ? report.rows.slice(-most) : report.rows.slice(0, most);
  const laid = layOut(columns, shown, screen, pen);
  const more = report.rows.length - shown.length;
  const left = `and ${plural(more, 'row')} ${isInTime ? 'before these' : 'more'}`;
  const rest = cutTo(`${left}: --csv and --json give all of them`, screen.columns, pen);
  return [laid.titles, ...laid.lines, ...(more > 0 ? [pen.dim(rest)] : [])];
}

function timeline(
  { timeline: { stepMs, points } }: StatsReport,
  screen: Screen,
  pen: Pen,
): readonly string[] {
  if (points.length < 2) return [];
  const title = 'Requests: ';
  const room = Math.max(1, screen.columns - title.length);
  const together = Math.ceil(points.length / room);
  const counts = merged(
    points.map(({ requests }) => requests),
    together,
  );
  const line = `${title}${sparkline(counts, pen)}`;
  const legend = `a sign is ${stepName(stepMs * together)}, the highest ${Math.max(...counts)}`;
  const isOneLine = line.length + 1 + legend.length <= screen.columns;
  return isOneLine
    ? [`${line} ${pen.dim(legend)}`]
    : [line, ...wrapped(legend, screen.columns, pen).map(pen.dim)];
}

/** So many neighbours added up, the last ones whole: what was newest is looked at first. */
function merged(counts: readonly number[], together: number): readonly number[] {
  const first = counts.length % together;
  const starts = Array.from({ length: Math.ceil(counts.length / together) }, (_, at) =>
    first === 0 ? at * together : (at - 1) * together + first,
  );
  return starts.map((start) =>
    counts.slice(Math.max(0, start), start + together).reduce((sum, count) => sum + count, 0),
  );
}

function stepName(ms: number): string {
  if (ms % 3_600_000 !== 0) return `${ms / 60_000} min`;
  return ms % 86_400_000 !== 0 ? plural(ms / 3_600_000, 'hour') : plural(ms / 86_400_000, 'day');
}

function localTime(ms: number): string {
  return `${shownDay(ms)} ${shownClock(ms).slice(0, 5)}`;
}
