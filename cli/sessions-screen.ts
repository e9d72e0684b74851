// The screen of `sessions`: one line a session, the one used last first.

import type { SessionList, SessionSummary } from '../store/sessions.ts';
import { type Column, layOut } from './columns.ts';
import { penOf, type Screen, safe, wrapped } from './screen.ts';
import { lastName, orInferred, shownClock, shownDay, shownShare, shownSpan, shownTokens } from './shown.ts';

const SHORTEST_ID = 8;

/** Ends with a line break. */
export function renderSessions({ sessions }: SessionList, screen: Screen): string {
  if (sessions.length === 0) return 'No session in this period.\n';
  const pen = penOf(screen);
  const { titles, lines } = layOut([idColumn(sessions), ...COLUMNS], sessions, screen, pen);
  const notes = [
    'WAITED: to the first tokens of the main conversation. HIT%: requests that found most of their prompt cached.',
    ...(sessions.some((session) => session.cacheInferredRequests > 0)
      ? ['~ partly inferred from timing, not reported by the backend']
      : []),
    `${pen.unknown} not known`,
  ];
  return `${[titles, ...lines, '', ...notes.flatMap((note) => wrapped(note, screen.columns, pen)).map(pen.dim)].join('\n')}\n`;
}

/** As much of each id as tells it from the others, so that it can be given to `session`. */
function idColumn(sessions: readonly SessionSummary[]): Column<SessionSummary> {
  const ids = sessions.map(({ sessionId }) => sessionId);
  const isUnique = (length: number) => new Set(ids.map((id) => id.slice(0, length))).size === ids.length;
  let length = SHORTEST_ID;
  while (length < 200 && !isUnique(length)) length += 1;
  return {
    ...{ title: 'SESSION', side: 'left', dropOrder: 0 },
    cell: ({ sessionId }, pen) => safe(sessionId.slice(0, length), pen),
  };
}

const COLUMNS: readonly Column<SessionSummary>[] = [
  {
    ...{ title: 'LAST', side: 'left', dropOrder: 0 },
    cell: ({ lastMs }) => `${shownDay(lastMs)} ${shownClock(lastMs).slice(0, 5)}`,
  },
  {
    ...{ title: 'PROJECT', side: 'left', dropOrder: 0 },
    cell: ({ project }, pen) => (project === null ? pen.unknown : safe(lastName(project), pen)),
  },
  { ...{ title: 'TURNS', side: 'right', dropOrder: 0 }, cell: ({ turns }) => String(turns) },
  { ...{ title: 'REQS', side: 'right', dropOrder: 0 }, cell: ({ requests }) => String(requests) },
  { ...{ title: 'FAILED', side: 'right', dropOrder: 3 }, cell: ({ failed }) => String(failed) },
  { ...{ title: 'AGENTS', side: 'right', dropOrder: 5 }, cell: ({ subagents }) => String(subagents) },
  {
    ...{ title: 'WAITED', side: 'right', dropOrder: 2 },
    cell: ({ waitedMs }, pen) => shownSpan(waitedMs, pen),
  },
  {
    ...{ title: 'HIT%', side: 'right', dropOrder: 1 },
    cell: ({ cacheHitRequests, cacheKnownRequests, cacheInferredRequests }, pen) =>
      orInferred(shownShare(cacheHitRequests, cacheKnownRequests, pen), {
        inferred: cacheInferredRequests > 0,
      }),
  },
  {
    ...{ title: 'BREAKS', side: 'right', dropOrder: 7 },
    cell: ({ cacheBreaks }) => String(cacheBreaks),
  },
  {
    ...{ title: 'OUT', side: 'right', dropOrder: 6 },
    cell: ({ outputTokens }, pen) => shownTokens(outputTokens, pen),
  },
  {
    ...{ title: 'BACKENDS', side: 'left', dropOrder: 4 },
    cell: ({ backends }, pen) =>
      backends.map(({ backend, requests }) => `${safe(backend, pen)} ${requests}`).join(', ') || pen.unknown,
  },
];
