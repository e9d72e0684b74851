import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChatRequest } from '../../wire/chat.ts';
import { normalise } from '../../wire/normalise.ts';
import { parseRequest } from '../../wire/parse.ts';
import { type ChatOptions, toChat } from '../../wire/to-chat.ts';
import { mainRequest } from '../fixture/session.ts';

const OPTIONS: ChatOptions = { flattenSystemPrompt: 'keep', images: 'send', toolChoice: 'send' };
const IMAGE = { type: 'image', source: { data: 'AAAA', media_type: 'image/png', type: 'base64' } };
const TOOLS = ['Read', 'Edit'].map((name) => ({ name, description: name, input_schema: { type: 'object' } }));

test('a whole request of a tool round is what a chat server expects', () => {
  const request = chat(
    {
      system: 'You help.',
      tools: TOOLS.slice(0, 1),
      max_tokens: 100,
      messages: [
        { role: 'user', content: 'Look at both.' },
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'Yes.' },
            { type: 'tool_use', id: 'call_2', name: 'Read', input: { z: 1, a: { c: '"', b: [] } } },
            { type: 'tool_use', id: 'call_1', name: 'Read', input: {} },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Quick.' },
            { type: 'tool_result', tool_use_id: 'call_1', content: 'no such file', is_error: true },
            { type: 'tool_result', tool_use_id: 'call_2', content: [{ type: 'text', text: 'kettle' }] },
          ],
        },
        { role: 'system', content: 'Mind the list.' },
      ],
    },
    { model: 'qwen' },
  );
  assert.deepEqual(request, {
    model: 'qwen',
    messages: [
      { role: 'system', content: 'You help.' },
      { role: 'user', content: 'Look at both.' },
      {
        role: 'assistant',
        content: 'Yes.',
        tool_calls: [
          {
            id: 'call_2',
            type: 'function',
            function: { name: 'Read', arguments: '{"z":1,"a":{"c":"\\"","b":[]}}' },
          },
          { id: 'call_1', type: 'function', function: { name: 'Read', arguments: '{}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'call_1', content: 'Error: no such file' },
      { role: 'tool', tool_call_id: 'call_2', content: 'kettle' },
      { role: 'user', content: 'Quick.\n\n<system-reminder>\nMind the list.\n</system-reminder>' },
    ],
    tools: [
      { type: 'function', function: { name: 'Read', description: 'Read', parameters: { type: 'object' } } },
    ],
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: 100,
  });
});

test('no key is null, and none that harms mlx_lm.server is ever sent', () => {
  const request = chat({
    ...mainRequest({ rounds: 2 }),
    seed: 1,
    presence_penalty: 1,
    logit_bias: {},
    thinking: null,
  });
  assert.deepEqual(Object.keys(request), ['messages', 'tools', 'stream', 'stream_options', 'max_tokens']);
  JSON.stringify(request, (key, value: unknown) => {
    assert.notEqual(value, null, key);
    return value;
  });
});

test('sampling is kept within what every server takes', () => {
  const sampling = (body: Record<string, unknown>) => {
    const { temperature, top_p, top_k, stop } = chat(body);
    return { temperature, top_p, top_k, stop };
  };
  assert.deepEqual(sampling({ temperature: -1, top_p: 2, top_k: -1, stop_sequences: ['', 'END'] }), {
    temperature: 0,
    top_p: 1,
    top_k: undefined,
    stop: ['END'],
  });
  assert.deepEqual(sampling({ temperature: 0.5, top_p: -1, top_k: 20, stop_sequences: [''] }), {
    temperature: 0.5,
    top_p: 0,
    top_k: 20,
    stop: undefined,
  });
});

const TOOL_CHOICES: readonly (readonly [
  string,
  unknown,
  ChatOptions['toolChoice'],
  string[],
  string | undefined,
])[] = [
  ['auto', { type: 'auto' }, 'send', ['Read', 'Edit'], undefined],
  ['any', { type: 'any' }, 'send', ['Read', 'Edit'], 'required'],
  ['any', { type: 'any' }, 'omit', ['Read', 'Edit'], undefined],
  ['none', { type: 'none' }, 'send', ['Read', 'Edit'], 'none'],
  ['none', { type: 'none' }, 'omit', [], undefined],
  ['a named tool', { type: 'tool', name: 'Edit' }, 'send', ['Edit'], 'required'],
  ['a named tool', { type: 'tool', name: 'Edit' }, 'omit', ['Edit'], undefined],
  ['a tool that is not there', { type: 'tool', name: 'Fly' }, 'send', ['Read', 'Edit'], 'required'],
];

for (const [what, tool_choice, toolChoice, tools, expected] of TOOL_CHOICES) {
  test(`tool choice ${what}, where the option is to ${toolChoice}: ${expected ?? 'not said'}, ${tools.length} tools`, () => {
    const request = chat({ tools: TOOLS, tool_choice }, { toolChoice });
    assert.deepEqual(request.tools?.map((tool) => tool.function.name) ?? [], tools);
    assert.equal(request.tool_choice, expected);
  });
}

test('without tools there is no tools key and no choice', () => {
  const request = chat({ tools: [], tool_choice: { type: 'any' } });
  assert.equal('tools' in request || 'tool_choice' in request, false);
});

test('images are sent as data where the backend can see, and named where it can not', () => {
  const messages = [
    { role: 'user', content: [IMAGE, { type: 'text', text: 'What is it?' }] },
    { role: 'assistant', content: [{ type: 'tool_use', id: 'call_1', name: 'Read', input: {} }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'call_1', content: [IMAGE] }] },
  ];
  const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } };
  const [asked, , result, shown] = chat({ messages }).messages;
  assert.deepEqual(asked, { role: 'user', content: [image, { type: 'text', text: 'What is it?' }] });
  assert.equal(result?.role, 'tool');
  assert.match(String(result?.content), /next message/);
  assert.deepEqual(shown, { role: 'user', content: [image] });

  const blind = chat({ messages }, { images: 'note' }).messages;
  assert.equal(blind.length, 3);
  assert.match(String(blind[0]?.content), /left out.*\n\nWhat is it\?/);
  assert.match(String(blind[2]?.content), /left out/);
  assert.equal(JSON.stringify(blind).includes('AAAA'), false);
});

test('newlines of the system prompt are kept, unless the backend wants it flat', () => {
  const system = 'One.\n\n  Two.\n';
  assert.equal(chat({ system }).messages[0]?.content, system);
  assert.equal(chat({ system }, { flattenSystemPrompt: 'flatten' }).messages[0]?.content, 'One. Two.');
});

function chat(body: Record<string, unknown>, options: Partial<ChatOptions> = {}): ChatRequest {
  const request = parseRequest({ model: 'm', messages: [{ role: 'user', content: 'Hello' }], ...body });
  return toChat(normalise(request), { ...OPTIONS, ...options });
}
