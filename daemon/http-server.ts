// The life of the HTTP server: listening, its address, and an end that lets streams finish.

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Config } from './config/config.ts';

/** Rejects with the error of `listen`, its `code` included. */
export function listen(server: Server, { host, port }: Config): Promise<void> {
  // A model's first token may take minutes, so only the receiving of a request is timed.
  server.headersTimeout = 10_000;
  server.requestTimeout = 60_000;
  server.keepAliveTimeout = 75_000;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** Where programs on this machine reach it. */
export function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  return `http://${family === 'IPv6' ? `[${host}]` : host}:${port}`;
}

/** Resolves when every connection has ended: by itself within `drainMs`, else cut with an error event. */
export async function drain(server: Server, stopping: AbortController, drainMs: number): Promise<void> {
  const ended = new Promise<void>((resolve) => server.close(() => resolve()));
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const cut = setTimeout(() => stopping.abort(new Error('The daemon stops.')), drainMs);
  const force = setTimeout(() => server.closeAllConnections(), drainMs + 1_000);
  await ended;
  clearInterval(idle);
  clearTimeout(cut);
  clearTimeout(force);
}
