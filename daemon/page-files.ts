// The built-in page: a handful of files that are the same for everyone and hold nothing of any request. Each is read
// once and has a validator of its content, so that a browser asks each time and is answered 304 until an upgrade.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import express, { type Request, type Response, type Router } from 'express';

type PageFile = { readonly type: string; readonly bytes: Buffer; readonly etag: string };

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * Scripts, styles and connections are the daemon's own, nothing is inline, and no text can become markup: what a
 * client calls its project or its model stays a text whatever the page does with it.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-cache',
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/** `/` and `/page/…`; any other path is left to the next route. */
export function createPage(): Router {
  let files: ReadonlyMap<string, PageFile> | undefined;
  const page = express.Router();
  const serve = (name: string, request: Request, response: Response, next: () => void): void => {
    files ??= readFiles();
    const file = files.get(name);
    if (file === undefined) next();
    else send(file, request, response);
  };
  page.get('/', (request, response, next) => serve('index.html', request, response, next));
  page.get('/page/:name', (request, response, next) => serve(request.params.name, request, response, next));
  return page;
}

function send({ type, bytes, etag }: PageFile, request: Request, response: Response): void {
  const isKnown = request.headers['if-none-match']?.split(/\s*,\s*/).includes(etag) === true;
  response.writeHead(isKnown ? 304 : 200, {
    ...HEADERS,
    etag,
    ...(isKnown ? {} : { 'content-type': type, 'content-length': bytes.length }),
  });
  response.end(isKnown ? undefined : bytes);
}

function readFiles(): ReadonlyMap<string, PageFile> {
  const own = join(import.meta.dirname, 'page');
  const charts = dirname(createRequire(import.meta.url).resolve('uplot'));
  const names = readdirSync(own).filter((name) => extname(name) in TYPES);
  return new Map([
    ...names.map((name) => [name, readPageFile(join(own, name))] as const),
    ['uplot.js', readPageFile(join(charts, 'uPlot.esm.js'))],
    ['uplot.css', readPageFile(join(charts, 'uPlot.min.css'))],
  ]);
}

function readPageFile(path: string): PageFile {
  const bytes = readFileSync(path);
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
  return { type: TYPES[extname(path)] ?? '', bytes, etag };
}
