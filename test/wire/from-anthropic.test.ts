import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFrameReader } from '../../wire/from-anthropic.ts';
import {
  CLAUDE_STREAM,
  data,
  EDIT_ARGUMENTS,
  everyCut,
  frame,
  framesOf,
  localMessages,
  localText,
  notesOf,
  OPTIONS,
  type Read,
  read,
} from './streams.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const readClaude = (stream: string): Read => read(createFrameReader({ origin: 'claude' }), [bytesOf(stream)]);
const readLocal = (stream: string, options = OPTIONS): Read =>
  read(createFrameReader({ origin: 'local', answer: options }), [bytesOf(stream)]);

const sentFrames = (stream: string): unknown[] =>
  stream
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice(6)));

test('frames of the Claude API pass as they are, without pings and unknown events', () => {
  const { items, fault, done } = readClaude(CLAUDE_STREAM);
  assert.equal(fault, undefined);
  assert.equal(done, true);
  const kept = (value: unknown): boolean =>
    !/"type":"(ping|an_event_of_the_future)"/.test(JSON.stringify(value));
  assert.deepEqual(framesOf(items), sentFrames(CLAUDE_STREAM).filter(kept));
});

test('the usage of the Claude API is noted as a whole prompt with its parts', () => {
  const prompt = { promptTokens: 2103, cachedTokens: 2000, writtenTokens: 100 };
  assert.deepEqual(notesOf(readClaude(CLAUDE_STREAM).items), [
    { type: 'usage', ...prompt },
    { type: 'alive' },
    { type: 'alive' },
    { type: 'usage', ...prompt, outputTokens: 88 },
  ]);
});

test('a message_delta that repeats one count does not forget the others', () => {
  const stream = CLAUDE_STREAM.replace(
    '"usage":{"output_tokens":88}',
    '"usage":{"input_tokens":3,"output_tokens":88}',
  );
  assert.deepEqual(notesOf(readClaude(stream).items).at(-1), {
    type: 'usage',
    promptTokens: 2103,
    cachedTokens: 2000,
    writtenTokens: 100,
    outputTokens: 88,
  });
});

for (const [name, stream, reader] of [
  ['the Claude API', CLAUDE_STREAM, () => createFrameReader({ origin: 'claude' })],
  [
    'a local server',
    localMessages(EDIT_ARGUMENTS, 'tool_use'),
    () => createFrameReader({ origin: 'local', answer: OPTIONS }),
  ],
] as const) {
  test(`${name}: the frames are the same wherever the bytes are cut, and any early end is a fault`, () => {
    const whole = read(reader(), [bytesOf(stream)]);
    assert.equal(whole.fault, undefined);
    for (const cut of everyCut(stream)) assert.deepEqual(read(reader(), cut), whole);
    const bytes = bytesOf(stream);
    for (let length = 0; length < bytes.length; length += 7) {
      assert.equal(read(reader(), [bytes.subarray(0, length)]).fault?.fault, 'truncated');
    }
  });
}

test('message_stop without a stop reason is no success', () => {
  const stream = CLAUDE_STREAM.replace('"stop_reason":"tool_use"', '"stop_reason":null');
  assert.equal(readClaude(stream).fault?.fault, 'truncated');
  assert.equal(readLocal(localText('a', { stop_reason: null })).fault?.fault, 'truncated');
});

test('a local answer is written anew: its model, its ids, the names of its tools and its usage', () => {
  const frames = framesOf(readLocal(localMessages('{"url":"http://a"}', 'tool_use')).items);
  const [start] = frames;
  assert.ok(start?.type === 'message_start');
  assert.equal(start.message.id, 'msg_0a1b2c');
  assert.equal(start.message.model, 'claude-anyclaude');
  assert.deepEqual(start.message.usage, { input_tokens: 12, cache_read_input_tokens: 30, output_tokens: 0 });
  assert.deepEqual(frames.slice(-5, -2), [
    {
      type: 'content_block_start',
      index: 2,
      content_block: {
        type: 'tool_use',
        id: 'Oh89vOmn9Kj0AHYVag8eIm8GCZKcvUWz',
        name: 'WebFetch',
        input: {},
      },
    },
    {
      type: 'content_block_delta',
      index: 2,
      delta: { type: 'input_json_delta', partial_json: '{"url":"http://a"}' },
    },
    { type: 'content_block_stop', index: 2 },
  ]);
  assert.deepEqual(frames.at(-2), {
    type: 'message_delta',
    delta: { stop_reason: 'tool_use', stop_sequence: null },
    usage: { input_tokens: 12, cache_read_input_tokens: 30, output_tokens: 9 },
  });
});

test('a cut call of a local server never reaches the client', () => {
  for (const stopReason of ['tool_use', 'max_tokens', 'end_turn']) {
    for (let length = stopReason === 'max_tokens' ? 0 : 1; length < EDIT_ARGUMENTS.length; length++) {
      const { items, fault } = readLocal(localMessages(EDIT_ARGUMENTS.slice(0, length), stopReason));
      assert.equal(fault?.fault, 'bad-tool-call');
      assert.ok(!JSON.stringify(items).includes('"tool_use"'));
    }
  }
});

test('a call whose block begins with its input is whole', () => {
  const stream = [
    frame('content_block_start', {
      index: 0,
      content_block: { type: 'tool_use', id: 'abcdefghijk', name: 'Read', input: { file_path: '/a' } },
    }),
    frame('message_delta', { delta: { stop_reason: 'tool_use' } }),
    frame('message_stop'),
  ].join('');
  assert.match(
    JSON.stringify(framesOf(readLocal(stream).items)),
    /"partial_json":"{\\"file_path\\":\\"\/a\\"}"/,
  );
});

test('a hit on a stop sequence is told as one, found by the server or here', () => {
  const told = { stop_reason: 'end_turn', stop_sequence: 'STOP' };
  for (const read of [
    readLocal(localText('a ', told)),
    readLocal(localText('a STOP b', { stop_reason: 'end_turn' }), { ...OPTIONS, stopSequences: ['STOP'] }),
  ]) {
    const delta = framesOf(read.items).at(-2);
    assert.ok(delta?.type === 'message_delta');
    assert.deepEqual(delta.delta, { stop_reason: 'stop_sequence', stop_sequence: 'STOP' });
  }
});

test('errors in either shape are faults, and text that is no JSON is one too', () => {
  const overloaded = frame('error', { error: { type: 'overloaded_error', message: 'Overloaded' } });
  const openai = data({
    error: {
      code: 400,
      message: 'request (9021 tokens) exceeds the available context size (8192 tokens), try increasing it',
    },
  });
  for (const readIt of [readClaude, readLocal]) {
    assert.deepEqual(readIt(overloaded).fault, { fault: 'overloaded', message: 'Overloaded' });
    assert.deepEqual(readIt(openai).fault?.overflow, { promptTokens: 9021, windowTokens: 8192 });
    assert.equal(readIt('data: nonsense\n\n').fault?.fault, 'protocol');
  }
});
