// One request that has ended, as `tail` and `top` show it, whoever told of it: the daemon as it happened, or the file
// later. What is not known is null.

import type { LiveRequest } from '../daemon/live.ts';
import { type CacheResult, cacheResult } from '../router/cache.ts';
import { decodeOf, tokensPerSecond } from '../router/decode.ts';
import type { HistoryRow } from '../store/history.ts';
import type { Column } from './columns.ts';
import { type Pen, safe } from './screen.ts';
import { lastName, orInferred, shownClock, shownSeconds, shownShare, shownTokens } from './shown.ts';

export type EndedRequest = {
  readonly requestId: string;
  readonly startedAtMs: number;
  readonly session: string | null;
  readonly project: string | null;
  readonly kind: string | null;
  readonly task: string | null;
  readonly backend: string | null;
  readonly model: string | null;
  readonly reason: string | null;
  readonly result: string;
  readonly fault: string | null;
  readonly message: string | null;
  readonly ttftMs: number | null;
  readonly predictedTtftMs: number | null;
  readonly cache: CacheResult;
  readonly cacheEvidence: string;
  readonly promptTokens: number | null;
  readonly cachedTokens: number | null;
  readonly outputTokens: number | null;
  readonly outputTokensPerS: number | null;
  readonly durationMs: number | null;
};

export function endedLive(request: LiveRequest): EndedRequest {
  const { cacheEvidence = 'none', promptTokens, cachedTokens, startedAtMs, requestId, kind } = request;
  const known = cacheEvidence !== 'none' && promptTokens !== undefined && cachedTokens !== undefined;
  return {
    ...{ requestId, startedAtMs, kind, cacheEvidence },
    session: request.sessionId ?? null,
    project: request.project ?? null,
    task: request.task ?? null,
    backend: request.backend ?? null,
    model: request.model ?? null,
    reason: request.reason ?? null,
    result: request.result ?? 'interrupted',
    fault: request.fault ?? null,
    message: request.message ?? null,
    ttftMs: request.ttftMs ?? null,
    predictedTtftMs: request.predictedTtftMs ?? null,
    cache: known ? cacheResult({ evidence: cacheEvidence, promptTokens, cachedTokens }) : 'unknown',
    promptTokens: promptTokens ?? null,
    cachedTokens: cachedTokens ?? null,
    outputTokens: request.outputTokens ?? null,
    outputTokensPerS: request.decodeTokensPerSecond ?? null,
    durationMs: request.durationMs ?? null,
  };
}

export function endedStored(row: HistoryRow): EndedRequest {
  const { taskProbability: _p, firstTokenMs: _f, attempts: _a, break: _b, savedSeconds: _s, ...rest } = row;
  const decode = decodeOf(row);
  return { ...rest, outputTokensPerS: decode ? tokensPerSecond(decode) : null };
}

const WARMTH = { hit: 'warm', partial: 'partly', miss: 'cold', unknown: '' } as const;

/** Of fixed width: lines that come one by one stand under each other. */
export const ENDED_COLUMNS: readonly Column<EndedRequest>[] = [
  {
    ...{ title: 'TIME', side: 'left', dropOrder: 0, width: 8 },
    cell: ({ startedAtMs }) => shownClock(startedAtMs),
  },
  {
    ...{ title: 'TASK', side: 'left', dropOrder: 0, width: 8 },
    cell: ({ task, kind }, pen) => task ?? (kind === null ? pen.unknown : safe(kind, pen)),
  },
  {
    ...{ title: 'BACKEND', side: 'left', dropOrder: 0, width: 10 },
    cell: ({ backend }, pen) => (backend === null ? pen.unknown : safe(backend, pen)),
  },
  {
    ...{ title: 'TTFT s', side: 'right', dropOrder: 0, width: 6 },
    cell: ({ ttftMs }, pen) => shownSeconds(ttftMs, pen),
  },
  { ...{ title: '', side: 'left', dropOrder: 0, width: 7 }, cell: warmth, paint: warmthPaint },
  {
    ...{ title: 'PROMPT', side: 'right', dropOrder: 4, width: 6 },
    cell: ({ promptTokens }, pen) => shownTokens(promptTokens, pen),
  },
  {
    ...{ title: 'CACHED%', side: 'right', dropOrder: 3, width: 7 },
    cell: ({ cachedTokens, promptTokens, cacheEvidence }, pen) =>
      orInferred(shownShare(cachedTokens, promptTokens, pen), { inferred: cacheEvidence === 'inferred' }),
  },
  {
    ...{ title: 'OUT', side: 'right', dropOrder: 7, width: 5 },
    cell: ({ outputTokens }, pen) => shownTokens(outputTokens, pen),
  },
  {
    ...{ title: 'TOK/S', side: 'right', dropOrder: 5, width: 5 },
    cell: ({ outputTokensPerS: rate }, pen) =>
      rate === null ? pen.unknown : rate.toFixed(rate < 100 ? 1 : 0),
  },
  {
    ...{ title: 'TOOK s', side: 'right', dropOrder: 2, width: 6 },
    cell: ({ durationMs }, pen) => shownSeconds(durationMs, pen),
  },
  { ...{ title: 'RESULT', side: 'left', dropOrder: 0, width: 9 }, cell: resultOf, paint: resultPaint },
  {
    ...{ title: 'PROJECT', side: 'left', dropOrder: 6, width: 14 },
    cell: ({ project }, pen) => (project === null ? pen.unknown : safe(lastName(project), pen)),
  },
  {
    ...{ title: 'REQUEST', side: 'left', dropOrder: 8, width: 36 },
    cell: ({ requestId }, pen) => safe(requestId, pen),
  },
];

function warmth({ cache, cacheEvidence }: EndedRequest): string {
  const word = WARMTH[cache];
  return word !== '' && cacheEvidence === 'inferred' ? `~${word}` : word;
}

function warmthPaint({ cache }: EndedRequest, pen: Pen) {
  return cache === 'hit' ? pen.green : cache === 'miss' ? pen.yellow : undefined;
}

function resultOf({ result, fault }: EndedRequest, pen: Pen): string {
  return result === 'completed' ? 'ok' : safe(fault ?? result, pen);
}

function resultPaint({ result }: EndedRequest, pen: Pen) {
  return result === 'completed' ? undefined : result === 'cancelled' ? pen.dim : pen.red;
}
