import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Conversation, Message } from '../../wire/message.ts';
import { normalise } from '../../wire/normalise.ts';
import { parseRequest } from '../../wire/parse.ts';
import { mainRequest, reminder, Session } from '../fixture/session.ts';

const BILLING = 'x-anthropic-billing-header: cc_version=2.1.330.a1f; cc_entrypoint=cli;';

test('the billing block goes, wherever in front it stands and whatever its form', () => {
  const text = (words: string) => ({ type: 'text', text: words });
  for (const system of [
    'You help.',
    `${BILLING}\nYou help.`,
    `${BILLING} cch=0f0;\n\nYou help.`,
    [text(BILLING), text('You help.')],
    [text('You help.'), text(BILLING)],
    [text(`${BILLING}\nYou help.`)],
    [{ ...text('You help.'), cache_control: { type: 'ephemeral' } }],
  ]) {
    assert.equal(conversation({ system }).system, 'You help.');
  }
  assert.equal(conversation({ system: [text('One.'), text('Two.')] }).system, 'One.\n\nTwo.');
  assert.equal(conversation({}).system, '');
});

test('a system message is folded into the user message before it, as a reminder', () => {
  const messages = turns([
    { role: 'user', content: 'Hello' },
    { role: 'assistant', content: 'Yes?' },
    { role: 'user', content: 'Go' },
    { role: 'system', content: 'Mind the list.' },
    {
      role: 'system',
      content: [{ type: 'text', text: reminder('Already one.'), cache_control: { type: 'ephemeral' } }],
    },
  ]);
  assert.deepEqual(texts(messages[2]), [
    'Go',
    '<system-reminder>\nMind the list.\n</system-reminder>',
    '<system-reminder>\nAlready one.\n</system-reminder>',
  ]);
});

test('a system message in front of everything, or behind an answer, is a user message', () => {
  const messages = turns([
    { role: 'system', content: 'One.' },
    { role: 'assistant', content: 'Yes?' },
    { role: 'system', content: 'Two.' },
    { role: 'user', content: 'Go' },
  ]);
  assert.deepEqual(
    messages.map(({ role }) => role),
    ['user', 'assistant', 'user'],
  );
  assert.deepEqual(texts(messages[2]), [reminder('Two.'), 'Go']);
});

test('neighbours of one role become one message', () => {
  const messages = turns([
    { role: 'user', content: 'One' },
    { role: 'user', content: [{ type: 'text', text: 'Two' }] },
    { role: 'assistant', content: 'Three' },
    { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'Read', input: {} }] },
  ]);
  assert.deepEqual(
    messages.map(({ role, parts }) => [role, parts.length]),
    [
      ['user', 2],
      ['assistant', 2],
    ],
  );
});

test('string and array content, with and without a cache marker, are the same', () => {
  const marker = { cache_control: { type: 'ephemeral' } };
  const forms = ['Hello', [{ type: 'text', text: 'Hello' }], [{ type: 'text', text: 'Hello', ...marker }]];
  const made = forms.map((content) =>
    turns([
      { role: 'user', content },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'Read', input: { b: 1, a: 2 } }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content, ...marker }] },
    ]),
  );
  assert.deepEqual(made[1], made[0]);
  assert.deepEqual(made[2], made[0]);
});

test('what serves the Claude API only is gone', () => {
  const kept = JSON.stringify(
    normalise(parseRequest({ ...mainRequest(), safeguards: [{ user: 'secret-user' }] })),
  );
  for (const word of [
    'cache_control',
    'ephemeral',
    'clear_thinking',
    'adaptive',
    'effort',
    'device_id',
    'secret-user',
  ]) {
    assert.equal(kept.includes(word), false, word);
  }
});

test('a turn of thinking alone leaves no hole in the alternation', () => {
  const messages = turns([
    { role: 'user', content: 'One' },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'hm', signature: '' },
        { type: 'redacted_thinking', data: 'x' },
        { type: 'text', text: '' },
      ],
    },
    { role: 'user', content: 'Two' },
  ]);
  assert.deepEqual(messages, [
    {
      role: 'user',
      parts: [
        { kind: 'text', text: 'One' },
        { kind: 'text', text: 'Two' },
      ],
    },
  ]);
});

test('control characters and odd spaces of a text stay as they are', () => {
  const odd = '\u001b[1mbold\u001b[0m\r\n\t\u00a0 \u2028 \ud83d\ude00 x\n';
  assert.deepEqual(texts(turns([{ role: 'user', content: odd }])[0]), [odd]);
});

test('parallel results stay, all of them, in the order received', () => {
  const [, , results] = turns([
    { role: 'user', content: 'Go' },
    {
      role: 'assistant',
      content: ['a', 'b', 'c'].map((id) => ({ type: 'tool_use', id, name: 'Read', input: {} })),
    },
    {
      role: 'user',
      content: ['b', 'c', 'a'].map((id) => ({
        type: 'tool_result',
        tool_use_id: id,
        content: id,
        is_error: id === 'c',
      })),
    },
  ]);
  assert.deepEqual(
    results?.parts,
    ['b', 'c', 'a'].map((id) => ({
      kind: 'tool-result',
      toolUseId: id,
      isError: id === 'c',
      content: [{ kind: 'text', text: id }],
    })),
  );
});

