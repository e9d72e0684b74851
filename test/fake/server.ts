// A scripted server on loopback. A Reply says, byte by byte, what it sends and how the connection ends; the
// ledger says what it was asked and when the asker went away. Dialects are in chat.ts and messages.ts.

import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Bytes are one write each; `until` holds the reply back until the promise settles. */
export type Part = string | Buffer | { readonly until: Promise<unknown> } | { readonly pauseMs: number };

export type Reply = {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Held back before the status line. */
  readonly before?: Promise<unknown>;
  readonly parts: readonly Part[];
  /**
   * `end` (default): as HTTP promises. `cut`: the connection closes without the end mark (on HTTP/1.0 the same as
   * `end`). `reset`: RST. `open`: nothing more, until the client leaves. `drop`: closed before any byte.
   */
  readonly ending?: 'end' | 'cut' | 'reset' | 'open' | 'drop';
};

export type Seen = {
  readonly method: string;
  /** With its query string. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  /** The parsed body; an empty object where it is no JSON object. */
  readonly json: Readonly<Record<string, unknown>>;
  /** `client-left`: the connection closed before the reply was through. */
  readonly ended: Promise<'sent' | 'client-left'>;
};

export type Script = Reply | ((seen: Seen) => Reply | Promise<Reply>);

export type FakeOptions = {
  /** `1.0`: no chunked coding, no keep-alive, a body ends where the connection does. */
  readonly http: '1.0' | '1.1';
  /** Replies to GET by path, without the query. Any other GET is answered by `unknown`. */
  readonly pages: Readonly<Record<string, Reply>>;
  readonly unknown: Reply;
  /** Replies to every POST that `next` has not laid a reply out for. */
  readonly script: Script;
};

export type Fake = {
  readonly url: string;
  readonly port: number;
  /** Every request, probes included, in the order of arrival. */
  readonly requests: readonly Seen[];
  /** The POSTs alone. */
  readonly posts: readonly Seen[];
  /** POSTs being answered now, and the most there ever were at once. */
  readonly active: number;
  readonly maxActive: number;
  /** Lays out replies for the coming POSTs, one each. */
  next(...scripts: readonly Script[]): void;
  /** The POST at this place (from 0), as soon as it has arrived. */
  post(index: number): Promise<Seen>;
  /** Closes what is still open. */
  close(): Promise<void>;
};

