import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { createFold } from '../../wire/fold.ts';
import { encodeError, encodeFrame, type Frame } from '../../wire/frame.ts';
import { createFrameReader } from '../../wire/from-anthropic.ts';
import { CHAT_STREAMS, CLAUDE_STREAM, framesOf, localMessages, OPTIONS, read, readChat } from './streams.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The official client is the judge of the order of events: it throws where a message makes no sense. */
function officialStream(body: string): ReturnType<Anthropic['messages']['stream']> {
  const client = new Anthropic({
    apiKey: 'none',
    baseURL: 'http://127.0.0.1:1',
    maxRetries: 0,
    fetch: async () => new Response(body, { headers: { 'content-type': 'text/event-stream' } }),
  });
  return client.messages.stream({ model: 'm', max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] });
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const fold = (frames: readonly Frame[]): unknown => {
  const folding = createFold();
  for (const frame of frames) folding.add(frame);
  return plain(folding.message() ?? null);
};

const answers: Readonly<Record<string, readonly Frame[]>> = {
  ...Object.fromEntries(
    Object.entries(CHAT_STREAMS).map(([name, stream]) => [name, framesOf(readChat(stream).items)]),
  ),
  'the Claude API': framesOf(read(createFrameReader({ origin: 'claude' }), [bytesOf(CLAUDE_STREAM)]).items),
  'a local Messages server': framesOf(
    read(createFrameReader({ origin: 'local', answer: OPTIONS }), [
      bytesOf(localMessages('{"url":"http://é"}', 'tool_use')),
    ]).items,
  ),
};

for (const [name, frames] of Object.entries(answers)) {
  test(`${name}: the folded message is what the official client makes of the frames`, async () => {
    const official = await officialStream(frames.map(encodeFrame).join('')).finalMessage();
    const { parsed_output: _, ...message } = plain(official) as Record<string, unknown>;
    assert.deepEqual(fold(frames), message);
    const events: unknown[] = [];
    for await (const event of officialStream(frames.map(encodeFrame).join(''))) events.push(plain(event));
    assert.deepEqual(events, plain(frames));
  });
}

test('half a message folds to nothing', () => {
  for (const frames of Object.values(answers)) assert.equal(fold(frames.slice(0, -1)), null);
});

test('an error after content reaches the official client with its type and its words', async () => {
  const frames = answers['mlx text'] ?? [];
  const body =
    frames.slice(0, 3).map(encodeFrame).join('') + encodeError('api_error', 'It broke.\nHere.', 'req_1');
  await assert.rejects(
    () => officialStream(body).finalMessage(),
    (error: unknown) =>
      error instanceof Anthropic.APIError && error.type === 'api_error' && /It broke/.test(error.message),
  );
});
