// The HTTP surface: guards, routes, and nothing else. What is not listed here is answered 404 and never
// forwarded.

import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import type { Received } from '../backend/backend.ts';
import { WireError } from '../wire/error.ts';
import { createApi } from './api/api.ts';
import type { Reader } from './api/reader.ts';
import { countTokens } from './count-tokens.ts';
import type { Deps } from './deps.ts';
import type { EventStreams } from './event-stream.ts';
import { type GuardOptions, guard } from './guard.ts';
import { handle } from './handle.ts';
import type { Keeper } from './keeper/keeper.ts';
import type { Metrics } from './metrics/metrics.ts';
import { modelList } from './models.ts';
import { createPage } from './page-files.ts';
import { replyToWireError } from './reply.ts';
import { sendError, sendJson } from './sink.ts';
import type { StatusReport } from './status.ts';

export type AppOptions = {
  readonly deps: Deps;
  readonly guard: GuardOptions;
  readonly metrics: Metrics;
  readonly status: () => StatusReport;
  /** Prefills what the known projects begin with. */
  readonly warm: Keeper['warm'];
  readonly events: EventStreams;
  readonly reader: Reader;
};

export function createApp(options: AppOptions): Express {
  const { deps, guard: guardOptions, metrics, status, events, reader, warm } = options;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((request, _response, next) => {
    guard(request, guardOptions);
    next();
  });

  app.post('/v1/messages', counted(deps, handle));
  app.post('/v1/messages/count_tokens', counted(deps, countTokens));
  app.get('/v1/models', (_request, response) => {
    sendJson(response, { status: 200, body: modelList(deps.config, deps.clock.wall()) });
  });
  app.head('/', (_request, response) => {
    response.status(200).end();
  });
  app.get('/healthz', (_request, response) => {
    sendJson(response, { status: 200, body: { status: 'ok', pid: process.pid } });
  });
  app.get('/readyz', async (_request, response) => {
    const ready = !deps.draining() && (await deps.fleet.ready());
    sendJson(response, { status: ready ? 200 : 503, body: { status: ready ? 'ready' : 'not ready' } });
  });
  app.get('/status', (_request, response) => {
    sendJson(response, { status: 200, body: status() });
  });
  app.get('/metrics', async (request, response) => {
    const { contentType, text } = await metrics.render(request.headers.accept);
    response.setHeader('content-type', contentType);
    // Node measures a text and then writes it: of so long a one that is half of the sending.
    response.end(Buffer.from(text));
  });
  app.use(createPage());
  app.post('/api/warm', (_request, response) => sendLines(response, warm()));
  const { prices } = deps.config;
  app.use('/api', createApi({ live: deps.live, events, reader, wall: deps.clock.wall, prices }));
  app.use((request) => {
    throw new WireError(
      `anyclaude serves no ${request.method} on this path; it serves /v1/messages, /v1/messages/count_tokens, /v1/models, /healthz, /readyz, /status, /metrics and a page for people at /.`,
      404,
      'not_found_error',
    );
  });
  app.use(onError(deps));
  return app;
}

type Serve = (deps: Deps, received: Received, response: Response) => Promise<void>;

/** Traffic from its headers on: what fills pauses gives way before the body is here, which may take a while. */
function counted(deps: Deps, serve: Serve): RequestHandler {
  const readBody = express.raw({ type: () => true, limit: deps.config.bodyLimitBytes, inflate: false });
  return async (request, response) => {
    const left = deps.traffic.arrived();
    try {
      await new Promise<void>((resolve, reject) => {
        readBody(request, response, (error?: unknown) => (error === undefined ? resolve() : reject(error)));
      });
      await serve(deps, received(request), response);
    } finally {
      left();
    }
  };
}

/** A line of JSON for each value, as soon as it is there: the whole may take minutes. */
async function sendLines(response: Response, values: AsyncIterable<object>): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  response.flushHeaders();
  for await (const value of values) {
    if (response.destroyed) return;
    response.write(`${JSON.stringify(value)}\n`);
  }
  response.end();
}

function received(request: Request): Received {
  return {
    method: request.method,
    path: request.originalUrl,
    headers: request.headers,
    // express.raw leaves an empty object where there was no body
    body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
  };
}

/** Four parameters, or Express takes it for an ordinary handler. */
function onError(deps: Deps): ErrorRequestHandler {
  return (error: unknown, _request: Request, response: Response, _next) => {
    const requestId = deps.newRequestId();
    const told = toWireError(error, deps.config.bodyLimitBytes);
    if (told === undefined) deps.logError(error, requestId);
    const tell =
      told ?? new WireError('anyclaude failed on this request; its log has the reason.', 500, 'api_error');
    if (response.headersSent) response.destroy();
    else sendError(response, requestId, replyToWireError(tell));
  };
}

/** The errors of Express's own body reader, in words for the person who sent the request. */
function toWireError(error: unknown, limitBytes: number): WireError | undefined {
  if (error instanceof WireError) return error;
  const type = error instanceof Error && 'type' in error ? error.type : undefined;
  switch (type) {
    case 'entity.too.large':
      return new WireError(
        `The body is larger than ${Math.round(limitBytes / 1024 / 1024)} MB, the most a request may hold.`,
        413,
        'request_too_large',
      );
    case 'encoding.unsupported':
      return new WireError('A compressed body is not accepted; send it as it is.', 415);
    case 'request.aborted':
    case 'request.size.invalid':
      return new WireError('The body ended before its Content-Length was reached.', 400);
    default:
      return undefined;
  }
}
