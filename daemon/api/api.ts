// What the built-in page and the live commands read: GET only, JSON or an event stream, never cached, and only for
// programs and for the daemon's own page.

import express, { type NextFunction, type Request, type Response, type Router } from 'express';
import type { PriceTable } from '../../store/prices.ts';
import { WireError } from '../../wire/error.ts';
import type { EventStreams } from '../event-stream.ts';
import type { Live } from '../live.ts';
import { sendJson } from '../sink.ts';
import { readHistoryFilter, readRange, readSeriesRange, readSessionRange } from './query.ts';
import type { Question } from './question.ts';
import type { Reader } from './reader.ts';

export type ApiSources = {
  readonly live: Live;
  readonly events: EventStreams;
  readonly reader: Reader;
  readonly wall: () => number;
  readonly prices?: PriceTable | undefined;
};

export function createApi({ live, events, reader, wall, prices }: ApiSources): Router {
  const api = express.Router();
  /** `read` turns the query into a question to the record. */
  const answering =
    (read: (search: URLSearchParams, request: Request) => Question) =>
    async (request: Request, response: Response): Promise<void> => {
      const answer = await reader.ask(read(searchOf(request), request));
      if (answer === undefined) throw new WireError(NOT_RECORDED, 404, 'not_found_error');
      send(response, answer);
    };

  api.use(sameOriginOnly);
  api.get('/live', (_request, response) => send(response, live.snapshot()));
  api.get('/events', (_request, response) => events.open(response));
  api.get(
    '/requests',
    answering((search) => ({ about: 'history', filter: readHistoryFilter(search, wall()) })),
  );
  api.get(
    '/requests/:id',
    answering((_search, { params }) => ({ about: 'request', id: String(params['id']) })),
  );
  api.get(
    '/series',
    answering((search) => ({ about: 'series', range: readSeriesRange(search, wall()) })),
  );
  api.get(
    '/stats',
    answering((search) => ({
      about: 'stats',
      range: readRange(search, wall()),
      nowMs: wall(),
      ...(prices && { prices }),
    })),
  );
  api.get(
    '/sessions',
    answering((search) => ({ about: 'sessions', range: readSessionRange(search, wall()), nowMs: wall() })),
  );
  return api;
}

const NOT_RECORDED = 'No request of this id has been recorded; -1 is the newest.';
const PRIVATE = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
};

function send(response: Response, body: object): void {
  sendJson(response, { status: 200, headers: PRIVATE, body });
}

function searchOf({ originalUrl }: Request): URLSearchParams {
  return new URLSearchParams(originalUrl.split('?')[1] ?? '');
}

/** A page on another port of this machine counts as the same site, but what is told here is not for it. */
function sameOriginOnly(request: Request, _response: Response, next: NextFunction): void {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    throw new WireError('Requests from other web pages are not accepted here.', 403, 'permission_error');
  }
  next();
}
