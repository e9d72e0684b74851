// One gate per backend: a server with one slot is never sent what it cannot take, and `queued`, `in flight` and
// `idle` have one meaning for everyone who asks.

import { BackendError } from './backend.ts';

export type Gate = {
  /** First come, first served. Rejects with the signal's reason, or with BackendError `queue-full`. */
  acquire(signal: AbortSignal): Promise<Release>;
  readonly inFlight: number;
  readonly queued: number;
  /** Nothing runs and nothing waits. */
  readonly idle: boolean;
};

/** Lets the next one through. Calling it twice is harmless. */
export type Release = () => void;

export type GateOptions = {
  readonly backend: string;
  readonly maxConcurrent: number;
  readonly maxQueued: number;
};

type Waiter = { readonly enter: () => void };

export function createGate({ backend, maxConcurrent, maxQueued }: GateOptions): Gate {
  const waiting = new Set<Waiter>();
  let inFlight = 0;

  function admit(): Release {
    inFlight += 1;
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      inFlight -= 1;
      const [next] = waiting;
      next?.enter();
    };
  }

  function wait(signal: AbortSignal): Promise<Release> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        waiting.delete(waiter);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        enter() {
          waiting.delete(waiter);
          signal.removeEventListener('abort', leave);
          resolve(admit());
        },
      };
      waiting.add(waiter);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  return {
    async acquire(signal) {
      signal.throwIfAborted();
      if (inFlight < maxConcurrent) return admit();
      if (waiting.size >= maxQueued) {
        throw new BackendError(
          { fault: 'queue-full', backend },
          `${backend} is busy and ${waiting.size} requests wait for it already; try again in a moment.`,
        );
      }
      return wait(signal);
    },
    get inFlight() {
      return inFlight;
    },
    get queued() {
      return waiting.size;
    },
    get idle() {
      return inFlight === 0 && waiting.size === 0;
    },
  };
}
