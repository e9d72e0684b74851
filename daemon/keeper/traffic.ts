// Whether anything is asked of the daemon right now: what fills pauses begins when nothing is, and ends with the first
// sign of a request, before anything is known of it.

export type Traffic = {
  /** The headers of a request are here; what it answers is to be called when the request has ended, however it did. */
  arrived(): () => void;
  readonly inFlight: number;
  /** Called at each arrival, before the body is read. Answers how to stop that. */
  onArrival(listener: () => void): () => void;
  /** Called when the last request has ended. */
  onQuiet(listener: () => void): void;
};

export function createTraffic(): Traffic {
  const listeners = new Set<() => void>();
  const quiet: (() => void)[] = [];
  let inFlight = 0;
  return {
    arrived() {
      inFlight += 1;
      for (const listener of listeners) listener();
      let hasLeft = false;
      return () => {
        if (hasLeft) return;
        hasLeft = true;
        inFlight -= 1;
        if (inFlight === 0) for (const listener of quiet) listener();
      };
    },
    get inFlight() {
      return inFlight;
    },
    onArrival(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onQuiet: (listener) => quiet.push(listener),
  };
}
