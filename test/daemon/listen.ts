// Reads the daemon's own event stream, as the page and `top` do.

import { EventSourceParserStream } from 'eventsource-parser/stream';
import type { LiveRequest, LiveSnapshot } from '../../daemon/live.ts';
import type { StatusReport } from '../../daemon/status.ts';

export type Event =
  | { readonly event: 'hello'; readonly data: LiveSnapshot & { readonly status: StatusReport } }
  | { readonly event: 'request'; readonly data: LiveRequest }
  | { readonly event: 'status'; readonly data: StatusReport };

export type Listening = {
  readonly reply: Response;
  /** All that was told, in its order. */
  readonly events: readonly Event[];
  readonly ids: readonly string[];
  /** The first event, told already or still to come, that is so; rejects where the stream ends without it. */
  until(isIt: (event: Event) => boolean): Promise<Event>;
  /** Resolves when the daemon has ended the stream. */
  readonly ended: Promise<void>;
  leave(): void;
};

export async function listen(url: string, headers: Record<string, string> = {}): Promise<Listening> {
  const leaving = new AbortController();
  const reply = await fetch(`${url}/api/events`, { signal: leaving.signal, headers });
  const events: Event[] = [];
  const ids: string[] = [];
  let isOver = false;
  let wake = Promise.withResolvers<void>();
  const ended = follow().finally(() => {
    isOver = true;
    wake.resolve();
  });

  async function follow(): Promise<void> {
    if (reply.body === null || !reply.ok) return;
    const stream = reply.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
    try {
      for await (const { event, data, id } of stream) {
        events.push({ event, data: JSON.parse(data) } as Event);
        ids.push(id ?? '');
        wake.resolve();
        wake = Promise.withResolvers();
      }
    } catch (error) {
      if (!leaving.signal.aborted) throw error;
    }
  }

  return {
    ...{ reply, events, ids, ended },
    async until(isIt) {
      for (let next = 0; ; ) {
        for (; next < events.length; next += 1) {
          const event = events[next];
          if (event !== undefined && isIt(event)) return event;
        }
        if (isOver) throw new Error(`The stream ended without it: ${JSON.stringify(events).slice(0, 2000)}`);
        await wake.promise;
      }
    },
    leave: () => leaving.abort(),
  };
}
