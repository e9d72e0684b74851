// The screen of `session`: what was asked, turn by turn, where it went and what was waited for.

import type { HistoryBreak, SessionHistory, Stretch, Trouble } from '../store/session-history.ts';
import { type Column, layOut } from './columns.ts';
import { cutTo, type Pen, penOf, type Screen, safe, wrapped } from './screen.ts';
import {
  orInferred,
  plural,
  shownClock,
  shownDay,
  shownSeconds,
  shownShare,
  shownSpan,
  shownTokens,
} from './shown.ts';

/** Ends with a line break. */
export function renderHistory(history: SessionHistory, screen: Screen): string {
  const pen = penOf(screen);
  const { stretches } = history;
  const { titles, lines } = layOut(columnsOf(history), stretches, screen, pen);
  const body = stretches.flatMap((stretch, at) => [
    lines[at] ?? '',
    ...under(stretch, pen)
      .map((text) => cutTo(`    ! ${text}`, screen.columns, pen))
      .map(pen.red),
  ]);
  const prose = (lines: readonly string[]) => lines.flatMap((line) => wrapped(line, screen.columns, pen));
  return `${[
    ...prose(heading(history, pen)),
    '',
    ...(stretches.length === 0 ? ['No prompt of this session came to a backend.'] : [titles, ...body]),
    '',
    ...prose(totalLines(history, pen)),
    '',
    ...prose(footnotes(history, pen)).map(pen.dim),
  ].join('\n')}\n`;
}

function heading({ sessionId, project, startedMs, endedMs }: SessionHistory, pen: Pen): readonly string[] {
  const end = endedMs === null ? pen.unknown : dayAndClock(endedMs, startedMs);
  const time = `${shownDay(startedMs)} ${shownClock(startedMs)} to ${end}`;
  return [
    `Session ${safe(sessionId, pen)}`,
    project === null ? time : `${time} ${pen.dot} ${safe(project, pen)}`,
  ];
}

function columnsOf({ startedMs }: SessionHistory): readonly Column<Stretch>[] {
  return [
    {
      ...{ title: '#', side: 'right', dropOrder: 0 },
      cell: ({ turn }) => (turn === null ? '' : String(turn)),
    },
    {
      ...{ title: 'TIME', side: 'left', dropOrder: 0 },
      cell: (row) => dayAndClock(row.startedMs, startedMs),
    },
    {
      ...{ title: 'TASK', side: 'left', dropOrder: 0 },
      cell: taskCell,
      paint: (row, pen) => rowPaint(row, pen),
    },
    { ...{ title: 'BACKEND', side: 'left', dropOrder: 0 }, cell: backendCell, paint: switchPaint },
    {
      ...{ title: 'REASON', side: 'left', dropOrder: 5 },
      cell: ({ reason }, pen) => (reason === null ? pen.unknown : safe(reason, pen)),
    },
    { ...{ title: 'REQS', side: 'right', dropOrder: 6 }, cell: ({ requests }) => String(requests) },
    { ...{ title: 'TOOLS', side: 'right', dropOrder: 7 }, cell: ({ toolCalls }) => String(toolCalls) },
    { ...{ title: 'TTFT s', side: 'right', dropOrder: 0 }, cell: ttftCell },
    { ...{ title: '', side: 'left', dropOrder: 0 }, cell: warmthCell, paint: warmthPaint },
    {
      ...{ title: 'WAITED s', side: 'right', dropOrder: 2 },
      cell: ({ waitedMs }, pen) => shownSeconds(waitedMs, pen),
    },
    {
      ...{ title: 'PROMPT', side: 'right', dropOrder: 3 },
      cell: ({ promptTokens }, pen) => shownTokens(promptTokens, pen),
    },
    { ...{ title: 'CACHED%', side: 'right', dropOrder: 1 }, cell: cachedCell },
    {
      ...{ title: 'OUT', side: 'right', dropOrder: 8 },
      cell: ({ outputTokens }, pen) => shownTokens(outputTokens, pen),
    },
    { ...{ title: 'TOOK', side: 'right', dropOrder: 4 }, cell: tookCell },
  ];
}

function taskCell({ kind, task, agentId }: Stretch, pen: Pen): string {
  if (kind === 'compact') return 'compaction';
  const named = task ?? pen.unknown;
  if (kind === 'turn') return named;
  return `${pen.branch} agent ${safe((agentId ?? '').slice(0, 7), pen)} ${named}`.replace(/ +/g, ' ');
}

function rowPaint({ kind }: Stretch, pen: Pen) {
  return kind === 'turn' ? undefined : pen.dim;
}

/** `→ lmstudio` began elsewhere than the turn before ended; `mlx-lm → lmstudio` moved on the way. */
function backendCell({ backends, switched }: Stretch, pen: Pen): string {
  const path = backends.map((name) => safe(name, pen)).join(` ${pen.arrow} `) || pen.unknown;
  return switched ? `${pen.arrow} ${path}` : path;
}

function switchPaint({ kind, backends, switched }: Stretch, pen: Pen) {
  return kind !== 'subagent' && (switched || backends.length > 1) ? pen.yellow : undefined;
}

function ttftCell({ firstTtftMs }: Stretch, pen: Pen): string {
  return shownSeconds(firstTtftMs, pen);
}

