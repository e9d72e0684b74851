// The one screen of `stats`. What nobody told is a dash; what rests on few values or on inference says so.

import type { StatsReport, StatsRow } from '../store/report.ts';

export type Screen = {
  /** Width in characters. */
  readonly columns: number;
  readonly colour: boolean;
  readonly unicode: boolean;
};

type Terminal = { readonly isTTY?: boolean | undefined; readonly columns?: number | undefined };

const WIDTH_WITHOUT_TERMINAL = 120;
/** Percentiles of fewer values are marked: with 19 values a p95 is the largest of them. */
const FEWEST_FOR_PERCENTILE = 20;

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

/** Ends with a line break. Columns that do not fit are left out, the least needed first. */
export function renderStats(report: StatsReport, screen: Screen): string {
  const pen = penOf(screen);
  const lines = [...heading(report, pen), ''];
  if (report.totals.requests === 0) {
    lines.push('No requests yet. Start Claude Code with `anyclaude run`, then look here again.');
  } else {
    lines.push(...table(report, pen, screen.columns), '', ...summary(report, pen), ...footnotes(report, pen));
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

/** How this terminal spells things. */
type Pen = {
  readonly unknown: string;
  readonly about: string;
  readonly dot: string;
  readonly times: string;
  readonly minus: string;
  bold(text: string): string;
  dim(text: string): string;
};

function penOf({ colour, unicode }: Screen): Pen {
  const paint = (code: number) => (text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const signs = unicode
    ? { unknown: '–', about: '≈', dot: '·', times: '×', minus: '−' }
    : { unknown: '-', about: 'about', dot: '|', times: 'x', minus: '-' };
  return { ...signs, bold: paint(1), dim: paint(2) };
}

function heading({ range, totals, answeredHere }: StatsReport, pen: Pen): readonly string[] {
  const period = `${localTime(range.sinceMs)} to ${localTime(range.untilMs)}`;
  if (totals.requests === 0) return [pen.bold(period)];
  const parts = (['completed', 'failed', 'cancelled', 'refused', 'interrupted', 'running'] as const)
    .filter((name) => totals[name] > 0)
    .map((name) => `${totals[name]} ${name}`);
  const here = answeredHere.requests === 0 ? [] : [`${answeredHere.requests} answered by the daemon itself`];
  const counts = [plural(totals.requests, 'request'), plural(totals.sessions, 'session'), ...parts, ...here];
  return [pen.bold(period), counts.join(` ${pen.dot} `)];
}

type Column = {
  readonly title: string;
  readonly side: 'left' | 'right';
  /** 0 stays whatever the width. */
  readonly dropOrder: number;
  cell(row: StatsRow, pen: Pen): string;
};

const FIGURES: readonly Column[] = [
  { title: 'REQS', side: 'right', dropOrder: 0, cell: (row) => String(row.requests) },
  { title: 'OK%', side: 'right', dropOrder: 1, cell: (row, pen) => percent(row.okPercent, pen) },
  {
    title: 'HIT%',
    side: 'right',
    dropOrder: 2,
    cell: (row, pen) => inferred(percent(row.hitPercent, pen), row),
  },
  {
    title: 'CACHED%',
    side: 'right',
    dropOrder: 7,
    cell: (row, pen) => inferred(percent(row.cachedPercent, pen), row),
  },
  { title: 'TTFT s', side: 'right', dropOrder: 5, cell: (row, pen) => spread(row.ttftMs.all, pen) },
  {
    title: 'WARM s',
    side: 'right',
    dropOrder: 3,
    cell: (row, pen) => inferred(spread(row.ttftMs.warm, pen), row),
  },
  {
    title: 'COLD s',
    side: 'right',
    dropOrder: 4,
    cell: (row, pen) => inferred(spread(row.ttftMs.cold, pen), row),
  },
  { title: 'TOK/S', side: 'right', dropOrder: 6, cell: (row, pen) => rate(row.outputTokensPerS, pen) },
  { title: 'OUT', side: 'right', dropOrder: 8, cell: (row, pen) => tokens(row.outputTokens, pen) },
];

function table({ by, rows }: StatsReport, pen: Pen, width: number): readonly string[] {
  const keys = by === 'route' ? (['task', 'backend'] as const) : ([by] as const);
  const named: readonly Column[] = keys.map((key) => ({
    title: key.toUpperCase(),
    side: 'left',
    dropOrder: 0,
    cell: (row) => name(row[key], pen),
  }));
  if (rows.length === 0) return ['No request has gone to a backend.'];
  let columns = [...named, ...FIGURES];
  let lines = aligned(columns, rows, pen);
  while ((lines[0] ?? '').length > width && columns.some((column) => column.dropOrder > 0)) {
    const first = Math.max(...columns.map((column) => column.dropOrder));
    columns = columns.filter((column) => column.dropOrder !== first);
    lines = aligned(columns, rows, pen);
  }
  const [titles = '', ...body] = lines;
  return [pen.bold(titles), ...body];
}

function aligned(columns: readonly Column[], rows: readonly StatsRow[], pen: Pen): readonly string[] {
  const cells = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map((c) => c.cell(row, pen))),
  ];
  const widths = columns.map((_, n) => Math.max(...cells.map((line) => line[n]?.length ?? 0)));
  const pad = (cell: string, n: number) =>
    columns[n]?.side === 'left' ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0);
  return cells.map((line) => line.map(pad).join('  '));
}

