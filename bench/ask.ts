// One request of the bench and what came back, with the moment of every token. Works the same on both dialects,
// because it looks only for the moments that the backend wrote into the tokens.

import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { monotonicMs, type Order, orderText } from './order.ts';

/** One way of asking: the daemon in Claude's dialect, or the backend directly in chat completions. */
export type Route = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The body, with `placeholder` where the order belongs. */
  readonly template: string;
};

export type Token = { readonly sentMs: number; readonly receivedMs: number };

export type Reply = {
  readonly startedMs: number;
  readonly endedMs: number;
  readonly status: number;
  readonly tokens: readonly Token[];
  /** Moments at which any bytes came. */
  readonly arrivals: readonly number[];
  readonly text: string;
};

export type Asked = {
  readonly request: ClientRequest;
  /** Resolves with the first token; never where none comes. */
  readonly firstToken: Promise<void>;
  /** Resolves when the answer has ended or the request was destroyed. */
  readonly reply: Promise<Reply>;
};

export const placeholder = orderText({ kind: 'stream', id: 'xxxxxx', tokens: 0, gapMs: 0 });
const MOMENT = /@(\d+\.\d{3});/g;
const agent = new Agent({ keepAlive: true, maxSockets: 256 });

export function bodyFor({ template }: Route, order: Order): Buffer {
  return Buffer.from(template.replace(placeholder, orderText(order)));
}

export function ask(route: Route, order: Order, body = bodyFor(route, order)): Asked {
  const startedMs = monotonicMs();
  const tokens: Token[] = [];
  const arrivals: number[] = [];
  const first = Promise.withResolvers<void>();
  const done = Promise.withResolvers<Reply>();
  let text = '';
  let status = 0;
  const finish = () => done.resolve({ startedMs, endedMs: monotonicMs(), status, tokens, arrivals, text });
  const headers = { 'content-type': 'application/json', ...route.headers, 'content-length': body.length };
  const asked = request(route.url, { method: 'POST', agent, headers }, (response: IncomingMessage) => {
    status = response.statusCode ?? 0;
    let rest = '';
    response.setEncoding('utf8').on('data', (part: string) => {
      const receivedMs = monotonicMs();
      arrivals.push(receivedMs);
      rest += part;
      text += part;
      let end = 0;
      for (const match of rest.matchAll(MOMENT)) {
        tokens.push({ sentMs: Number(match[1]), receivedMs });
        end = match.index + match[0].length;
      }
      rest = rest.slice(end);
      if (tokens.length > 0) first.resolve();
    });
    response.once('close', finish);
  });
  asked.once('error', finish);
  asked.end(body);
  return { request: asked, firstToken: first.promise, reply: done.promise };
}

/** Milliseconds to the first token. Throws where the answer is not complete: no figure is made of a failure. */
export async function timeToFirstToken(route: Route, order: Order): Promise<number> {
  const { startedMs, status, tokens, text } = await ask(route, order).reply;
  const [first] = tokens;
  if (first === undefined || tokens.length !== order.tokens) {
    throw new Error(
      `${route.url} gave ${tokens.length} of ${order.tokens} tokens (HTTP ${status}): ${text.slice(0, 300)}`,
    );
  }
  return first.receivedMs - startedMs;
}

export function closeConnections(): void {
  agent.destroy();
}
