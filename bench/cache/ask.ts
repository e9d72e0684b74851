// One request and its figures, by either way: the client's body to the daemon, or the same body to the server itself,
// turned into its dialect and otherwise as it is.

import type { RequestBody } from '../../test/fixture/body.ts';
import { asFields, type Fields, parseFields, toCount } from '../../wire/fields.ts';
import { createSseReader } from '../../wire/sse.ts';
import type { Session } from './session.ts';

export type Way = { readonly kind: 'daemon' | 'server'; readonly url: string; readonly model: string };

export type Sample = {
  /** From the request to the first word. */
  readonly ttftMs: number;
  readonly promptTokens?: number;
  /** As the server reports them; absent where it does not. */
  readonly cachedTokens?: number;
  readonly answer: string;
};

type Seen = { answer: string; firstMs?: number; promptTokens?: number; cachedTokens?: number };

/** Throws where the answer is not complete: no figure is made of a failure. */
export async function ask(way: Way, session: Session): Promise<Sample> {
  const startedMs = performance.now();
  const isDaemon = way.kind === 'daemon';
  const body = isDaemon ? session.body() : toNaiveChat(session.body(), way.model);
  const response = await fetch(`${way.url}${isDaemon ? '/v1/messages' : '/v1/chat/completions'}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...session.headers },
    body: JSON.stringify(body),
  });
  if (!response.ok || response.body === null) {
    throw new Error(`${way.url} answered ${response.status}: ${(await response.text()).slice(0, 300)}`);
  }
  const seen: Seen = { answer: '' };
  const reader = createSseReader();
  for await (const part of response.body) {
    for (const event of reader.push(Buffer.from(part))) {
      const fields = event.kind === 'event' ? parseFields(event.data) : undefined;
      const words = fields && (isDaemon ? seeFrame(seen, fields) : seeChunk(seen, fields));
      if (words) {
        seen.firstMs ??= performance.now();
        seen.answer += words;
      }
    }
  }
  const { firstMs, ...rest } = seen;
  if (firstMs === undefined) throw new Error(`${way.url} wrote no word`);
  return { ...rest, ttftMs: firstMs - startedMs };
}

/** What a proxy that only translates sends: every text, the billing block first. */
function toNaiveChat({ system = [], messages, ...rest }: RequestBody, model: string) {
  return {
    ...{ model, max_tokens: rest.max_tokens, temperature: 0, stream: true },
    stream_options: { include_usage: true },
    messages: [{ role: 'system', content: system.map((block) => block['text']).join('\n\n') }, ...messages],
  };
}

function seeFrame(seen: Seen, frame: Fields): string | undefined {
  const usage = asFields(frame['usage']) ?? asFields(asFields(frame['message'])?.['usage']);
  if (frame['type'] === 'message_delta' && usage) {
    const cached = toCount(usage['cache_read_input_tokens']);
    const computed = toCount(usage['input_tokens']);
    if (cached !== undefined) seen.cachedTokens = cached;
    if (computed !== undefined) seen.promptTokens = computed + (cached ?? 0);
  }
  return wordsOf(asFields(frame['delta'])?.['text']);
}

function seeChunk(seen: Seen, chunk: Fields): string | undefined {
  const usage = asFields(chunk['usage']);
  const prompt = toCount(usage?.['prompt_tokens']);
  const cached = toCount(asFields(usage?.['prompt_tokens_details'])?.['cached_tokens']);
  if (prompt !== undefined) seen.promptTokens = prompt;
  if (cached !== undefined) seen.cachedTokens = cached;
  const choices = chunk['choices'];
  return wordsOf(asFields(asFields(Array.isArray(choices) ? choices[0] : undefined)?.['delta'])?.['content']);
}

function wordsOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