test('a result whose call was cut away stays as text', () => {
  const messages = turns([
    { role: 'user', content: 'Summary.' },
    { role: 'assistant', content: 'Fine.' },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'gone', content: 'the kettle' }] },
  ]);
  assert.deepEqual(texts(messages[2]), ['[The result of an earlier tool call:]', 'the kettle']);
});

test('images stay where their bytes were sent; nothing is fetched, and what is left out is named', () => {
  const made = conversation({
    messages: [
      {
        role: 'user',
        content: [
          { type: 'image', source: { data: 'AAAA', media_type: 'image/png', type: 'base64' } },
          { type: 'image', source: { type: 'url', url: 'http://192.168.0.1/secret' } },
          { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'AAAA' } },
          { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'Plain words.' } },
          { type: 'hologram', data: 'x' },
        ],
      },
    ],
  });
  assert.equal(made.hasImages, true);
  assert.deepEqual(made.messages[0]?.parts[0], { kind: 'image', mediaType: 'image/png', base64: 'AAAA' });
  const said = texts(made.messages[0]);
  assert.equal(said.length, 4);
  assert.match(said[0] ?? '', /image was left out/);
  assert.match(said[1] ?? '', /document was left out/);
  assert.equal(said[2], 'Plain words.');
  assert.match(said[3] ?? '', /hologram was left out/);
  assert.equal(JSON.stringify(made).includes('192.168'), false);
});

test('an image in a tool result counts as an image', () => {
  const image = { type: 'image', source: { data: 'AAAA', media_type: 'image/png', type: 'base64' } };
  const session = new Session().useTools([{ name: 'Read', input: {} }], { 0: [image] });
  assert.equal(normalise(parseRequest(session.body())).hasImages, true);
  assert.equal(normalise(parseRequest(new Session().body())).hasImages, false);
});

test('only the first user message is put in order', () => {
  const reminders = [
    reminder('# claudeMd\ngitStatus is a word here'),
    reminder('# gitStatus\nclean'),
    reminder('Note.'),
  ];
  const content = [...reminders, 'Go'].map((text) => ({ type: 'text', text }));
  const messages = turns([
    { role: 'user', content },
    { role: 'system', content: '# Environment' },
    { role: 'system', content: 'Called the Read tool: kettle.ts' },
    { role: 'assistant', content: 'Yes?' },
    { role: 'user', content },
    { role: 'system', content: 'Later.' },
  ]);
  const [rules, git, note] = reminders;
  assert.deepEqual(texts(messages[0]), [
    rules,
    note,
    reminder('# Environment'),
    git,
    'Go',
    reminder('Called the Read tool: kettle.ts'),
  ]);
  assert.deepEqual(texts(messages[2]), [rules, git, note, 'Go', reminder('Later.')]);
});

test('the git status at the end of an older system prompt moves behind the tools', () => {
  const made = normalise(parseRequest(new Session({ version: '2.1.197', gitStatus: 'M kettle.ts' }).body()));
  assert.equal(made.system.includes('M kettle.ts'), false);
  assert.ok(made.system.endsWith(' - Primary working directory: /home/dev/orchard'));
  assert.match(texts(made.messages[0]).at(-2) ?? '', /^<system-reminder>\ngitStatus: .*M kettle\.ts/s);
});

test('options are mapped, and an answer without max_tokens has room for an edit', () => {
  assert.equal(conversation({}).maxTokens, 4096);
  const choices = [{ type: 'auto' }, { type: 'any' }, { type: 'none' }, { type: 'tool', name: 'Read' }];
  assert.deepEqual(
    [undefined, ...choices].map((tool_choice) => conversation({ tool_choice }).toolChoice),
    [{ kind: 'auto' }, { kind: 'auto' }, { kind: 'any' }, { kind: 'none' }, { kind: 'tool', name: 'Read' }],
  );
  const { maxTokens, temperature, topP, topK, stopSequences } = conversation({
    max_tokens: 7,
    temperature: 0,
    top_p: 0.5,
    top_k: 3,
    stop_sequences: ['a'],
  });
  assert.deepEqual([maxTokens, temperature, topP, topK, stopSequences], [7, 0, 0.5, 3, ['a']]);
});

function conversation(body: Record<string, unknown>): Conversation {
  return normalise(parseRequest({ model: 'm', messages: [{ role: 'user', content: 'Hello' }], ...body }));
}

function turns(messages: readonly unknown[]): readonly Message[] {
  return conversation({ messages }).messages;
}

function texts(message: Message | undefined): (string | undefined)[] {
  return message?.parts.flatMap((part) => (part.kind === 'text' ? [part.text] : [])) ?? [];
}
