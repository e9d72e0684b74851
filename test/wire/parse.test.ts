import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseJson } from '../../wire/body.ts';
import { WireError } from '../../wire/error.ts';
import { normalise } from '../../wire/normalise.ts';
import { parseRequest } from '../../wire/parse.ts';
import { toChat } from '../../wire/to-chat.ts';
import { Session } from '../fixture/session.ts';

const MESSAGES = [{ role: 'user', content: 'hello' }];
const MINIMAL = { model: 'm', messages: MESSAGES };

const BAD_BODIES: readonly (readonly [string, string, RegExp])[] = [
  ['an empty body', '', /no body/],
  ['a cut body', '{"model":"top secret', /not valid JSON/],
  ['plain text', 'top secret', /not valid JSON/],
  ['201 nested arrays', `${'['.repeat(201)}${']'.repeat(201)}`, /deeper than 200/],
  ['100,000 nested arrays', '['.repeat(100_000), /deeper than 200/],
  ['100,000 nested objects', '{"a":'.repeat(100_000), /deeper than 200/],
  ['nesting behind a string that ends with a backslash', `["\\\\",${'['.repeat(200)}`, /deeper than 200/],
];

for (const [what, body, expected] of BAD_BODIES) {
  test(`${what} is refused with one sentence that quotes nothing of it`, () => {
    assert.throws(
      () => parseJson(Buffer.from(body)),
      (error) => {
        assert.ok(error instanceof WireError);
        assert.equal(error.status, 400);
        assert.match(error.message, expected);
        assert.doesNotMatch(error.message, /secret|\n/);
        return true;
      },
    );
  });
}

test('brackets inside strings are not depth', () => {
  const text = `${'[{'.repeat(500)} " \\ ${'['.repeat(500)}`;
  assert.deepEqual(parseJson(Buffer.from(JSON.stringify({ text }))), { text });
  assert.ok(parseJson(Buffer.from(`${'['.repeat(200)}${']'.repeat(200)}`)));
});

test('any JSON that is shallow enough is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), (text) => {
      assert.deepEqual(parseJson(new TextEncoder().encode(text)), JSON.parse(text));
    }),
  );
});

