// A request in flight as `ps` and `top` show it, with the clock of its prefill: told by the backend where it tells, else
// by what was expected of it. What is not known is null.

import type { LiveRequest } from '../daemon/live.ts';
import type { Column } from './columns.ts';
import { type Pen, safe } from './screen.ts';
import { lastName, orInferred, shownSeconds, shownTokens } from './shown.ts';

export type InFlight = {
  readonly requestId: string;
  readonly startedAtMs: number;
  readonly session: string | null;
  readonly agent: string | null;
  readonly project: string | null;
  readonly kind: string;
  readonly phase: LiveRequest['phase'];
  readonly task: string | null;
  readonly backend: string | null;
  readonly model: string | null;
  readonly reason: string | null;
  /** Since it came. */
  readonly elapsedMs: number;
  /** To the first token, from its arrival; null where nothing was expected. */
  readonly predictedTtftMs: number | null;
  readonly ttftMs: number | null;
  /** `predicted`: nobody told how far the prefill is, the time is measured against what was expected. */
  readonly prefill: { readonly percent: number; readonly basis: 'reported' | 'predicted' } | null;
  readonly promptTokens: number | null;
  readonly promptTokensBasis: 'reported' | 'estimated' | null;
  readonly cachedTokens: number | null;
  readonly outputTokens: number | null;
};

/** `nowMs` by the daemon's own clock. */
export function inFlight(request: LiveRequest, nowMs: number): InFlight {
  const { requestId, startedAtMs, kind, phase } = request;
  const elapsedMs = Math.max(0, nowMs - startedAtMs);
  return {
    ...{ requestId, startedAtMs, kind, phase, elapsedMs },
    session: request.sessionId ?? null,
    agent: request.agentId ?? null,
    project: request.project ?? null,
    task: request.task ?? null,
    backend: request.backend ?? null,
    model: request.model ?? null,
    reason: request.reason ?? null,
    predictedTtftMs: request.predictedTtftMs ?? null,
    ttftMs: request.ttftMs ?? null,
    prefill: prefillOf(request, elapsedMs),
    promptTokens: request.promptTokens ?? null,
    promptTokensBasis: request.promptTokensBasis ?? null,
    cachedTokens: request.cachedTokens ?? null,
    outputTokens: request.outputTokens ?? null,
  };
}

function prefillOf(request: LiveRequest, elapsedMs: number): InFlight['prefill'] {
  const { phase, processedTokens, totalTokens, predictedTtftMs } = request;
  if (phase !== 'prefill') return null;
  if (processedTokens !== undefined && totalTokens !== undefined && totalTokens > 0) {
    return { percent: share(processedTokens, totalTokens), basis: 'reported' };
  }
  if (predictedTtftMs === undefined || predictedTtftMs <= 0) return null;
  // What was only expected never reads as done.
  return { percent: Math.min(99, share(elapsedMs, predictedTtftMs)), basis: 'predicted' };
}

function share(part: number, whole: number): number {
  return Math.min(100, Math.floor((100 * part) / whole));
}

export const IN_FLIGHT_COLUMNS: readonly Column<InFlight>[] = [
  {
    ...{ title: 'FOR s', side: 'right', dropOrder: 0, width: 5 },
    cell: ({ elapsedMs }) => (elapsedMs / 1000).toFixed(1),
  },
  { ...{ title: 'TASK', side: 'left', dropOrder: 0, width: 8 }, cell: taskOf },
  {
    ...{ title: 'BACKEND', side: 'left', dropOrder: 0, width: 10 },
    cell: ({ backend }, pen) => (backend === null ? pen.unknown : safe(backend, pen)),
  },
  { ...{ title: 'DOES', side: 'left', dropOrder: 0, width: 29 }, cell: doingOf, paint: doingPaint },
  {
    ...{ title: 'PROMPT', side: 'right', dropOrder: 2, width: 6 },
    cell: ({ promptTokens, promptTokensBasis }, pen) =>
      orInferred(shownTokens(promptTokens, pen), { inferred: promptTokensBasis === 'estimated' }),
  },
  {
    ...{ title: 'TTFT s', side: 'right', dropOrder: 3, width: 6 },
    cell: ({ ttftMs }, pen) => shownSeconds(ttftMs, pen),
  },
  {
    ...{ title: 'PROJECT', side: 'left', dropOrder: 4, width: 14 },
    cell: ({ project }, pen) => (project === null ? pen.unknown : safe(lastName(project), pen)),
  },
  {
    ...{ title: 'REQUEST', side: 'left', dropOrder: 5, width: 36 },
    cell: ({ requestId }, pen) => safe(requestId, pen),
  },
];

function taskOf({ task, kind }: InFlight, pen: Pen): string {
  return task ?? safe(kind, pen);
}

const BAR_CELLS = 6;

function doingOf({ phase, prefill, predictedTtftMs }: InFlight, pen: Pen): string {
  if (phase !== 'prefill') return phase;
  if (prefill === null) return 'prefill';
  const full = Math.round((prefill.percent / 100) * BAR_CELLS);
  const bar = pen.full.repeat(full) + pen.empty.repeat(BAR_CELLS - full);
  const percent = orInferred(`${prefill.percent}%`, { inferred: prefill.basis === 'predicted' });
  const expected = predictedTtftMs === null ? '' : ` of ~${(predictedTtftMs / 1000).toFixed(0)} s`;
  return `prefill ${bar} ${percent}${expected}`;
}

function doingPaint({ phase }: InFlight, pen: Pen) {
  return phase === 'writing' ? pen.green : phase === 'prefill' ? pen.yellow : pen.dim;
}