export async function startFake(options: FakeOptions): Promise<Fake> {
  const requests: Seen[] = [];
  const queue: Script[] = [];
  const arrivals = new Set<() => void>();
  const gone = Promise.withResolvers<void>();
  let active = 0;
  let maxActive = 0;
  const posts = (): Seen[] => requests.filter(({ method }) => method === 'POST');

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const seen = await record(request, response);
    requests.push(seen);
    for (const tell of arrivals) tell();
    if (seen.method !== 'POST') return send(response, pageFor(seen, options), options.http);
    active += 1;
    maxActive = Math.max(maxActive, active);
    try {
      const script = queue.shift() ?? options.script;
      const left = Promise.race([seen.ended, gone.promise]);
      await send(response, typeof script === 'function' ? await script(seen) : script, options.http, left);
    } finally {
      active -= 1;
    }
  }

  const server = createServer({ keepAliveTimeout: 5_000 }, (request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    get posts() {
      return posts();
    },
    get active() {
      return active;
    },
    get maxActive() {
      return maxActive;
    },
    next: (...scripts) => void queue.push(...scripts),
    async post(index) {
      for (;;) {
        const seen = posts()[index];
        if (seen) return seen;
        await new Promise<void>((resolve) => arrivals.add(resolve));
      }
    },
    async close() {
      gone.resolve();
      server.closeAllConnections();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
}

/** The same reply with only the first `bytes` bytes of its body; then the connection ends as said. */
export function cutAt(reply: Reply, bytes: number, ending: 'cut' | 'reset' | 'open' = 'cut'): Reply {
  return { ...reply, parts: [bodyOf(reply).subarray(0, bytes)], ending };
}

/** What a reply would send as its body. */
export function bodyOf({ parts }: Reply): Buffer {
  return Buffer.concat(parts.flatMap((part) => (isBytes(part) ? [Buffer.from(part as string)] : [])));
}

export function json(body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Reply {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    parts: [JSON.stringify(body)],
  };
}

export function text(body: string, status = 200, contentType = 'text/plain'): Reply {
  return { status, headers: { 'content-type': contentType }, parts: [body] };
}

export const html: Reply = text(
  '<!DOCTYPE html><html><body>Sign in to the hotel network</body></html>',
  200,
  'text/html',
);

/** Takes the request and says nothing until it is released; then it goes on with `reply`. */
export function held(reply: Reply, release: Promise<unknown>): Reply {
  return { ...reply, before: release };
}

/** Takes the request and never says anything. */
export const stall: Reply = { parts: [], before: new Promise(() => {}) };
/** Takes the request and closes the connection without a byte. */
export const drop: Reply = { parts: [], ending: 'drop' };
/** Takes the request and resets the connection without a byte. */
export const reset: Reply = { parts: [], ending: 'reset', status: 0 };

export function eventStream(parts: readonly Part[], ending?: Reply['ending']): Reply {
  return {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' },
    parts,
    ...(ending && { ending }),
  };
}

// ---- Receiving and sending ----------------------------------------------------------------------------

async function record(request: IncomingMessage, response: ServerResponse): Promise<Seen> {
  const ended = new Promise<'sent' | 'client-left'>((resolve) => {
    response.once('finish', () => resolve('sent'));
    response.once('close', () => resolve('client-left'));
  });
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const { method = '', url = '', headers, rawHeaders } = request;
  return { method, path: url, headers, rawHeaders, body, json: parse(body), ended };
}

function parse(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body.toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function pageFor({ path }: Seen, { pages, unknown }: FakeOptions): Reply {
  return pages[path.split('?')[0] ?? ''] ?? unknown;
}

/** `left` settles when nobody waits for the rest any more. */
async function send(
  response: ServerResponse,
  reply: Reply,
  http: FakeOptions['http'],
  left: Promise<unknown> = new Promise(() => {}),
): Promise<void> {
  const socket = response.socket;
  if (!socket) return;
  if (reply.before) await Promise.race([reply.before, left]);
  if (reply.ending === 'drop') return void socket.destroy();
  if (reply.ending === 'reset' && reply.status === 0) return void socket.resetAndDestroy();
  const write = http === '1.0' ? openHttp10(response, reply) : openHttp11(response, reply);
  for (const part of reply.parts) {
    if (socket.destroyed) return;
    if (isBytes(part)) write(part);
    else await Promise.race([left, 'until' in part ? part.until : pause(part.pauseMs)]);
  }
  await finish(response, reply.ending ?? 'end', http, left);
}

function openHttp11(response: ServerResponse, reply: Reply): (part: string | Buffer) => void {
  response.writeHead(reply.status ?? 200, reply.headers);
  response.flushHeaders();
  return (part) => void response.write(part);
}

/** Written past node:http, which does not speak HTTP/1.0. */
function openHttp10(response: ServerResponse, reply: Reply): (part: string | Buffer) => void {
  const headers = Object.entries({ server: 'BaseHTTP/0.6 Python/3.11.7', ...reply.headers });
  const lines = [
    `HTTP/1.0 ${reply.status ?? 200} Whatever`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  response.socket?.write(`${lines.join('\r\n')}\r\n\r\n`);
  return (part) => void response.socket?.write(part);
}

async function finish(
  response: ServerResponse,
  ending: 'end' | 'cut' | 'reset' | 'open',
  http: FakeOptions['http'],
  left: Promise<unknown>,
): Promise<void> {
  const { socket } = response;
  if (ending === 'open') await left;
  else if (ending === 'end' && http === '1.1') response.end();
  else if (ending === 'reset') await flushed(socket, () => socket?.resetAndDestroy());
  else {
    if (ending === 'end') response.emit('finish');
    socket?.end();
  }
}

/** A reset right behind the bytes would overtake them. */
async function flushed(socket: ServerResponse['socket'], then: () => void): Promise<void> {
  await new Promise<void>((resolve) => socket?.write('', () => resolve()));
  await pause(5);
  then();
}

function isBytes(part: Part): part is string | Buffer {
  return typeof part === 'string' || Buffer.isBuffer(part);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
