// One line a request, as JSON. No prompt, no header value and no body is ever logged.

import { type DestinationStream, type Logger, pino } from 'pino';
import type { Outcome } from '../router/outcome.ts';

export type { Logger } from 'pino';

export function createLog(level: string, destination: DestinationStream = laterToStdout()): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}

const GATHER_MS = 50;
const MOST_GATHERED_CHARS = 8 * 1024;

/** Lines are gathered for a moment and written together: a disk that is slow just then keeps no answer waiting. */
function laterToStdout(): DestinationStream {
  const stdout = pino.destination({ dest: 1, sync: true, minLength: MOST_GATHERED_CHARS });
  let isDue = false;
  process.once('exit', () => {
    try {
      stdout.flushSync();
    } catch {
      // Nobody reads it any more.
    }
  });
  return {
    write(line) {
      stdout.write(line);
      if (isDue) return;
      isDue = true;
      setTimeout(() => {
        isDue = false;
        stdout.flush();
      }, GATHER_MS).unref();
    },
  };
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
