// The Claude API. The bytes received go on unchanged, with the client's own credentials, and its status, headers
// and bytes come back unchanged: a changed body has been seen to turn a paid request into a refused one.

import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { createFrameReader } from '../wire/from-anthropic.ts';
import type { Backend, Received } from './backend.ts';
import { BackendError } from './backend.ts';
import { Deadline } from './deadline.ts';
import { createHttp, type Http, type HttpRequest } from './http.ts';
import { type Budgets, openStream } from './stream.ts';

export type Exchange = {
  readonly status: number;
  /** As received, without those that concern one connection only. */
  readonly headers: IncomingHttpHeaders;
  /** The bytes as received. Throws BackendError where they break off; leaving early closes the connection. */
  readonly body: AsyncIterable<Buffer>;
};

export type ClaudeBackend = Backend & {
  /**
   * Passes a request on, whatever its path. Resolves with any status; rejects with BackendError where there was no
   * answer, or with the signal's reason.
   */
  exchange(received: Received, signal: AbortSignal): Promise<Exchange>;
};

export type ClaudeBackendOptions = {
  readonly name: string;
  /** With or without `/v1`. */
  readonly baseUrl: string;
  /** Of what the client sends, this is not passed on: a token meant for the daemon alone. */
  readonly ownToken?: string | undefined;
  readonly budgets?: Budgets;
};

/** The API sends pings, but a whole answer that is not streamed may take this long. */
const BUDGETS: Budgets = { firstTokenMs: () => 600_000, idleMs: 300_000, loadMs: 600_000 };
/** The way there is long, and a proxy may stand in it. */
const CONNECT_TIMEOUT_MS = 10_000;

export function createClaudeBackend(options: ClaudeBackendOptions): ClaudeBackend {
  const { name, baseUrl, ownToken, budgets = BUDGETS } = options;
  const http = createHttp({ backend: name, url: baseUrl, connectTimeoutMs: CONNECT_TIMEOUT_MS });
  const line = { http, budgets, mustLoad: () => false };
  return {
    name,
    async exchange(received, signal) {
      const deadline = new Deadline(signal, (budgetMs) => stalled(http, budgetMs));
      deadline.wait(budgets.firstTokenMs(0));
      try {
        const { status, headers, body } = await http.send(passedOn(received, ownToken), deadline.signal);
        deadline.rest();
        body.once('close', () => deadline.end());
        const bytes = readBytes(body, { http, deadline, idleMs: budgets.idleMs });
        return { status, headers: endToEnd(headers), body: bytes };
      } catch (error) {
        deadline.end();
        throw error;
      }
    },
    open(request, signal) {
      const translator = createFrameReader({ origin: 'claude' });
      return openStream({ line, request, send: passedOn(request.received, ownToken), translator }, signal);
    },
    close: () => http.close(),
  };
}

async function* readBytes(
  body: Readable,
  { http, deadline, idleMs }: { http: Http; deadline: Deadline; idleMs: number },
): AsyncGenerator<Buffer> {
  const chunks: AsyncIterator<Buffer> = body.iterator();
  try {
    for (;;) {
      deadline.wait(idleMs);
      const { done, value } = await chunks.next();
      deadline.rest();
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw http.errorOf(error, deadline.signal);
  } finally {
    body.destroy();
  }
}

function stalled({ backend, url }: Http, budgetMs: number): BackendError {
  const message = `${backend} at ${url}: It gave no sign of life for ${Math.round(budgetMs / 1000)} s.`;
  return new BackendError({ fault: 'stalled', backend }, message);
}

// ---- Headers ------------------------------------------------------------------------------------------

/** They concern one connection (RFC 9110, 7.6.1) or the daemon, not the API. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** Written anew by http.ts, or nobody else's business. */
const NOT_PASSED: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'expect',
  'cookie',
  'origin',
  'referer',
]);

function passedOn({ method, path, headers, body }: Received, ownToken: string | undefined): HttpRequest {
  const kept = Object.entries(endToEnd(headers)).flatMap(([name, value]) => {
    const isOurs = NOT_PASSED.has(name) || name.startsWith('x-anyclaude-') || isToken(value, ownToken);
    return value === undefined || isOurs ? [] : [[name, value] as const];
  });
  return { method, path, headers: Object.fromEntries(kept), ...(body.length > 0 && { body }) };
}

function isToken(value: string | readonly string[] | undefined, token: string | undefined): boolean {
  return token !== undefined && (value === token || value === `Bearer ${token}`);
}

function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  const kept = Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name) && !named.includes(name));
  return Object.fromEntries(kept);
}