const WARMTH = { hit: 'warm', partial: 'partly', miss: 'cold', unknown: '' } as const;

function warmthCell({ firstCache, firstCacheInferred }: Stretch): string {
  const word = WARMTH[firstCache];
  return word === '' || !firstCacheInferred ? word : `~${word}`;
}

function warmthPaint({ firstCache }: Stretch, pen: Pen) {
  return firstCache === 'hit' ? pen.green : firstCache === 'miss' ? pen.yellow : undefined;
}

function cachedCell({ cache }: Stretch, pen: Pen): string {
  const share = shownShare(cache.cachedTokens, cache.promptTokens, pen);
  return orInferred(share, { inferred: cache.inferredRequests > 0 });
}

function tookCell({ startedMs, endedMs }: Stretch, pen: Pen): string {
  return endedMs === null ? pen.unknown : shownSpan(endedMs - startedMs, pen);
}

function under({ cacheBreaks, troubles }: Stretch, pen: Pen): readonly string[] {
  return [
    ...cacheBreaks.map((each) => breakText(each, pen)),
    ...troubles.map((trouble) => troubleText(trouble, pen)),
  ];
}

function breakText(
  { requestId, cause, detail, lostTokens, lostMs, inferred }: HistoryBreak,
  pen: Pen,
): string {
  const cost = [
    ...(lostTokens === null ? [] : [`${shownTokens(lostTokens, pen)} tokens`]),
    ...(lostMs === null ? [] : [orInferred(shownSpan(lostMs, pen), { inferred })]),
  ];
  const said = detail === null ? '' : `: ${safe(detail, pen)}`;
  const lost = cost.length === 0 ? '' : `, lost ${cost.join(' and ')}`;
  return `cache break, ${safe(cause, pen)}${said}${lost}  [${safe(requestId, pen)}]`;
}

function troubleText({ requestId, result, fault, message, afterMs }: Trouble, pen: Pen): string {
  const why = fault === null ? '' : ` (${safe(fault, pen)})`;
  const after = afterMs === null ? '' : ` after ${shownSpan(afterMs, pen)}`;
  const said = message === null ? '' : `: ${safe(message, pen)}`;
  return `${result}${why}${after}${said}  [${safe(requestId, pen)}]`;
}

function totalLines(history: SessionHistory, pen: Pen): readonly string[] {
  const { totals } = history;
  const { turns, subagents, compactions, requests, sideRequests, running, toolCalls, switches, cache } =
    totals;
  const counts = [
    plural(turns, 'turn'),
    ...(subagents > 0 ? [plural(subagents, 'subagent')] : []),
    ...(compactions > 0 ? [plural(compactions, 'compaction')] : []),
    plural(requests, 'request') + (sideRequests > 0 ? ` (${sideRequests} beside the conversation)` : ''),
    ...(running > 0 ? [`${running} running`] : []),
    plural(toolCalls, 'tool call'),
    `${switches} ${switches === 1 ? 'switch' : 'switches'} of backend`,
  ];
  const apart = subagents > 0 ? `, subagents ${shownSpan(totals.waitedBySubagentsMs, pen)} apart` : '';
  const cached = orInferred(shownTokens(cache.requests === 0 ? null : cache.cachedTokens, pen), {
    inferred: cache.inferredRequests > 0,
  });
  const prompt = shownTokens(cache.requests === 0 ? null : cache.promptTokens, pen);
  const dot = ` ${pen.dot} `;
  return [
    `Total: ${counts.join(dot)}`,
    [
      `Waited ${shownSpan(totals.waitedMs, pen)} for first tokens${apart}`,
      `${cached} of ${prompt} prompt tokens from the cache`,
      `${shownTokens(totals.outputTokens, pen)} tokens put out`,
    ].join(dot),
    ...cacheLine(history, pen).map((parts) => parts.join(dot)),
  ];
}

function cacheLine({ stretches, totals }: SessionHistory, pen: Pen): readonly string[][] {
  const { cacheBreaks, lostMs, savedMs } = totals;
  const inferred = stretches.some((stretch) => stretch.cacheBreaks.some((each) => each.inferred));
  const lost = orInferred(shownSpan(lostMs, pen), { inferred });
  const parts = [
    ...(savedMs === null ? [] : [`The cache saved an estimated ${shownSpan(savedMs, pen)}`]),
    ...(cacheBreaks === 0 ? [] : [`${plural(cacheBreaks, 'cache break')} lost ${lost}`]),
  ];
  return parts.length === 0 ? [] : [parts];
}

function footnotes({ stretches }: SessionHistory, pen: Pen): readonly string[] {
  const guessed = stretches.some(({ cache }) => cache.inferredRequests > 0);
  return [
    'TTFT: the first request after the prompt. WAITED: to the first token of every request. PROMPT: as long as it became.',
    ...(guessed ? ['~ inferred from timing, not reported by the backend'] : []),
    `${pen.arrow} moved to another backend; ${pen.unknown} not known`,
  ];
}

function dayAndClock(ms: number, beganMs: number): string {
  const clock = shownClock(ms);
  return shownDay(ms) === shownDay(beganMs) ? clock : `${shownDay(ms).slice(5)} ${clock}`;
}
