// A conversation's prompt tokens as the server itself counts them, tools included. llama.cpp alone has such an
// endpoint; it is asked for Messages, and renders them as it renders the chat request.

import { parseFields, toCount } from '../wire/fields.ts';
import type { Conversation } from '../wire/message.ts';
import { toMessages } from '../wire/to-messages.ts';
import { type Http, readText } from './http.ts';

const COUNT_MS = 2_000;

/** Undefined where it cannot be had within 2 s: an estimate serves as well then. Never rejects. */
export async function countTokens(
  http: Http,
  { conversation, model, signal }: { conversation: Conversation; model: string; signal: AbortSignal },
): Promise<number | undefined> {
  const { stream: _never, ...body } = toMessages(conversation, { model });
  const patience = AbortSignal.any([signal, AbortSignal.timeout(COUNT_MS)]);
  try {
    const request = {
      method: 'POST',
      path: '/v1/messages/count_tokens',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    };
    const answer = await http.send(request, patience);
    const text = await readText(answer.body);
    return answer.status === 200 ? toCount(parseFields(text)?.['input_tokens']) : undefined;
  } catch {
    return undefined;
  }
}
