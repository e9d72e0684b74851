// Where an answer goes: Claude's event stream, or one JSON message for a client that did not ask to stream.
//
// Nothing is written before the first content frame or `commitAfterMs`, whichever comes first: a fast failure
// keeps a real HTTP status and fails over unseen. From then on silence is broken by pings, for Claude Code
// shows a stall banner after a minute without a byte and gives up after five.

import type { ServerResponse } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { errorBody } from '../wire/error.ts';
import { createFold } from '../wire/fold.ts';
import { encodeError, encodeFrame, type Frame, type MessageStart } from '../wire/frame.ts';
import type { ErrorReply } from './reply.ts';

export interface Sink {
  /** A target begins to answer: what an earlier one said is dropped, and its reply headers replace the earlier ones. */
  begin(headers: Readonly<Record<string, string>>): void;
  /** Resolves when the client can take more, or is gone. */
  write(frame: Frame): Promise<void>;
  /** Ends the reply with an error: a status where nothing was sent, else `event: error`. */
  fail(reply: ErrorReply): void;
  /** After the first content frame there is no going back to another backend. */
  readonly contentSent: boolean;
  readonly status: number;
  readonly bytesOut: number;
  /** Stops the keep-alive. Safe to call twice. */
  close(): void;
}

export type SinkOptions = {
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly commitAfterMs: number;
  readonly pingEveryMs: number;
  /** Sent when the headers must go out before the backend has said anything. */
  readonly openingFrame: () => MessageStart;
};

const SSE_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
};

export function createStreamSink(options: SinkOptions): Sink {
  const { response, requestId, pingEveryMs } = options;
  let headers: Readonly<Record<string, string>> = {};
  let started = false;
  let contentSent = false;
  let tokenSent = false;
  let pinging = false;
  let bytesOut = 0;
  let timer = setTimeout(breakSilence, options.commitAfterMs);

  function breakSilence(): void {
    if (!started) send(options.openingFrame());
    send({ type: 'ping' });
  }

  function restartTimer(): void {
    if (pinging) {
      timer.refresh();
      return;
    }
    pinging = true;
    clearTimeout(timer);
    timer = setTimeout(breakSilence, pingEveryMs);
  }

  function send(frame: Frame): void {
    if (response.writableEnded || response.destroyed) return;
    if (!response.headersSent) response.writeHead(200, { ...SSE_HEADERS, ...headers });
    if (frame.type === 'message_start') {
      // The keep-alive may have opened the message already; a second start would begin a second message.
      if (started) return;
      started = true;
    }
    const text = encodeFrame(frame);
    bytesOut += Buffer.byteLength(text);
    response.write(text);
    restartTimer();
  }

  return {
    begin(next) {
      headers = next;
    },
    async write(frame) {
      if (frame.type === 'content_block_start') contentSent = true;
      send(frame);
      if (frame.type === 'message_stop') {
        clearTimeout(timer);
        response.end();
      }
      if (frame.type === 'content_block_delta' && !tokenSent) {
        tokenSent = true;
        // The first token goes out now: Node holds writes back until a turn of the event loop ends, and whatever
        // came together with it, with all that is recorded at the end, would be done before.
        await setImmediate();
      }
      if (response.writableNeedDrain) await drained(response);
    },
    fail(reply) {
      clearTimeout(timer);
      if (!response.headersSent) {
        bytesOut += sendError(response, requestId, { ...reply, headers: { ...headers, ...reply.headers } });
        return;
      }
      response.end(encodeError(reply.type, reply.message, requestId));
    },
    get contentSent() {
      return contentSent;
    },
    get status() {
      return response.statusCode;
    },
    get bytesOut() {
      return bytesOut;
    },
    close() {
      clearTimeout(timer);
    },
  };
}

export function createJsonSink({ response, requestId }: SinkOptions): Sink {
  let fold = createFold();
  let headers: Readonly<Record<string, string>> = {};
  let bytesOut = 0;
  return {
    begin(next) {
      headers = next;
      fold = createFold();
    },
    async write(frame) {
      fold.add(frame);
      if (frame.type !== 'message_stop' || response.destroyed) return;
      bytesOut += sendJson(response, { status: 200, headers, body: fold.message() });
    },
    fail(reply) {
      bytesOut += sendError(response, requestId, { ...reply, headers: { ...headers, ...reply.headers } });
    },
    // Nothing is written before the message is whole, so every failure may still go to another backend.
    contentSent: false,
    get status() {
      return response.statusCode;
    },
    get bytesOut() {
      return bytesOut;
    },
    close() {},
  };
}

/** Ends when the client has read, or has left: a slow reader must not hold the backend's answer in memory. */
export function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}

export type JsonReply = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
};

/** Returns the number of bytes of the body; 0 where the client is gone. */
export function sendJson(response: ServerResponse, reply: JsonReply): number {
  if (response.headersSent || response.destroyed) return 0;
  const body = Buffer.from(JSON.stringify(reply.body));
  response.writeHead(reply.status, {
    'content-type': 'application/json',
    'content-length': body.length,
    ...reply.headers,
  });
  response.end(body);
  return body.length;
}

/** Returns the number of bytes of the body. */
export function sendError(response: ServerResponse, requestId: string, reply: ErrorReply): number {
  return sendJson(response, {
    status: reply.status,
    headers: { 'request-id': requestId, 'x-anyclaude-request-id': requestId, ...reply.headers },
    body: errorBody(reply.type, reply.message, requestId),
  });
}
