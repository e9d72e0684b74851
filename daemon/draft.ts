// The outcome of one request while it is being written: what is known is added as it becomes known, and
// `finish` turns it into the one Outcome. What never became known stays absent.

import type { Classification, Decision } from '../router/decision.ts';
import type { Attempt, CacheBreak, CacheReport, Ending, Kind, Outcome, Signal } from '../router/outcome.ts';
import type { Saved } from '../router/savings.ts';
import type { Caller } from '../wire/caller.ts';
import type { Phase } from '../wire/error.ts';
import type { Tally } from './tally.ts';

export type Clock = {
  /** Monotonic milliseconds: durations are differences of these. */
  readonly now: () => number;
  /** Milliseconds since the Unix epoch. */
  readonly wall: () => number;
};

export type Known = {
  kind: Kind;
  requestedModel: string;
  stream: boolean;
  caller?: Caller;
  turnId?: string;
  classification?: Classification;
  decision?: Decision;
  signals?: readonly Signal[];
  /** What the plan took the prompt for. The outcome has the backend's own count, or none. */
  estimatedPromptTokens?: number;
  /** Cached tokens as the wait betrayed them, where the backend told nothing. */
  inferredCachedTokens?: number;
  cacheBreak?: CacheBreak;
  saved?: Saved;
  serverVersion?: string;
  coldLoad?: boolean;
  answeredBy: string;
  model?: string;
  queueMs?: number;
  overheadMs?: number;
  classifyMs?: number;
  translateMs?: number;
  httpStatus: number;
  bytesOut: number;
  invalidToolCalls: number;
  message?: string;
};

export type Draft = {
  readonly requestId: string;
  readonly startedAtMs: number;
  /** Monotonic time of arrival. */
  readonly arrivedMs: number;
  readonly attempts: Attempt[];
  readonly known: Known;
  phase: Phase;
  finish(ending: Ending, tally: Tally): Outcome;
};

export function createDraft(requestId: string, bytesIn: number, clock: Clock): Draft {
  const arrivedMs = clock.now();
  const startedAtMs = clock.wall();
  const attempts: Attempt[] = [];
  const known: Known = {
    kind: 'unreadable',
    requestedModel: '',
    stream: false,
    answeredBy: 'daemon',
    httpStatus: 0,
    bytesOut: 0,
    invalidToolCalls: 0,
  };
  return {
    requestId,
    startedAtMs,
    arrivedMs,
    attempts,
    known,
    phase: 'queued',
    finish(ending, tally) {
      const { caller, inferredCachedTokens, estimatedPromptTokens: _estimate, ...rest } = known;
      const first = tally.firstContentAtMs;
      return {
        requestId,
        startedAtMs,
        durationMs: clock.now() - arrivedMs,
        bytesIn,
        attempts,
        ...rest,
        ...whoSent(caller),
        ...(first === undefined ? {} : { ttftMs: first - arrivedMs }),
        ...(tally.firstTokenAtMs === undefined ? {} : { firstTokenMs: tally.firstTokenAtMs - arrivedMs }),
        ...(tally.usage?.outputTokens === undefined ? {} : { outputTokens: tally.usage.outputTokens }),
        ...(tally.stopReason === undefined ? {} : { stopReason: tally.stopReason }),
        toolCalls: tally.toolCalls.map((call) => call.name),
        cache: withInference(tally.cache, inferredCachedTokens),
        ending,
      };
    },
  };
}

function withInference(report: CacheReport, cachedTokens: number | undefined): CacheReport {
  const { evidence, promptTokens } = report;
  if (evidence !== 'none' || cachedTokens === undefined || promptTokens === undefined) return report;
  return { evidence: 'inferred', promptTokens, cachedTokens: Math.min(promptTokens, cachedTokens) };
}

/** The columns that say who sent a request, as far as the client said it. */
export function whoSent(
  caller: Caller | undefined,
): Pick<Outcome, 'sessionId' | 'agentId' | 'project' | 'clientVersion'> {
  const { sessionId, agentId, project, userAgent } = caller ?? {};
  const clientVersion = userAgent?.match(/^claude-cli\/([\w.-]{1,40})/)?.[1];
  return {
    ...(sessionId === undefined ? {} : { sessionId }),
    ...(agentId === undefined ? {} : { agentId }),
    ...(project === undefined ? {} : { project }),
    ...(clientVersion === undefined ? {} : { clientVersion }),
  };
}
