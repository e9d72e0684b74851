// Two cold requests that begin alike, one after the other instead of both at once: mlx_lm.server computes what they
// share for each of them if they come together, and once if the second comes when the first has been read.

import type { Release } from './gate.ts';

export type PrefixFlights = {
  /**
   * Waits as long as another request with this prefix is being read, for a while. What it answers is to be called
   * when the prompt has been read, or the request has ended. Rejects with the signal's reason.
   */
  enter(prefix: string, signal: AbortSignal): Promise<Release>;
};

export type PrefixFlightsOptions = {
  /** Longest wait: after it the request goes on as if it were alone. */
  readonly patienceMs?: number;
  readonly maxWaiting?: number;
};

const PATIENCE_MS = 120_000;
const MAX_WAITING = 64;

export function createPrefixFlights({
  patienceMs = PATIENCE_MS,
  maxWaiting = MAX_WAITING,
}: PrefixFlightsOptions = {}): PrefixFlights {
  const reading = new Map<string, Promise<void>>();
  let waiting = 0;

  function lead(prefix: string): Release {
    const { promise, resolve } = Promise.withResolvers<void>();
    reading.set(prefix, promise);
    return () => {
      if (reading.get(prefix) === promise) reading.delete(prefix);
      resolve();
    };
  }

  return {
    async enter(prefix, signal) {
      signal.throwIfAborted();
      const other = reading.get(prefix);
      if (other === undefined) return lead(prefix);
      if (waiting >= maxWaiting) return () => {};
      waiting += 1;
      try {
        await patiently(other, patienceMs, signal);
      } finally {
        waiting -= 1;
      }
      // Those that waited together find it cached now: they need not wait for each other.
      return () => {};
    },
  };
}

function patiently(done: Promise<void>, patienceMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(end, patienceMs);
    const leave = () => end(() => reject(signal.reason));
    signal.addEventListener('abort', leave, { once: true });
    void done.then(() => end());
    function end(settle: () => void = resolve): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', leave);
      settle();
    }
  });
}
