// How long a backend may be silent. Only waiting for it counts: while the client is slow to read, nothing does.

/** One request's patience. `signal` aborts with the caller's reason, or with `expired()` when time is up. */
export class Deadline {
  readonly signal: AbortSignal;
  readonly #abort = new AbortController();
  readonly #caller: AbortSignal;
  readonly #expired: (budgetMs: number) => Error;
  readonly #onAbort = (): void => this.#abort.abort(this.#caller.reason);
  #timer: NodeJS.Timeout | undefined;

  constructor(caller: AbortSignal, expired: (budgetMs: number) => Error) {
    this.signal = this.#abort.signal;
    this.#caller = caller;
    this.#expired = expired;
    if (caller.aborted) this.#onAbort();
    else caller.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** From now on this much silence is allowed. */
  wait(budgetMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#abort.abort(this.#expired(budgetMs)), budgetMs);
  }

  /** The backend has given a sign of life, and nothing is waited for until the next `wait`. */
  rest(): void {
    clearTimeout(this.#timer);
  }

  /** Nothing aborts any more. */
  end(): void {
    this.rest();
    this.#caller.removeEventListener('abort', this.#onAbort);
  }
}
