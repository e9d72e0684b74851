// One picture of `top`: the backends, what is in flight, what has just ended. It never outgrows the screen.

import type { LiveRequest } from '../daemon/live.ts';
import type { BackendReport, StatusReport } from '../daemon/status.ts';
import { type Column, layOut } from './columns.ts';
import { ENDED_COLUMNS, type EndedRequest, endedLive } from './ended-request.ts';
import { IN_FLIGHT_COLUMNS, inFlight } from './in-flight.ts';
import type { LiveView } from './live-view.ts';
import { cutTo, type Pen, penOf, type Screen, safe } from './screen.ts';
import { lastName, orInferred, plural, shownSeconds, shownShare, shownTokens } from './shown.ts';
import { FEWEST_FOR_PERCENTILE } from './stats-columns.ts';
import { duration } from './terminal.ts';

export type TopScreen = Screen & {
  /** Height in lines; absent where nothing limits it. */
  readonly rows?: number | undefined;
};

const FEWEST_RECENT = 3;

/** As many lines as there is room for. */
export function renderTop(view: LiveView, screen: TopScreen, nowMs: number): readonly string[] {
  const pen = penOf(screen);
  const { status, requests, recent } = view;
  if (status === undefined) return [cutTo(`Waiting for the daemon${pen.cut}`, screen.columns, pen)];
  const backends = layOut(BACKEND_COLUMNS, status.backends, screen, pen);
  const above = [
    heading(view, screen, nowMs),
    ...notes(status, screen, pen),
    '',
    backends.titles,
    ...backends.lines,
  ];
  const room = (screen.rows ?? Number.POSITIVE_INFINITY) - above.length;
  const flights = inFlightLines(requests, { screen, pen, nowMs, room: room - FEWEST_RECENT - 3 });
  const ended = recentLines(recent.map(endedLive), { screen, pen, room: room - flights.length });
  return [...above, ...flights, ...ended].slice(0, screen.rows);
}

function heading({ status, statusAtMs, connected }: LiveView, screen: Screen, nowMs: number): string {
  const pen = penOf(screen);
  if (status === undefined || !connected) {
    return pen.red(cutTo('The daemon has stopped; waiting for it to come back.', screen.columns, pen));
  }
  const uptimeS = status.uptimeS + Math.max(0, nowMs - statusAtMs) / 1000;
  const state = status.draining ? 'stopping, requests still run' : `up ${duration(uptimeS)}`;
  const parts = [`anyclaude ${status.version}`, state, `mode ${status.mode}`, status.url];
  return pen.bold(cutTo(parts.join(` ${pen.dot} `), screen.columns, pen));
}

function notes(
  { store, backends, keeper, notes: said }: StatusReport,
  screen: Screen,
  pen: Pen,
): readonly string[] {
  const all = [
    ...backends.flatMap(({ name, lastError }) => (lastError === null ? [] : [`${name}: ${lastError}`])),
    ...(keeper.state === 'running' ? [`While nobody waits: ${keeper.detail}`] : []),
    ...said,
    ...(store.dropped > 0 ? [`${plural(store.dropped, 'record')} could not be stored.`] : []),
  ];
  return all.map((note) => pen.yellow(cutTo(safe(note, pen), screen.columns, pen)));
}

const BACKEND_COLUMNS: readonly Column<BackendReport>[] = [
  { ...{ title: 'BACKEND', side: 'left', dropOrder: 0 }, cell: ({ name }, pen) => safe(name, pen) },
  {
    ...{ title: 'STATE', side: 'left', dropOrder: 0 },
    cell: ({ state }) => state,
    paint: ({ state }, pen) => (state === 'up' ? pen.green : state === 'down' ? pen.red : undefined),
  },
  {
    ...{ title: 'LOAD', side: 'right', dropOrder: 0 },
    cell: ({ inFlight: running, maxConcurrent }) => `${running}/${maxConcurrent}`,
  },
  { ...{ title: 'QUEUED', side: 'right', dropOrder: 1 }, cell: ({ queued }) => String(queued) },
  {
    ...{ title: 'WARM', side: 'right', dropOrder: 2 },
    // No server can be asked: it is what was seen to stay warm.
    cell: ({ warm }, pen) =>
      warm === null ? pen.unknown : orInferred(shownTokens(warm.tokens, pen), { inferred: true }),
  },
  {
    ...{ title: 'WINDOW', side: 'right', dropOrder: 4 },
    cell: ({ contextWindow, contextWindowSource }, pen) =>
      orInferred(shownTokens(contextWindow, pen), { inferred: contextWindowSource === 'assumed' }),
  },
  {
    ...{ title: 'MODEL', side: 'left', dropOrder: 3 },
    // Some servers name it by the folder that it lies in.
    cell: ({ model }, pen) =>
      model === null ? pen.unknown : safe(model.startsWith('/') ? lastName(model) : model, pen).slice(0, 40),
  },
];

type Room = { readonly screen: Screen; readonly pen: Pen; readonly room: number };

function inFlightLines(
  requests: readonly LiveRequest[],
  { screen, pen, room, nowMs }: Room & { readonly nowMs: number },
): readonly string[] {
  if (requests.length === 0) return ['', pen.dim(cutTo('Nothing is in flight.', screen.columns, pen))];
  const flights = requests.map((request) => inFlight(request, nowMs));
  const shown = flights.slice(0, Math.max(1, room - 3));
  const { titles, lines } = layOut(IN_FLIGHT_COLUMNS, shown, screen, pen);
  const hidden = flights.length - shown.length;
  return ['', titles, ...lines, ...(hidden > 0 ? [pen.dim(`and ${hidden} more`)] : [])];
}

function recentLines(ended: readonly EndedRequest[], { screen, pen, room }: Room): readonly string[] {
  if (ended.length === 0) return [];
  const { titles, lines } = layOut(ENDED_COLUMNS, ended.slice(0, Math.max(0, room - 3)), screen, pen);
  return ['', cutTo(recentFigures(ended, pen), screen.columns, pen), titles, ...lines];
}

/** Of those that the daemon remembers, 100 at most; what it answered itself is left out. */
function recentFigures(ended: readonly EndedRequest[], pen: Pen): string {
  const served = ended.filter(({ backend }) => backend !== 'daemon');
  const known = served.filter(({ cache }) => cache !== 'unknown');
  const hits = known.filter(({ cache }) => cache === 'hit').length;
  const inferred = known.some(({ cacheEvidence }) => cacheEvidence === 'inferred');
  const share = orInferred(shownShare(hits, known.length, pen), { inferred });
  const of = (cache: EndedRequest['cache']) =>
    medianShown(
      served.filter((each) => each.cache === cache).flatMap(({ ttftMs }) => ttftMs ?? []),
      pen,
    );
  const waits = `TTFT p50 warm ${of('hit')}, cold ${of('miss')}`;
  return [
    `Last ${plural(served.length, 'request')}: hit ${share === pen.unknown ? share : `${share}%`}`,
    waits.includes('*') ? `${waits} (* fewer than ${FEWEST_FOR_PERCENTILE} values)` : waits,
  ].join(` ${pen.dot} `);
}

function medianShown(values: readonly number[], pen: Pen): string {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1];
  const high = sorted[Math.floor(middle)];
  if (low === undefined || high === undefined) return pen.unknown;
  const mark = sorted.length < FEWEST_FOR_PERCENTILE ? '*' : '';
  return `${shownSeconds((low + high) / 2, pen)} s${mark}`;
}
