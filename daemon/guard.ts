// The first thing every request meets, whatever its route: a page in a browser must not be able to reach the
// daemon (DNS rebinding, cross-site posts), and a daemon that listens beyond loopback asks for its token.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { WireError } from '../wire/error.ts';

export type GuardOptions = {
  /** `host:port` pairs and host names that a person added; loopback names are always allowed. */
  readonly allowedHosts: readonly string[];
  readonly token?: string;
  /** Known only once the server listens. */
  readonly port: () => number;
};

/** Throws WireError 403, 415 or 400; returns where the request may go on. */
export function guard(request: IncomingMessage, options: GuardOptions): void {
  checkTarget(request);
  checkHost(request, options);
  checkOrigin(request, options);
  if (!isPageFile(request)) checkToken(request, options.token);
  checkContentType(request);
}

/** Express hands `GET http://elsewhere/` on with the absolute URL as its path. */
function checkTarget(request: IncomingMessage): void {
  if (request.url?.startsWith('/')) return;
  throw new WireError('The request target must be a path that begins with "/".', 400);
}

function checkHost(request: IncomingMessage, options: GuardOptions): void {
  const hosts = request.rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host');
  const host = request.headers.host;
  if (hosts.length === 1 && host !== undefined) {
    if (isAllowedHost(host, options) || isContainerScrape(request, host, options)) return;
  }
  throw new WireError(
    'The Host header does not name this daemon. Use 127.0.0.1 or localhost, or add the name to allowedHosts in config.json.',
    403,
    'permission_error',
  );
}

function isAllowedHost(host: string, { allowedHosts, port }: GuardOptions): boolean {
  const lower = host.toLowerCase();
  const own = ['localhost', '127.0.0.1', '[::1]'].some((name) => lower === `${name}:${port()}`);
  return own || allowedHosts.some((allowed) => allowed === lower || `${allowed}:${port()}` === lower);
}

/**
 * Prometheus in a container of Docker Desktop reaches this machine under one name only. It may read the figures
 * under it, and nothing else: they hold no text of a request.
 */
function isContainerScrape({ method, url }: IncomingMessage, host: string, { port }: GuardOptions): boolean {
  return method === 'GET' && url === '/metrics' && host.toLowerCase() === `host.docker.internal:${port()}`;
}

/** Claude Code, curl and Prometheus send no Origin; a browser page does, and has no business here. */
function checkOrigin(request: IncomingMessage, options: GuardOptions): void {
  const origin = request.headers.origin;
  const ownPage = origin !== undefined && isOwnOrigin(origin, options);
  const site = request.headers['sec-fetch-site'];
  if ((origin === undefined || ownPage) && site !== 'cross-site') return;
  throw new WireError('Requests from web pages are not accepted here.', 403, 'permission_error');
}

function isOwnOrigin(origin: string, options: GuardOptions): boolean {
  return origin.startsWith('http://') && isAllowedHost(origin.slice('http://'.length), options);
}

/**
 * The page's own files are the same for everyone, and a browser has to have them before a person can give it the token.
 * What they then read, under /api, asks for it.
 */
function isPageFile({ method, url = '' }: IncomingMessage): boolean {
  const path = url.split('?')[0] ?? '';
  return method === 'GET' && (path === '/' || path.startsWith('/page/'));
}

function checkToken(request: IncomingMessage, token: string | undefined): void {
  if (token === undefined) return;
  const bearer = request.headers.authorization?.replace(/^Bearer /i, '');
  const given = [request.headers['x-anyclaude-token'], bearer, request.headers['x-api-key']];
  if (given.some((value) => typeof value === 'string' && sameSecret(value, token))) return;
  throw new WireError(
    'This daemon asks for its token: send it as x-anyclaude-token, or as a Bearer token.',
    403, // not 401: the client hides the text of a 401 and tries ten times
    'permission_error',
  );
}

function sameSecret(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

/** A page can post text/plain anywhere without asking; it cannot post JSON. */
function checkContentType(request: IncomingMessage): void {
  if (request.method !== 'POST') return;
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type === 'application/json') return;
  throw new WireError('The content type must be application/json.', 415);
}
