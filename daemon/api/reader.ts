// Questions to the record of requests, answered by a thread of their own that is started when somebody asks and ends
// when nobody has asked for a while. How many may wait, and for how long, is bounded.

import { Worker } from 'node:worker_threads';
import { WireError } from '../../wire/error.ts';
import type { Question } from './question.ts';

export type Reader = {
  /**
   * Resolves with a document, undefined where there is none of what was asked for. Rejects with WireError 503 where the
   * record cannot be read, or too much is asked.
   */
  ask(question: Question): Promise<object | undefined>;
  close(): Promise<void>;
};

export type ReaderOptions = { readonly path: string; readonly wall: () => number };

export type Asked = {
  readonly id: number;
  readonly path: string;
  readonly question: Question;
  readonly nowMs: number;
};
export type Told = { readonly id: number; readonly answer?: object; readonly problem?: string };

type Waiting = {
  readonly resolve: (answer: object | undefined) => void;
  readonly reject: (error: WireError) => void;
  readonly timer: NodeJS.Timeout;
};

const MOST_WAITING = 16;
const ANSWER_WITHIN_MS = 20_000;
const END_WHEN_IDLE_MS = 60_000;

export function createReader(options: ReaderOptions): Reader {
  return new ThreadedReader(options);
}

class ThreadedReader implements Reader {
  readonly #options: ReaderOptions;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  #asked = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  ask(question: Question): Promise<object | undefined> {
    if (this.#waiting.size >= MOST_WAITING) {
      return Promise.reject(unreadable('Too many questions are asked at once; ask again in a moment.'));
    }
    clearTimeout(this.#idle);
    this.#worker ??= this.#start();
    const id = ++this.#asked;
    const { promise, resolve, reject } = Promise.withResolvers<object | undefined>();
    const timer = setTimeout(() => this.#giveUp(), ANSWER_WITHIN_MS).unref();
    this.#waiting.set(id, { resolve, reject, timer });
    const { path, wall } = this.#options;
    this.#worker.postMessage({ id, path, question, nowMs: wall() } satisfies Asked);
    return promise;
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle);
    await this.#end('anyclaude is shutting down.');
  }

  #start(): Worker {
    // The compiled package has the same file beside this one, under the name that Node runs there.
    const file = import.meta.url.endsWith('.ts') ? './reader-worker.ts' : './reader-worker.js';
    const worker = new Worker(new URL(file, import.meta.url));
    worker.unref();
    worker.on('message', (told: Told) => this.#settle(told));
    worker.on('error', (error) => {
      if (worker === this.#worker) void this.#end(`The record cannot be read: ${error.message}.`);
    });
    return worker;
  }

  #settle({ id, answer, problem }: Told): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if (problem === undefined) waiting.resolve(answer);
    else waiting.reject(unreadable(problem));
    if (this.#waiting.size === 0) this.#idle = setTimeout(() => this.close(), END_WHEN_IDLE_MS).unref();
  }

  #giveUp(): void {
    void this.#end(`The record did not answer within ${ANSWER_WITHIN_MS / 1000} s; ask for a shorter time.`);
  }

  async #end(message: string): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(unreadable(message));
    }
    this.#waiting.clear();
    await worker?.terminate();
  }
}

function unreadable(message: string): WireError {
  return new WireError(message, 503, 'api_error');
}