function summary({ totals, timeSaved, kvCache }: StatsReport, pen: Pen): readonly string[] {
  const lines = [`Prompt tokens: ${tokens(totals.promptTokens, pen)}${cachedPart(totals, pen)}.`];
  lines.push(...cacheWorth(kvCache, pen));
  if (kvCache.saved === null && timeSaved !== null && timeSaved.savedMs > 0) {
    const basis = timeSaved.backends
      .map(({ backend, warmRequests }) => `${warmRequests} on ${name(backend, pen)}`)
      .join(', ');
    const formula = `warm requests (${basis}) ${pen.times} (cold p50 ${pen.minus} warm p50)`;
    lines.push(`Time saved by the cache, an estimate: ${span(timeSaved.savedMs)} = ${formula}.`);
  }
  return lines;
}

/** With the rows of earlier versions, which knew of none of it, nothing is said. */
function cacheWorth({ saved, breaks }: StatsReport['kvCache'], pen: Pen): readonly string[] {
  const lines: string[] = [];
  if (saved !== null) {
    const between = `${span(saved.lowSeconds * 1000)} to ${span(saved.highSeconds * 1000)}`;
    const from = Object.entries(saved.byEvidence).flatMap(([name, seconds]) => (seconds > 0 ? [name] : []));
    const evidence = from.length === 0 ? '' : `; ${from.join(', ')}`;
    lines.push(
      `Cache saved ${pen.about} ${span(saved.seconds * 1000)} (${between}, ${plural(saved.requests, 'request')}${evidence}).`,
    );
  }
  if (breaks.count > 0) {
    const causes = breaks.causes.map(({ cause, count }) => `${count} ${cause}`).join(', ');
    const cost = `${tokens(breaks.tokens, pen)} tokens computed again`;
    const time = breaks.seconds === null ? '' : `, ${span(breaks.seconds * 1000)}`;
    lines.push(`Cache breaks: ${breaks.count} (${causes}); ${cost}${time}.`);
  }
  return lines;
}

function cachedPart(totals: StatsReport['totals'], pen: Pen): string {
  const known = totals.cacheKnownRequests;
  const silent = totals.cacheUnknownRequests;
  const part = `${tokens(totals.cachedTokens, pen)} of ${tokens(totals.cacheKnownPromptTokens, pen)} from the cache`;
  const cached = known === 0 ? '' : `, ${inferredMark(totals)}${part}`;
  return silent === 0 ? cached : `${cached}; ${plural(silent, 'request')} without a cache report`;
}

function footnotes({ rows }: StatsReport, pen: Pen): readonly string[] {
  if (rows.length === 0) return [];
  const few = rows.some(({ ttftMs }) =>
    Object.values(ttftMs).some(({ n }) => n > 0 && n < FEWEST_FOR_PERCENTILE),
  );
  const guessed = rows.some((row) => row.cacheInferredRequests > 0);
  const notes = [
    'TTFT, WARM, COLD: p50/p95 seconds to the first token; warm: at least half of the prompt was cached, cold: next to nothing.',
    ...(few ? [`* fewer than ${FEWEST_FOR_PERCENTILE} values`] : []),
    ...(guessed ? ['~ partly inferred from timing, not reported by the backend'] : []),
    `${pen.unknown} not known`,
  ];
  return ['', ...notes.map(pen.dim)];
}

function spread({ n, p50, p95 }: StatsRow['ttftMs']['all'], pen: Pen): string {
  if (p50 === null || p95 === null) return pen.unknown;
  return `${seconds(p50)}/${seconds(p95)}${n < FEWEST_FOR_PERCENTILE ? '*' : ''}`;
}

function inferred(cell: string, row: StatsRow): string {
  return /\d/.test(cell) ? inferredMark(row) + cell : cell;
}

function inferredMark(figures: { readonly cacheInferredRequests: number }): string {
  return figures.cacheInferredRequests > 0 ? '~' : '';
}

/** Names come from servers and settings: none of them may move the cursor. */
function name(text: string | null | undefined, pen: Pen): string {
  return text === null || text === undefined ? pen.unknown : text.replace(/\p{Cc}/gu, '?').slice(0, 40);
}

function percent(value: number | null, pen: Pen): string {
  if (value === null) return pen.unknown;
  // 99.6 % is not all of them: only a true 100 may read so.
  return value === 100 ? '100' : String(Math.min(99, Math.round(value)));
}

function rate(value: number | null, pen: Pen): string {
  return value === null ? pen.unknown : value.toFixed(value < 100 ? 1 : 0);
}

function tokens(value: number | null, pen: Pen): string {
  if (value === null) return pen.unknown;
  if (value < 10_000) return String(value);
  return value < 999_500 ? `${(value / 1000).toPrecision(3)}k` : `${(value / 1e6).toFixed(1)}M`;
}

function seconds(ms: number): string {
  const decimals = ms < 10_000 ? 2 : ms < 100_000 ? 1 : 0;
  return (ms / 1000).toFixed(decimals);
}

function span(ms: number): string {
  const whole = Math.round(ms / 1000);
  if (whole < 60) return `${(ms / 1000).toFixed(1)} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

function plural(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

function localTime(ms: number): string {
  const at = new Date(ms);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}`;
}
