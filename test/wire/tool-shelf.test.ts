import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Conversation, Message } from '../../wire/message.ts';
import { normalise } from '../../wire/normalise.ts';
import { parseRequest } from '../../wire/parse.ts';
import { Session } from '../fixture/session.ts';

test('tools keep their order and their schemas; the placeholder and server tools go', () => {
  const schema = { type: 'object', properties: { z: { type: 'string' }, a: {} }, required: ['z'] };
  const made = conversation({
    tools: [
      { name: 'Write', description: 'w', input_schema: schema, cache_control: { type: 'ephemeral' } },
      { name: 'DeferredToolPlaceholder', description: 'x', input_schema: {}, defer_loading: true },
      { type: 'web_search_20250305', name: 'web_search' },
      { type: 'custom', name: 'Edit', input_schema: schema, defer_loading: false },
    ],
  });
  assert.equal(
    JSON.stringify(made.tools),
    JSON.stringify([
      { name: 'Write', description: 'w', inputSchema: schema },
      { name: 'Edit', description: '', inputSchema: schema },
    ]),
  );
  assert.deepEqual(made.callable, ['Write', 'Edit']);
});

test('a tool that a search loads is shown in full where it was first loaded, and nowhere else', () => {
  const session = new Session().loadTools('WebFetch', 'Missing').loadTools('WebFetch', 'Read');
  const body = session.body();
  const made = normalise(
    parseRequest({ ...body, tools: body.tools?.filter(({ name }) => name !== 'Missing') }),
  );
  assert.deepEqual(made.tools, normalise(parseRequest(new Session().body())).tools);
  assert.ok(made.callable.includes('WebFetch'));
  const [first, second] = made.messages.flatMap(resultTexts);
  assert.match(
    first?.[0] ?? '',
    /^The tool WebFetch is loaded .*\n\{"type":"function","function":\{"name":"WebFetch"/,
  );
  assert.deepEqual(first?.slice(1), ['The tool Missing is not available.']);
  assert.deepEqual(second, ['The tool WebFetch is loaded already.', 'The tool Read is loaded already.']);
});

function conversation(body: Record<string, unknown>): Conversation {
  return normalise(parseRequest({ model: 'm', messages: [{ role: 'user', content: 'Hello' }], ...body }));
}

/** The texts of each tool result. */
function resultTexts({ role, parts }: Message): string[][] {
  if (role !== 'user') return [];
  const results = parts.filter((part) => part.kind === 'tool-result');
  return results.map(({ content }) => content.map((part) => (part.kind === 'text' ? part.text : '')));
}
