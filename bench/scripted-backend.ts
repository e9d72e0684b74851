// The backend that everything is measured against: a process of its own that speaks chat completions, does what
// the order in the prompt says, and writes the time of sending into every token. Prints its address.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs, type Order, readOrder, type Seen } from './order.ts';

const seen = new Map<string, Seen>();
const kept = new Map<string, Buffer>();

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://backend');
  if (request.method === 'POST') void chat(request, response).catch(() => response.destroy());
  else if (url.pathname === '/v1/models')
    json(response, { object: 'list', data: [{ id: 'bench', object: 'model' }] });
  else if (url.pathname === '/bench/seen') json(response, seen.get(url.searchParams.get('id') ?? '') ?? null);
  else if (url.pathname === '/bench/body') response.end(kept.get(url.searchParams.get('id') ?? ''));
  else response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"Not Found"}');
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
// The bench holds the other end: when it ends in whatever way, so does this.
process.stdin.on('end', () => process.exit(0)).resume();

async function chat(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await buffer(request);
  const order = readOrder(body);
  if (order === undefined) return answerProbe(response);
  note(order, { arrivedMs: monotonicMs(), finished: false });
  response.once('close', () => note(order, { closedMs: monotonicMs(), finished: response.writableFinished }));
  if (order.kind === 'keep') kept.set(order.id, body);
  if (order.kind === 'mute') return;
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.flushHeaders();
  if (order.kind !== 'silent') await sayAll(response, order);
}

function note({ id }: Order, more: Partial<Seen>): void {
  seen.set(id, { arrivedMs: 0, finished: false, ...seen.get(id), ...more });
}

async function sayAll(response: ServerResponse, { tokens, gapMs }: Order): Promise<void> {
  for (let sent = 0; sent < tokens && !response.destroyed; sent += 1) {
    if (gapMs > 0 && sent > 0) await sleep(gapMs);
    response.write(chunk({ delta: { content: `@${monotonicMs().toFixed(3)};` }, finish_reason: null }));
  }
  const usage = { prompt_tokens: 20_000, completion_tokens: tokens, total_tokens: 20_000 + tokens };
  response.write(chunk({ delta: {}, finish_reason: 'stop' }));
  response.write(`data: ${JSON.stringify({ ...envelope, choices: [], usage })}\n\n`);
  response.end('data: [DONE]\n\n');
}

const envelope = {
  id: 'chatcmpl-bench',
  object: 'chat.completion.chunk',
  created: 1_790_000_000,
  model: 'bench',
};

function chunk(choice: Readonly<Record<string, unknown>>): string {
  return `data: ${JSON.stringify({ ...envelope, choices: [{ index: 0, ...choice }] })}\n\n`;
}

function answerProbe(response: ServerResponse): void {
  const choice = { index: 0, message: { role: 'assistant', content: '.' }, finish_reason: 'length' };
  json(response, { ...envelope, object: 'chat.completion', choices: [choice] });
}

function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
