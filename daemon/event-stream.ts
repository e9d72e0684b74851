// GET /api/events: what happens, as server-sent events, to everyone who listens.
//
// A listener that does not read is told nothing more until it has caught up; then it gets one fresh picture in place
// of all it missed. So a sleeping laptop or a stuck terminal never makes the daemon hold events for it.

import type { ServerResponse } from 'node:http';
import { WireError } from '../wire/error.ts';
import type { Live } from './live.ts';
import type { StatusReport } from './status.ts';

export type EventStreams = {
  /** Answers with the stream; it ends when the client leaves, or `close` is called. Throws WireError 503 where it may not. */
  open(response: ServerResponse): void;
  readonly listeners: number;
  /** Ends all streams and takes no more: an open page must not hold up the end of the daemon. */
  close(): void;
};

export type EventSources = {
  readonly live: Pick<Live, 'snapshot' | 'watch'>;
  readonly status: () => StatusReport;
  /** Defaults are for real listeners; tests wait less. */
  readonly timing?: Partial<EventTiming>;
};

type EventTiming = {
  readonly pingEveryMs: number;
  readonly statusEveryMs: number;
  /** Who has read nothing for so long is gone, whatever the socket says. */
  readonly stuckAfterMs: number;
};

const TIMING: EventTiming = { pingEveryMs: 15_000, statusEveryMs: 500, stuckAfterMs: 60_000 };
const MOST_LISTENERS = 32;
const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
};

type Listener = {
  readonly response: ServerResponse;
  /** Set while what was written has not been read. */
  behindSinceMs?: number;
  missed: boolean;
};

export function createEventStreams({ live, status, timing }: EventSources): EventStreams {
  return new Streams({ live, status }, { ...TIMING, ...timing });
}

class Streams implements EventStreams {
  readonly #live: EventSources['live'];
  readonly #status: () => StatusReport;
  readonly #timing: EventTiming;
  readonly #listeners = new Set<Listener>();
  #stopWatching: (() => void) | undefined;
  #ping: NodeJS.Timeout | undefined;
  #statusLook: NodeJS.Timeout | undefined;
  #toldStatus = '';
  #events = 0;
  #closed = false;

  constructor({ live, status }: EventSources, timing: EventTiming) {
    this.#live = live;
    this.#status = status;
    this.#timing = timing;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  open(response: ServerResponse): void {
    if (this.#closed) throw new WireError('anyclaude is shutting down.', 503, 'api_error');
    if (this.#listeners.size >= MOST_LISTENERS) {
      const message = `${MOST_LISTENERS} event streams are open already; close a page or a terminal that follows.`;
      throw new WireError(message, 503, 'api_error');
    }
    const listener: Listener = { response, missed: false };
    response.writeHead(200, HEADERS);
    response.on('close', () => this.#leave(listener));
    response.on('drain', () => this.#catchUp(listener));
    if (this.#listeners.size === 0) this.#begin();
    this.#listeners.add(listener);
    this.#send(listener, this.#hello());
  }

  close(): void {
    this.#closed = true;
    for (const { response } of this.#listeners) {
      response.end();
      // A client that does not read would keep the connection, and with it the daemon, for as long as it likes.
      setTimeout(() => response.destroy(), 1_000).unref();
    }
  }

  #begin(): void {
    this.#toldStatus = lasting(this.#status());
    this.#stopWatching = this.#live.watch((changed) => {
      this.#tell(changed.map((request) => this.#event('request', request)).join(''));
    });
    this.#ping = setInterval(() => this.#pingAll(), this.#timing.pingEveryMs).unref();
    this.#statusLook = setInterval(() => this.#tellStatus(), this.#timing.statusEveryMs).unref();
  }

  #leave(listener: Listener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return;
    this.#stopWatching?.();
    clearInterval(this.#ping);
    clearInterval(this.#statusLook);
  }

  #hello(): string {
    return this.#event('hello', { ...this.#live.snapshot(), status: this.#status() });
  }

  #event(name: string, data: unknown): string {
    return `id: ${++this.#events}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
  }

  #tellStatus(): void {
    const status = this.#status();
    const told = lasting(status);
    if (told === this.#toldStatus) return;
    this.#toldStatus = told;
    this.#tell(this.#event('status', status));
  }

  #pingAll(): void {
    const now = performance.now();
    for (const { response, behindSinceMs } of this.#listeners) {
      if (now - (behindSinceMs ?? now) > this.#timing.stuckAfterMs) response.destroy();
    }
    this.#tell(': ping\n\n');
  }

  #tell(text: string): void {
    for (const listener of this.#listeners) {
      if (listener.behindSinceMs === undefined) this.#send(listener, text);
      else listener.missed = true;
    }
  }

  #send(listener: Listener, text: string): void {
    const { response } = listener;
    if (response.destroyed || response.writableEnded) return;
    if (!response.write(text)) listener.behindSinceMs = performance.now();
  }

  #catchUp(listener: Listener): void {
    delete listener.behindSinceMs;
    if (!listener.missed) return;
    listener.missed = false;
    this.#send(listener, this.#hello());
  }
}

/** What a listener need not be told of again: all but the passing of time. */
function lasting({ uptimeS: _passing, ...rest }: StatusReport): string {
  return JSON.stringify(rest);
}
