// LM Studio's manners in front of a real engine, for what llama.cpp does otherwise: it reports no cached
// tokens, answers unknown paths with 200, tells an overflow inside a 200 stream, serves whatever model is
// loaded under any name, and has model lists of its own.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';

export type ShimOptions = {
  /** The engine behind it, e.g. `startLlama()`'s url and model. */
  readonly upstream: { readonly url: string; readonly model: string };
  /** The id it shows; default: the engine's. */
  readonly model?: string;
  /** What it says of the context window. Default 8192. */
  readonly contextSize?: number;
  readonly port?: number;
};

export type Shim = {
  readonly url: string;
  readonly model: string;
  stop(): Promise<void>;
};

/** Listens when it resolves. `stop` cuts what is still open. */
export async function startLmStudioShim(options: ShimOptions): Promise<Shim> {
  const model = options.model ?? options.upstream.model;
  const server = createServer((request, response) => {
    answer(request, response, { ...options, model }).catch((error) => response.destroy(error));
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  return { url: addressOf(server), model, stop: () => close(server) };
}

type Settings = ShimOptions & { readonly model: string };
type Json = Record<string, unknown>;

async function answer(request: IncomingMessage, response: ServerResponse, settings: Settings): Promise<void> {
  const route = `${request.method} ${request.url?.split('?')[0]}`;
  if (route === 'POST /v1/chat/completions') return forward(request, response, settings);
  request.resume();
  sendJson(response, 200, told(route, settings));
}

/** What LM Studio says of itself; anything it does not know is a 200 as well. */
function told(route: string, { model, contextSize = 8192 }: Settings): Json {
  const size = { max_context_length: contextSize, loaded_context_length: contextSize };
  switch (route) {
    case 'GET /lmstudio-greeting':
      return { lmstudio: true };
    case 'GET /v1/models':
      return { object: 'list', data: [{ id: model, object: 'model', owned_by: 'organization_owner' }] };
    case 'GET /api/v0/models':
      return {
        object: 'list',
        data: [{ id: model, object: 'model', type: 'llm', state: 'loaded', ...size }],
      };
    case 'GET /api/v1/models': {
      const loaded = [{ id: model, config: { context_length: contextSize, parallel: 1 } }];
      const entry = { type: 'llm', key: model, format: 'gguf', max_context_length: contextSize };
      return { models: [{ ...entry, loaded_instances: loaded }] };
    }
    default:
      return { error: `Unexpected endpoint or method. (${route})` };
  }
}

async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  settings: Settings,
): Promise<void> {
  const asked = JSON.parse(await textOf(request)) as Json;
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const upstream = await fetch(`${settings.upstream.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...asked, model: settings.upstream.model }),
    signal: gone.signal,
  });
  if (upstream.ok && asked['stream'] === true && upstream.body) {
    return relay(upstream.body, response, settings.model);
  }
  const body = (await upstream.json()) as Json;
  if (upstream.ok) return sendJson(response, 200, silent(body, settings.model));
  const overflow = overflowText(body);
  if (overflow === undefined) return sendJson(response, upstream.status, body);
  if (asked['stream'] !== true) return sendJson(response, 400, { error: overflow });
  openStream(response);
  response.end(
    `event: error\ndata: ${JSON.stringify({ error: { message: overflow }, message: overflow })}\n\n`,
  );
}

/** Event by event; comments, which LM Studio never sends, are left out. */
async function relay(body: ReadableStream, response: ServerResponse, model: string): Promise<void> {
  openStream(response);
  for await (const line of createInterface(Readable.fromWeb(body))) {
    if (!line.startsWith('data: ')) continue;
    for (const event of events(line.slice('data: '.length), model)) response.write(`data: ${event}\n\n`);
  }
  response.end();
}

function events(text: string, model: string): string[] {
  if (text === '[DONE]') return [text];
  const chunk = silent(JSON.parse(text) as Json, model);
  return nameFirst(chunk).map((part) => JSON.stringify(part));
}

/** A chunk or answer without a word on cached tokens, under the name of the loaded model. */
function silent({ timings: _timings, usage, ...rest }: Json, model: string): Json {
  if (usage === undefined || usage === null) return { ...rest, model };
  const { prompt_tokens_details: _details, ...kept } = usage as Json;
  return { ...rest, model, usage: kept };
}

/** A tool call's first chunk has its name and no arguments yet; they follow in chunks of their own. */
function nameFirst(chunk: Json): Json[] {
  const [choice] = (chunk['choices'] ?? []) as [{ delta?: { tool_calls?: ToolDelta[] } }?];
  const calls = choice?.delta?.tool_calls;
  if (!calls?.some((call) => call.function.name)) return [chunk];
  const withCalls = (part: readonly Json[], more: Json) => ({
    ...chunk,
    choices: [{ ...choice, ...more, delta: { ...choice?.delta, tool_calls: part } }],
  });
  const opening = calls.map((call) => ({ ...call, function: { ...call.function, arguments: '' } }));
  const rest = calls.map(({ index, function: { arguments: text } }) => ({
    index,
    function: { arguments: text },
  }));
  return [withCalls(opening, { finish_reason: null }), withCalls(rest, {})];
}

type ToolDelta = {
  readonly index: number;
  readonly function: { readonly name?: string; readonly arguments?: string };
};

/** llama.cpp's refusal of a prompt that does not fit, in LM Studio's words. */
function overflowText(body: Json): string | undefined {
  const error = body['error'] as Json | undefined;
  if (error?.['type'] !== 'exceed_context_size_error') return undefined;
  const counts = `The input has ${error['n_prompt_tokens']} tokens, the context length is ${error['n_ctx']}.`;
  return `Input does not fit in context length. ${counts}`;
}

function openStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
}

function sendJson(response: ServerResponse, status: number, body: Json): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

function addressOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('A loopback port has a number.');
  return `http://127.0.0.1:${address.port}`;
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  if (!server.listening) return;
  server.close();
  await once(server, 'close');
}