const BAD_REQUESTS: readonly (readonly [unknown, string])[] = [
  [[], 'The request body is an array; it must be a JSON object.'],
  [null, 'The request body is null; it must be a JSON object.'],
  ['x', 'The request body is "x"; it must be a JSON object.'],
  [{ messages: MESSAGES }, 'model is missing; it must be a string that is not empty.'],
  [{ ...MINIMAL, model: 7 }, 'model is 7; it must be a string that is not empty.'],
  [{ model: 'm' }, 'messages is missing; it must be an array.'],
  [{ ...MINIMAL, messages: {} }, 'messages is an object; it must be an array.'],
  [{ ...MINIMAL, messages: [] }, 'messages is empty; it must hold at least one message.'],
  [{ ...MINIMAL, messages: ['x'] }, 'messages[0] is "x"; it must be an object.'],
  [
    message({ role: 'user', content: '' }),
    'messages holds no content; at least one message must say something.',
  ],
  [
    message({ role: 'assistant', content: [{ type: 'thinking', thinking: 'x', signature: '' }] }),
    'messages holds no content; at least one message must say something.',
  ],
  [
    message({ role: 'robot', content: 'x' }),
    'messages[0].role is "robot"; it must be one of "user", "assistant", "system".',
  ],
  [
    message({ role: 'user' }),
    'messages[0].content is missing; it must be a string or an array of content blocks.',
  ],
  [block(null), 'messages[0].content[0] is null; it must be an object.'],
  [block({ text: 'x' }), 'messages[0].content[0].type is missing; it must be a string.'],
  [block({ type: 'text', text: 1 }), 'messages[0].content[0].text is 1; it must be a string.'],
  [
    block({ type: 'tool_use', id: 'a', name: 'Read', input: 'x' }),
    'messages[0].content[0].input is "x"; it must be an object.',
  ],
  [
    block({ type: 'tool_result', content: 'x' }),
    'messages[0].content[0].tool_use_id is missing; it must be a string that is not empty.',
  ],
  [
    block({ type: 'tool_result', tool_use_id: 'a', content: 5 }),
    'messages[0].content[0].content is 5; it must be a string or an array of content blocks.',
  ],
  [
    block({ type: 'tool_result', tool_use_id: 'a', content: [{}] }),
    'messages[0].content[0].content[0].type is missing; it must be a string.',
  ],
  [
    block({ type: 'image', source: { type: 'base64', media_type: 'image/png' } }),
    'messages[0].content[0].source.data is missing; it must be a string that is not empty.',
  ],
  [{ ...MINIMAL, system: 5 }, 'system is 5; it must be a string or an array of text blocks.'],
  [{ ...MINIMAL, tools: 'x' }, 'tools is "x"; it must be an array.'],
  [
    { ...MINIMAL, tools: [{ input_schema: {} }] },
    'tools[0].name is missing; it must be a string that is not empty.',
  ],
  [
    { ...MINIMAL, tools: [{ name: 'A', input_schema: [] }] },
    'tools[0].input_schema is an array; it must be an object.',
  ],
  [{ ...MINIMAL, max_tokens: '5' }, 'max_tokens is "5"; it must be a whole number.'],
  [{ ...MINIMAL, max_tokens: 0 }, 'max_tokens is 0; it must be a whole number of at least 1.'],
  [{ ...MINIMAL, max_tokens: 1.5 }, 'max_tokens is 1.5; it must be a whole number.'],
  [{ ...MINIMAL, temperature: 'hot' }, 'temperature is "hot"; it must be a number.'],
  [{ ...MINIMAL, temperature: Number.POSITIVE_INFINITY }, 'temperature is null; it must be a number.'],
  [{ ...MINIMAL, stream: 'yes' }, 'stream is "yes"; it must be true or false.'],
  [{ ...MINIMAL, stop_sequences: [1] }, 'stop_sequences[0] is 1; it must be a string.'],
  [
    { ...MINIMAL, tool_choice: { type: 'some' } },
    'tool_choice.type is "some"; it must be one of "auto", "any", "tool", "none".',
  ],
  [
    { ...MINIMAL, tool_choice: { type: 'tool' } },
    'tool_choice.name is missing; it must be a string that is not empty.',
  ],
  [{ ...MINIMAL, model: '' }, 'model is ""; it must be a string that is not empty.'],
  [{ ...MINIMAL, anyclaude_route: 5 }, 'anyclaude_route is 5; it must be a string.'],
];

for (const [body, expected] of BAD_REQUESTS) {
  test(`refused: ${expected}`, () => {
    assert.throws(
      () => parseRequest(body),
      (error) => error instanceof WireError && error.status === 400 && error.message === expected,
    );
  });
}

test('a long wrong value is shown cut', () => {
  assert.throws(
    () => parseRequest(message({ role: 'x'.repeat(5000), content: '' })),
    (error) => {
      return error instanceof WireError && error.message.length < 200;
    },
  );
});

test('any JSON is either a request, which renders, or a WireError', () => {
  const block = fc.record(
    {
      type: fc.constantFrom('text', 'tool_use', 'tool_result', 'image', 'document', 'thinking', 'odd'),
      text: mostly(fc.string()),
      id: mostly(fc.string({ minLength: 1 })),
      name: mostly(fc.string({ minLength: 1 })),
      input: mostly(fc.dictionary(fc.string(), fc.jsonValue())),
      tool_use_id: mostly(fc.string({ minLength: 1 })),
      content: mostly(fc.string()),
      source: mostly(fc.record({ type: fc.string() })),
    },
    { noNullPrototype: true },
  );
  const role = mostly(fc.constantFrom('user', 'assistant', 'system'));
  const content = mostly(fc.oneof(fc.string(), fc.array(block)));
  const tool = fc.record({ name: mostly(fc.string({ minLength: 1 })), input_schema: fc.constant({}) });
  const shape = fc.record({
    model: mostly(fc.string({ minLength: 1 })),
    messages: mostly(fc.array(fc.record({ role, content }))),
    tools: mostly(fc.array(tool)),
    system: mostly(fc.string()),
  });
  let served = 0;
  const property = fc.property(shape, (body) => {
    try {
      const conversation = normalise(parseRequest(body));
      const { messages } = toChat(conversation, {
        flattenSystemPrompt: 'keep',
        images: 'send',
        toolChoice: 'send',
      });
      assert.ok(messages.length > 0);
      served++;
    } catch (error) {
      assert.ok(error instanceof WireError, String(error));
    }
  });
  fc.assert(property, { numRuns: 500, seed: 7 });
  assert.ok(served > 100 && served < 480, `${served} of 500 bodies were requests`);
});

