// The two ways of asking: through the daemon as Claude Code does, and the backend directly with the very bytes
// that the daemon would send it.

import { mainRequest, Session } from '../test/fixture/session.ts';
import { ask, bodyFor, placeholder, type Route } from './ask.ts';
import { newOrder, orderText } from './order.ts';

export type Size = 'large' | 'small';
export type Pair = { readonly direct: Route; readonly daemon: Route; readonly bytes: number };

export function daemonRoute(
  url: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Route {
  return { url: `${url}/v1/messages?beta=true`, headers, template: JSON.stringify(body) };
}

/** `large` has the shape of a real main request with 27 tools, `small` is one sentence. */
export function messagesBody(size: Size): object {
  if (size === 'large') {
    return mainRequest({ version: '2.1.197', surface: 'interactive', prompt: `What is it? ${placeholder}` });
  }
  const content = `What is it? ${placeholder}`;
  return { model: 'local-main', max_tokens: 1024, stream: true, messages: [{ role: 'user', content }] };
}

export async function openPair(size: Size, daemonUrl: string, backendUrl: string): Promise<Pair> {
  const daemon = daemonRoute(daemonUrl, messagesBody(size), new Session().headers());
  const order = newOrder('keep');
  const body = bodyFor(daemon, order);
  await ask(daemon, order, body).reply;
  const sent = await (await fetch(`${backendUrl}/bench/body?id=${order.id}`)).text();
  if (!sent.includes(orderText(order)))
    throw new Error('The daemon did not hand the order on to the backend');
  return {
    daemon,
    direct: {
      url: `${backendUrl}/v1/chat/completions`,
      headers: {},
      template: sent.replace(orderText(order), placeholder),
    },
    bytes: body.length,
  };
}
