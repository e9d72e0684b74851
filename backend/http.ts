// HTTP to one backend: one request is one try. Deadlines are ours (deadline.ts), because undici's own would cut a
// long prefill; redirects are not followed; a body is asked for as it is, never compressed.

import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { type Dispatcher, Pool } from 'undici';
import { BackendError } from './backend.ts';
import { faultOfConnection } from './connection-fault.ts';

export type HttpOptions = {
  /** Name of the backend, for errors. */
  readonly backend: string;
  /** With or without `/v1` and a trailing slash. */
  readonly url: string;
  /** Sent to this backend as a bearer token, and to no other. */
  readonly apiKey?: string | undefined;
  /** Default 2 s: a server on this machine or in this house accepts at once. */
  readonly connectTimeoutMs?: number;
};

export type HttpRequest = {
  readonly method: string;
  /** Begins with a slash; query included. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Whole, so that it goes out with a Content-Length: mlx_lm.server takes no chunked body. */
  readonly body?: string | Buffer;
};

export type HttpAnswer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** To be read to its end or destroyed. Its errors are raw: see `errorOf`. */
  readonly body: Readable;
};

export type Http = {
  readonly backend: string;
  readonly url: string;
  /** Resolves with the headers, whatever the status. Rejects with BackendError, or with the signal's reason. */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>;
  /** What an error of a request or of its body means: the signal's reason, a BackendError, or the error itself. */
  errorOf(error: unknown, signal: AbortSignal): unknown;
  /** Cuts what is under way. */
  close(): Promise<void>;
};

const CONNECT_TIMEOUT_MS = 2_000;

export function createHttp({ backend, url, apiKey, connectTimeoutMs }: HttpOptions): Http {
  const base = baseUrl(url);
  const settings = {
    connections: null,
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: connectTimeoutMs ?? CONNECT_TIMEOUT_MS },
  };
  const pool = new Pool(base.origin, settings);
  /** Without keep-alive: every request has a connection of its own. */
  const fresh = new Pool(base.origin, { ...settings, pipelining: 0 });
  const ownHeaders = {
    'accept-encoding': 'identity',
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
  };

  function dispatch(on: Pool, request: HttpRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    return on.request({
      method: request.method as Dispatcher.HttpMethod,
      path: base.path + request.path,
      headers: { ...request.headers, ...ownHeaders },
      body: request.body ?? null,
      signal,
    });
  }

  /** A kept connection may have been closed by the server just now: then nothing was read of this request. */
  async function sendOnce(request: HttpRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const mayBeStale = pool.stats.free > 0;
    try {
      return await dispatch(pool, request, signal);
    } catch (error) {
      if (!mayBeStale || signal.aborted || faultOfConnection(error)?.fault !== 'reset') throw error;
      return dispatch(fresh, request, signal);
    }
  }

  function errorOf(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    const found = faultOfConnection(error);
    if (!found) return error;
    const message = `${backend} at ${url}: ${found.message}`;
    return new BackendError({ fault: found.fault, backend }, message, { cause: error });
  }

  return {
    backend,
    url,
    async send(request, signal) {
      signal.throwIfAborted();
      try {
        const { statusCode, headers, body } = await sendOnce(request, signal);
        // Destroying a body makes it emit an error that nobody may be waiting for any more.
        body.on('error', () => {});
        return { status: statusCode, headers, body };
      } catch (error) {
        throw errorOf(error, signal);
      }
    },
    errorOf,
    async close() {
      await Promise.all([pool.destroy(), fresh.destroy()]);
    },
  };
}

function baseUrl(url: string): { readonly origin: string; readonly path: string } {
  const { origin, pathname } = new URL(url);
  return { origin, path: pathname.replace(/\/+$/, '').replace(/\/v1$/, '').replace(/\/+$/, '') };
}

/** The text of a short body; the rest of a longer one is thrown away with its connection. */
export async function readText(body: Readable, maxBytes = 64 * 1024): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= maxBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, maxBytes).toString('utf8');
}
