// The one screen of `stats`. What nobody told is a dash; what rests on few values, on inference or on an estimate
// says so.

import type { StatsReport } from '../store/report.ts';
import type { ClaudeBill } from '../store/stats-document.ts';
import { layOut } from './columns.ts';
import { type Pen, penOf, type Screen, safe, wrapped } from './screen.ts';
import { orInferred, plural, shownClock, shownDay, shownShare, shownSpan, shownTokens } from './shown.ts';
import { sparkline } from './sparkline.ts';
import { estimateMark, FEWEST_FOR_PERCENTILE, statsColumns } from './stats-columns.ts';

export type StatsScreen = Screen & { readonly format: 'screen' | 'compact' };

/** Nobody reads on: programs take `--json` or `--csv`, which have every row. */
const MOST_ROWS = 40;

/** Ends with a line break. Columns that do not fit are left out, the least needed first. */
export function renderStats(report: StatsReport, bill: ClaudeBill, screen: StatsScreen): string {
  const pen = penOf(screen);
  if (report.totals.requests === 0) {
    const none = 'No requests yet. Start Claude Code with `anyclaude run`, then look here again.';
    return lines([...heading(report, pen), '', none]);
  }
  if (screen.format === 'compact') return lines(table(report, screen, pen));
  const prose = [...summary(report, pen), ...claudeLines(bill, pen)];
  return lines([
    ...heading(report, pen),
    '',
    ...table(report, screen, pen),
    '',
    ...timeline(report, screen, pen),
    ...prose.flatMap((line) => wrapped(line, screen.columns, pen)),
    '',
    ...statsNotes(report, pen)
      .flatMap((note) => wrapped(note, screen.columns, pen))
      .map(pen.dim),
  ]);
}

/** What the marks and titles of the table mean. */
export function statsNotes({ rows, percentiles }: StatsReport, pen: Pen): readonly string[] {
  if (rows.length === 0) return [];
  const few = rows.some(({ ttftMs }) =>
    Object.values(ttftMs).some(({ n }) => n > 0 && n < FEWEST_FOR_PERCENTILE),
  );
  const inferred = rows.some((row) => row.cacheInferredRequests > 0);
  const mark = estimateMark(percentiles, pen);
  return [
    'TTFT, WARM, COLD: p50/p95 seconds to the first token; warm: at least half of the prompt was cached, cold: next to nothing.',
    ...(mark === '' ? [] : [`${mark} estimated from hourly histograms, a tenth off at most`]),
    ...(few ? [`* fewer than ${FEWEST_FOR_PERCENTILE} values`] : []),
    ...(inferred ? ['~ partly inferred from timing, not reported by the backend'] : []),
    `${pen.unknown} not known`,
  ];
}

function lines(all: readonly string[]): string {
  return `${all.join('\n').trimEnd()}\n`;
}

function heading({ range, totals, answeredHere }: StatsReport, pen: Pen): readonly string[] {
  const period = `${localTime(range.sinceMs)} to ${localTime(range.untilMs)}`;
  if (totals.requests === 0) return [pen.bold(period)];
  const parts = (['completed', 'failed', 'cancelled', 'refused', 'interrupted', 'running'] as const)
    .filter((name) => totals[name] > 0)
    .map((name) => `${totals[name]} ${name}`);
  const here = answeredHere.requests === 0 ? [] : [`${answeredHere.requests} answered by the daemon itself`];
  const sessions = totals.sessions === null ? [] : [plural(totals.sessions, 'session')];
  const counts = [plural(totals.requests, 'request'), ...sessions, ...parts, ...here];
  return [pen.bold(period), counts.join(` ${pen.dot} `)];
}

function table(report: StatsReport, screen: StatsScreen, pen: Pen): readonly string[] {
  if (report.rows.length === 0) return ['No request has gone to a backend.'];
  const columns = statsColumns(report).filter(({ isCompact }) => screen.format === 'screen' || isCompact);
  const shown = report.rows.slice(0, MOST_ROWS);
  const laid = layOut(columns, shown, screen, pen);
  const more = report.rows.length - shown.length;
  return [
    laid.titles,
    ...laid.lines,
    ...(more > 0 ? [pen.dim(`and ${plural(more, 'row')} more: --csv and --json give all of them`)] : []),
  ];
}

function timeline(
  { timeline: { stepMs, points } }: StatsReport,
  screen: Screen,
  pen: Pen,
): readonly string[] {
  if (points.length < 2) return [];
  const counts = points.map(({ requests }) => requests);
  const line = `Requests: ${sparkline(counts, pen)}`;
  const legend = ` a sign is ${stepName(stepMs)}, the highest ${Math.max(...counts)}`;
  if (line.length > screen.columns) return [];
  return [line.length + legend.length > screen.columns ? line : line + pen.dim(legend)];
}

