// The floor: a proxy in the same runtime that reads nothing and changes nothing. What it adds is the price of a
// second hop through Node; only the rest is the daemon's. Prints its address; takes the backend's as argument.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Pool } from 'undici';

const [, , backendUrl = ''] = process.argv;
const pool = new Pool(backendUrl, { connections: null });

const server = createServer(async (request, response) => {
  const body = await buffer(request);
  const headers = { 'content-type': 'application/json' };
  const answer = await pool.request({ method: 'POST', path: '/v1/chat/completions', headers, body });
  response.writeHead(answer.statusCode, { 'content-type': 'text/event-stream' });
  answer.body.pipe(response);
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
// The bench holds the other end: when it ends in whatever way, so does this.
process.stdin.on('end', () => process.exit(0)).resume();