test('a body of Claude Code is read, and its unknown keys do no harm', () => {
  const request = parseRequest({
    ...new Session().body(),
    safeguards: [{ type: 'dangerous_tool_use' }],
    anyclaude_route: 'edit',
    stop_sequences: ['END'],
    temperature: 1,
    top_p: 0.9,
    top_k: 40,
    tool_choice: { type: 'auto' },
    speed: 'fast',
  });
  assert.equal(request.maxTokens, 32_000);
  assert.equal(request.stream, true);
  assert.equal(request.hasSafeguards, true);
  assert.equal(request.routeOverride, 'edit');
  assert.equal(request.metadataSessionId, '00000000-0000-4000-8000-000000000001');
  assert.deepEqual(request.outputConfig, { effort: 'high' });
  assert.deepEqual([request.temperature, request.topP, request.topK], [1, 0.9, 40]);
  assert.deepEqual(request.stopSequences, ['END']);
});

test('what may be left out may be left out, or null', () => {
  const bare = parseRequest({ ...MINIMAL, system: null, tools: null, max_tokens: null, temperature: null });
  assert.deepEqual(bare, {
    model: 'm',
    messages: MESSAGES,
    system: [],
    tools: [],
    stream: false,
    stopSequences: [],
    hasSafeguards: false,
  });
});

test('a body of count_tokens is a request', () => {
  const request = parseRequest(new Session().countBody());
  assert.equal(request.maxTokens, undefined);
  assert.equal(request.tools.length, 13);
});

test('a metadata string that is not JSON names no session', () => {
  for (const user_id of ['opaque', '[]', '{"session_id":5}', 5]) {
    assert.equal(parseRequest({ ...MINIMAL, metadata: { user_id } }).metadataSessionId, undefined);
  }
});

test("a server's tool needs no name", () => {
  const tools = [{ type: 'web_search_20250305', name: 'web_search' }, { type: 'mcp_toolset' }];
  assert.deepEqual(
    parseRequest({ ...MINIMAL, tools }).tools.map(({ name }) => name),
    ['web_search', 'mcp_toolset'],
  );
});

test('__proto__ and constructor keys pollute nothing', () => {
  const body = `{"model":"m","__proto__":{"stream":true,"polluted":1},"constructor":{"prototype":{"polluted":1}},
    "messages":[{"role":"user","__proto__":{"role":"x"},"content":[{"type":"text","text":"hi","__proto__":{"a":1}}]}],
    "tools":[{"name":"A","input_schema":{"__proto__":{"polluted":1}},"__proto__":{"type":"web"}}]}`;
  const request = parseRequest(parseJson(Buffer.from(body)));
  assert.equal(request.stream, false);
  assert.equal(normalise(request).tools.length, 1);
  assert.equal(Reflect.get({}, 'polluted'), undefined);
});

/** Right most of the time, any JSON else. */
function mostly<T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 40, arbitrary: right }, { weight: 1, arbitrary: fc.jsonValue() });
}

function message(message: unknown): unknown {
  return { ...MINIMAL, messages: [message] };
}

function block(block: unknown): unknown {
  return message({ role: 'user', content: [block] });
}
