// One line a request, as JSON. No prompt, no header value and no body is ever logged.

import { type DestinationStream, type Logger, pino } from 'pino';
import type { Outcome } from '../router/outcome.ts';

export type { Logger } from 'pino';

/** Lines go to stdout by themselves, behind whoever logs: a slow disk keeps no answer waiting. */
export function createLog(level: string, destination?: DestinationStream): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  return pino(options, destination ?? pino.destination({ dest: 1, sync: false }));
}

export function logOutcome(log: Logger, outcome: Outcome): void {
  const line = {
    requestId: outcome.requestId,
    kind: outcome.kind,
    backend: outcome.answeredBy,
    ...(outcome.model === undefined ? {} : { model: outcome.model }),
    ...(outcome.classification && {
      task: outcome.classification.task,
      because: outcome.classification.reason,
    }),
    ...(outcome.decision && { reason: outcome.decision.reason }),
    ...outcome.ending,
    status: outcome.httpStatus,
    durationMs: Math.round(outcome.durationMs),
    ...(outcome.ttftMs === undefined ? {} : { ttftMs: Math.round(outcome.ttftMs) }),
    cache: outcome.cache,
    ...(outcome.cacheBreak && { cacheBreak: outcome.cacheBreak }),
    ...(outcome.saved && { savedSeconds: Number(outcome.saved.seconds.toFixed(3)) }),
    ...(outcome.outputTokens === undefined ? {} : { outputTokens: outcome.outputTokens }),
    ...(outcome.attempts.length === 0 ? {} : { attempts: outcome.attempts }),
  };
  const level = outcome.ending.result === 'failed' ? 'warn' : 'info';
  log[level](line, outcome.message ?? outcome.ending.result);
}