function summary({ totals, kvCache, pauses }: StatsReport, pen: Pen): readonly string[] {
  const { saved, breaks } = kvCache;
  const prompt = `Prompt tokens: ${shownTokens(totals.promptTokens, pen)}${cachedPart(totals, pen)}.`;
  return [
    prompt,
    ...(saved === null ? [] : [savedLine(saved, pen)]),
    ...(breaks.count === 0 ? [] : [breaksLine(breaks, pen)]),
    ...(pauses === null ? [] : [pausesLine(pauses, pen)]),
  ];
}

function savedLine(saved: NonNullable<StatsReport['kvCache']['saved']>, pen: Pen): string {
  const span = (seconds: number) => shownSpan(seconds * 1000, pen);
  const measured = saved.requests - saved.predictedRequests;
  const basis =
    measured > 0 && saved.predictedRequests > 0
      ? `${measured} by a measured wait, ${saved.predictedRequests} by a predicted one`
      : `by a ${measured > 0 ? 'measured' : 'predicted'} wait`;
  const from = Object.entries(saved.byEvidence).flatMap(([name, seconds]) => (seconds > 0 ? [name] : []));
  const evidence = from.length === 0 ? '' : `; cached tokens ${from.join(', ')}`;
  const between = `between ${span(saved.lowSeconds)} and ${span(saved.highSeconds)}`;
  return `Time saved by the cache, an estimate: ${span(saved.seconds)}, ${between} (${plural(saved.requests, 'request')}: ${basis}${evidence}).`;
}

function breaksLine(breaks: StatsReport['kvCache']['breaks'], pen: Pen): string {
  const causes = breaks.causes
    .map(({ cause, count }) => `${count === breaks.count ? 'all' : count} ${safe(cause, pen)}`)
    .join(', ');
  const time = breaks.seconds === null ? '' : `, ${shownSpan(breaks.seconds * 1000, pen)}`;
  return `Cache breaks: ${breaks.count} (${causes}); ${shownTokens(breaks.tokens, pen)} tokens computed again${time}.`;
}

function pausesLine(pauses: NonNullable<StatsReport['pauses']>, pen: Pen): string {
  const { runs, seconds, computedTokens, usedTokens, wastedTokens, savedSeconds } = pauses;
  const tokens = (count: number) => shownTokens(count, pen);
  const took = `${tokens(computedTokens)} tokens read ahead in ${shownSpan(seconds * 1000, pen)} (${plural(runs, 'run')})`;
  const had = `${tokens(usedTokens)} used, which saved ${shownSpan(savedSeconds * 1000, pen)}`;
  return `In pauses: ${took}; ${had}; ${tokens(wastedTokens)} wasted.`;
}

function cachedPart(totals: StatsReport['totals'], pen: Pen): string {
  const { cacheKnownRequests, cacheUnknownRequests, cacheInferredRequests } = totals;
  const { cachedTokens, cacheKnownPromptTokens: known } = totals;
  const whole = known === totals.promptTokens ? 'them' : `the ${shownTokens(known, pen)} told of`;
  const share = shownShare(cachedTokens, known, pen);
  const part = `${shownTokens(cachedTokens, pen)} of ${whole} (${share}%) from the cache`;
  const cached = orInferred(part, { inferred: cacheInferredRequests > 0 });
  return [
    ...(cacheKnownRequests === 0 ? [] : [`, ${cached}`]),
    ...(cacheUnknownRequests === 0
      ? []
      : [`; ${plural(cacheUnknownRequests, 'request')} without a cache report`]),
  ].join('');
}

/** They are among the rows and totals, too, and here by themselves: they cost money. */
function claudeLines({ models, currency, pricesAsOf }: ClaudeBill, pen: Pen): readonly string[] {
  return models.map((each) => {
    const tokens = [
      `${shownTokens(each.inputTokens, pen)} in`,
      `${shownTokens(each.cacheReadTokens, pen)} read from its cache`,
      `${shownTokens(each.cacheWriteTokens, pen)} written to it`,
      `${shownTokens(each.outputTokens, pen)} out`,
    ].join(', ');
    const price =
      each.price === null
        ? `price ${pen.unknown}`
        : `${shownPrice(each.price)} ${currency} by the prices of ${pricesAsOf}`;
    const model = safe(each.model ?? pen.unknown, pen).slice(0, 60);
    return `Claude API, ${model}: ${plural(each.requests, 'request')}; tokens: ${tokens}; ${price}.`;
  });
}

function shownPrice(price: number): string {
  return price > 0 && price < 0.01 ? 'less than 0.01' : price.toFixed(2);
}

function stepName(ms: number): string {
  if (ms < 3_600_000) return `${ms / 60_000} min`;
  return ms < 86_400_000 ? plural(ms / 3_600_000, 'hour') : plural(ms / 86_400_000, 'day');
}

function localTime(ms: number): string {
  return `${shownDay(ms)} ${shownClock(ms).slice(0, 5)}`;
}
