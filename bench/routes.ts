// The two ways of asking: through the daemon as Claude Code does, and the backend directly with the very bytes
// that the daemon would send it.

import { mainRequest, Session } from '../test/fixture/session.ts';
import { ask, bodyFor, placeholder, type Route } from './ask.ts';
import { newOrder, orderText } from './order.ts';

export type Size = 'large' | 'small';
/** The same request in every way of asking it. */
export type Ways = {
  readonly direct: Route;
  /** Through a proxy that only forwards. */
  readonly forwarder: Route;
  readonly daemon: Route;
};
export type Addresses = { readonly backend: string; readonly forwarder: string; readonly daemon: string };

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

export async function openWays(size: Size, at: Addresses): Promise<Ways> {
  const daemon = daemonRoute(at.daemon, messagesBody(size), new Session().headers());
  const order = newOrder('keep');
  await ask(daemon, order, bodyFor(daemon, order)).reply;
  const sent = await (await fetch(`${at.backend}/bench/body?id=${order.id}`)).text();
  if (!sent.includes(orderText(order)))
    throw new Error('The daemon did not hand the order on to the backend');
  const template = sent.replace(orderText(order), placeholder);
  const bare = (url: string): Route => ({ url: `${url}/v1/chat/completions`, headers: {}, template });
  return { direct: bare(at.backend), forwarder: bare(at.forwarder), daemon };
}
