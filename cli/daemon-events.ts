// What the daemon tells as it happens, over its restarts: whoever follows never has to connect again.

import { setTimeout as delay } from 'node:timers/promises';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import type { LiveRequest, LiveSnapshot } from '../daemon/live.ts';
import { type DaemonState, daemonUrl, findDaemon } from '../daemon/state.ts';
import type { StatusReport } from '../daemon/status.ts';

export type Greeting = LiveSnapshot & { readonly status: StatusReport };

export type DaemonEvent =
  /** All there is, after every connection. */
  | { readonly event: 'hello'; readonly data: Greeting }
  | { readonly event: 'request'; readonly data: LiveRequest }
  | { readonly event: 'status'; readonly data: StatusReport }
  /** The daemon has gone; a hello follows when one is back. */
  | { readonly event: 'lost' };

const RETRY_MS = 500;
/** The daemon says something every 15 s: after three times of silence nobody is there, whatever the socket says. */
const SILENCE_MS = 45_000;

/** Until `signal` aborts. Never throws; `first` is the daemon that was found. */
export async function* followDaemon(
  home: string,
  first: DaemonState,
  signal: AbortSignal,
): AsyncGenerator<DaemonEvent> {
  let state: DaemonState | undefined = first;
  while (!signal.aborted) {
    let isConnected = false;
    for await (const event of state === undefined ? [] : eventsOf(state, signal)) {
      isConnected = true;
      yield event;
    }
    if (signal.aborted) return;
    if (isConnected) yield { event: 'lost' };
    await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
    state = await findDaemon(home).catch(() => undefined);
  }
}

/** One connection's events; ends with it, however it ends. */
async function* eventsOf(state: DaemonState, signal: AbortSignal): AsyncGenerator<DaemonEvent> {
  const silent = new AbortController();
  const timer = setTimeout(() => silent.abort(), SILENCE_MS).unref();
  try {
    const reply = await fetch(`${daemonUrl(state)}/api/events`, {
      headers: state.token === undefined ? {} : { 'x-anyclaude-token': state.token },
      signal: AbortSignal.any([signal, silent.signal]),
      redirect: 'error',
    });
    if (!reply.ok || reply.body === null) return;
    const heard = new EventSourceParserStream({ onComment: () => timer.refresh() });
    for await (const message of reply.body.pipeThrough(new TextDecoderStream()).pipeThrough(heard)) {
      timer.refresh();
      const event = readEvent(message.event, message.data);
      if (event !== undefined) yield event;
    }
  } catch {
    // Refused, reset, silent or told to stop: the caller tries again or not.
  } finally {
    clearTimeout(timer);
  }
}

/** The daemon is this package's own, so the shape of what it tells is taken on trust; what a newer one adds is left. */
function readEvent(event: string | undefined, data: string): DaemonEvent | undefined {
  switch (event) {
    case 'hello':
    case 'request':
    case 'status':
      return { event, data: JSON.parse(data) } as DaemonEvent;
    default:
      return undefined;
  }
}
