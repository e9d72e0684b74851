// What the built-in page and the live commands read: GET only, JSON or an event stream, never cached, and only for
// programs and for the daemon's own page.

import express, { type NextFunction, type Request, type Response, type Router } from 'express';
import { WireError } from '../wire/error.ts';
import type { EventStreams } from './event-stream.ts';
import type { Live } from './live.ts';
import { sendJson } from './sink.ts';

export type ApiSources = { readonly live: Live; readonly events: EventStreams };

export function createApi({ live, events }: ApiSources): Router {
  const api = express.Router();
  api.use(sameOriginOnly);
  api.get('/live', (_request, response) => {
    sendJson(response, { status: 200, headers: PRIVATE, body: live.snapshot() });
  });
  api.get('/events', (_request, response) => events.open(response));
  return api;
}

const PRIVATE = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
};

/** A page on another port of this machine counts as the same site, but what is told here is not for it. */
function sameOriginOnly(request: Request, _response: Response, next: NextFunction): void {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    throw new WireError('Requests from other web pages are not accepted here.', 403, 'permission_error');
  }
  next();
}
