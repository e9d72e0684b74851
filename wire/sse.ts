// Server-sent events: bytes of a backend in, events out. The parsing is eventsource-parser's, which gives the
// same events for every way of cutting the bytes (test/wire/sse.test.ts cuts at each of them).

import { createParser } from 'eventsource-parser';
import { WireError } from './error.ts';

export type SseEvent =
  | { readonly kind: 'event'; readonly event?: string; readonly data: string }
  | { readonly kind: 'comment'; readonly text: string };

export type SseReader = {
  /** The events that these bytes complete. Throws WireError where a single event grows over the bound. */
  push(bytes: Uint8Array): readonly SseEvent[];
};

export type SseOptions = {
  /** Characters that one event may have. Default 16 Mi. */
  readonly maxEventChars?: number;
};

const MAX_EVENT_CHARS = 16 * 1024 * 1024;

/**
 * Reads one stream. An event without its closing blank line is never given out: what a stream ends in the
 * middle of is not known to be whole. Bytes that are no UTF-8 become U+FFFD.
 */
export function createSseReader(options: SseOptions = {}): SseReader {
  const maxEventChars = options.maxEventChars ?? MAX_EVENT_CHARS;
  const decoder = new TextDecoder();
  let events: SseEvent[] = [];

  const refuse = (): never => {
    throw new WireError(
      `The backend sent one event of more than ${maxEventChars} characters.`,
      502,
      'api_error',
    );
  };
  const parser = createParser({
    maxBufferSize: maxEventChars,
    onEvent: ({ event, data }) => {
      // The parser bounds what it buffers; an event that arrives in one piece is not buffered.
      if (data.length > maxEventChars) refuse();
      events.push(event === undefined ? { kind: 'event', data } : { kind: 'event', event, data });
    },
    onComment: (text) => events.push({ kind: 'comment', text }),
    onError: (error) => {
      if (error.type === 'max-buffer-size-exceeded') refuse();
    },
  });

  return {
    push(bytes) {
      events = [];
      parser.feed(decoder.decode(bytes, { stream: true }));
      return events;
    },
  };
}
