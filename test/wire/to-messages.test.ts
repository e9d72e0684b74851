import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Conversation, Message } from '../../wire/message.ts';
import { toMessages } from '../../wire/to-messages.ts';

const MESSAGES: readonly Message[] = [
  { role: 'user', parts: [{ kind: 'text', text: 'Where is it?' }] },
  {
    role: 'assistant',
    parts: [
      { kind: 'text', text: 'I look.' },
      { kind: 'tool-use', id: 'toolu_1', name: 'Read', input: { b: 1, a: [2] } },
      { kind: 'tool-use', id: 'toolu_2', name: 'Read', input: {} },
    ],
  },
  {
    role: 'user',
    parts: [
      {
        kind: 'tool-result',
        toolUseId: 'toolu_1',
        isError: false,
        content: [
          { kind: 'text', text: 'there' },
          { kind: 'image', mediaType: 'image/png', base64: 'aGk=' },
        ],
      },
      { kind: 'tool-result', toolUseId: 'toolu_2', isError: true, content: [] },
      { kind: 'text', text: 'and now?' },
    ],
  },
];

const CONVERSATION: Conversation = {
  system: 'You help.',
  tools: [{ name: 'Read', description: 'Reads', inputSchema: { type: 'object' } }],
  messages: MESSAGES,
  callable: ['Read'],
  maxTokens: 500,
  stopSequences: [],
  toolChoice: { kind: 'auto' },
  hasImages: true,
};

test('every part of a conversation is written as a Messages server expects it', () => {
  assert.deepEqual(toMessages(CONVERSATION, { model: 'm' }), {
    model: 'm',
    max_tokens: 500,
    stream: true,
    system: 'You help.',
    tools: [{ name: 'Read', description: 'Reads', input_schema: { type: 'object' } }],
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'Where is it?' }] },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'I look.' },
          { type: 'tool_use', id: 'toolu_1', name: 'Read', input: { b: 1, a: [2] } },
          { type: 'tool_use', id: 'toolu_2', name: 'Read', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          {
            type: 'tool_result',
            tool_use_id: 'toolu_1',
            content: [
              { type: 'text', text: 'there' },
              { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGk=' } },
            ],
          },
          { type: 'tool_result', tool_use_id: 'toolu_2', is_error: true, content: [] },
          { type: 'text', text: 'and now?' },
        ],
      },
    ],
  });
});

test('what was not asked for is left out', () => {
  const bare = { ...CONVERSATION, system: '', tools: [], stopSequences: [''], topK: 0 };
  assert.deepEqual(Object.keys(toMessages(bare, { model: 'm' })), [
    'model',
    'max_tokens',
    'stream',
    'messages',
  ]);
});

test('sampling and the choice of a tool are passed on within their bounds', () => {
  const asked: Conversation = {
    ...CONVERSATION,
    temperature: -1,
    topP: 2,
    topK: 40,
    stopSequences: ['END'],
    toolChoice: { kind: 'tool', name: 'Read' },
  };
  const { temperature, top_p, top_k, stop_sequences, tool_choice } = toMessages(asked, { model: 'm' });
  assert.deepEqual(
    { temperature, top_p, top_k, stop_sequences, tool_choice },
    {
      temperature: 0,
      top_p: 1,
      top_k: 40,
      stop_sequences: ['END'],
      tool_choice: { type: 'tool', name: 'Read' },
    },
  );
  const none = { ...CONVERSATION, toolChoice: { kind: 'none' } } as const;
  assert.deepEqual(toMessages(none, { model: 'm' }).tool_choice, { type: 'none' });
});

test('a continuation begins with the bytes of what went before', () => {
  const render = (messages: readonly Message[]) =>
    JSON.stringify(toMessages({ ...CONVERSATION, messages }, { model: 'm' })).slice(0, -2);
  for (let length = 1; length < MESSAGES.length; length++) {
    assert.ok(render(MESSAGES).startsWith(render(MESSAGES.slice(0, length))));
  }
});
