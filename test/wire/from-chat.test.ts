import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Frame, StreamItem } from '../../wire/frame.ts';
import { createChatTranslator } from '../../wire/from-chat.ts';
import {
  CHAT_STREAMS,
  chunk,
  DONE,
  data,
  EDIT_ARGUMENTS,
  END,
  everyCut,
  fragments,
  framesOf,
  llama,
  mlx,
  mlxCall,
  notesOf,
  OPTIONS,
  read,
  readChat,
  USAGE,
} from './streams.ts';

const toolUses = (items: readonly StreamItem[]): { id: string; name: string; json: string }[] => {
  const frames = framesOf(items);
  return frames.flatMap((frame, at) => {
    if (frame.type !== 'content_block_start' || frame.content_block.type !== 'tool_use') return [];
    const next = frames[at + 1];
    assert.ok(next?.type === 'content_block_delta' && next.delta.type === 'input_json_delta');
    return [{ id: frame.content_block.id, name: frame.content_block.name, json: next.delta.partial_json }];
  });
};
const textOf = (items: readonly StreamItem[]): string =>
  framesOf(items)
    .map((frame) =>
      frame.type === 'content_block_delta' && frame.delta.type === 'text_delta' ? frame.delta.text : '',
    )
    .join('');
const endOf = (items: readonly StreamItem[]): Extract<Frame, { type: 'message_delta' }> => {
  const [delta, stop] = framesOf(items).slice(-2);
  assert.equal(stop?.type, 'message_stop');
  assert.ok(delta?.type === 'message_delta');
  return delta;
};

/** The order that the Messages API promises, and nothing after a fault that only a whole answer may have. */
function assertOrder(frames: readonly Frame[], isWhole: boolean): void {
  let open: number | undefined;
  let next = 0;
  let closing = 0;
  for (const [at, frame] of frames.entries()) {
    assert.equal(frame.type === 'message_start', at === 0);
    if (frame.type === 'content_block_start') {
      assert.equal(open, undefined);
      assert.equal(frame.index, next++);
      open = frame.index;
    }
    if (frame.type === 'content_block_delta') assert.equal(frame.index, open);
    if (frame.type === 'content_block_stop') {
      assert.equal(frame.index, open);
      open = undefined;
    }
    if (frame.type === 'message_delta' || frame.type === 'message_stop') {
      assert.equal(open, undefined);
      closing += 1;
      assert.equal(at, frames.length - (frame.type === 'message_delta' ? 2 : 1));
    }
  }
  assert.equal(closing, isWhole ? 2 : 0);
}

for (const [name, stream] of Object.entries(CHAT_STREAMS)) {
  test(`${name}: the frames are the same wherever the bytes are cut`, () => {
    const whole = readChat(stream);
    assert.equal(whole.fault, undefined);
    assertOrder(framesOf(whole.items), true);
    for (const cut of everyCut(stream)) {
      assert.deepEqual(read(createChatTranslator(OPTIONS), cut), whole);
    }
  });

  test(`${name}: ended after any byte but the last, it is a fault and releases no call`, () => {
    const bytes = new TextEncoder().encode(stream);
    // The last blank line's end may be missing where CR stands alone.
    for (let length = 0; length < bytes.length - 2; length++) {
      const cut = read(createChatTranslator(OPTIONS), [bytes.subarray(0, length)]);
      assert.equal(cut.fault?.fault, 'truncated', `after ${length} bytes`);
      assertOrder(framesOf(cut.items), false);
    }
  });
}

test('an answer begins with the estimate and ends with what was reported, in the partition of Anthropic', () => {
  const { items } = readChat(CHAT_STREAMS['mlx text'] ?? '');
  const start = framesOf(items)[0];
  assert.ok(start?.type === 'message_start');
  assert.deepEqual(start.message.usage, { input_tokens: 900, output_tokens: 0 });
  assert.equal(start.message.model, 'claude-anyclaude');
  assert.deepEqual(endOf(items), {
    type: 'message_delta',
    delta: { stop_reason: 'end_turn', stop_sequence: null },
    usage: { input_tokens: 53, cache_read_input_tokens: 1500, output_tokens: 26 },
  });
  assert.deepEqual(notesOf(items), [
    { type: 'progress', processed: 20, total: 53 },
    { type: 'progress', processed: 53, total: 53 },
    { type: 'alive' },
    { type: 'usage', promptTokens: 1553, cachedTokens: 1500, outputTokens: 26 },
  ]);
});

test('a backend that reports no cache leaves it unknown, and one that reports nothing leaves an estimate', () => {
  const usage = { prompt_tokens: 40, completion_tokens: 2, prompt_tokens_details: null };
  const silent = readChat(mlx([{ content: 'Hello' }], 'stop', data({ choices: [], usage }) + DONE));
  assert.deepEqual(endOf(silent.items).usage, { input_tokens: 40, output_tokens: 2 });
  const none = readChat(mlx([{ content: 'Hello' }], 'stop', DONE));
  assert.deepEqual(endOf(none.items).usage, { input_tokens: 900, output_tokens: 2 });
  assert.ok(!none.items.some((item) => item.type === 'usage'));
});

test('a cached count that cannot be is not believed, and told to be impossible', () => {
  for (const cached_tokens of [9999, -1, 0.5, 'NaN', true]) {
    const usage = { ...USAGE, prompt_tokens_details: { cached_tokens } };
    const { items } = readChat(mlx([{ content: 'a' }], 'stop', data({ choices: [], usage }) + DONE));
    assert.deepEqual(endOf(items).usage, { input_tokens: 1553, output_tokens: 26 });
    const told = notesOf(items).at(-1);
    assert.deepEqual(told, { type: 'usage', promptTokens: 1553, outputTokens: 26, impossibleCache: true });
  }
});

test('a cached count that is not there is unknown, and no lie', () => {
  for (const prompt_tokens_details of [null, {}, { cached_tokens: null }]) {
    const usage = { ...USAGE, prompt_tokens_details };
    const { items } = readChat(mlx([{ content: 'a' }], 'stop', data({ choices: [], usage }) + DONE));
    assert.deepEqual(notesOf(items).at(-1), { type: 'usage', promptTokens: 1553, outputTokens: 26 });
  }
});

test('the fingerprint that comes with the usage is noted, cut to 100 characters', () => {
  const fingerprint = `0.32.2-${'x'.repeat(200)}`;
  const last = data({ choices: [], usage: USAGE, system_fingerprint: fingerprint });
  const { items } = readChat(mlx([{ content: 'a' }], 'stop', last + DONE));
  const told = notesOf(items).at(-1);
  assert.equal(told?.type === 'usage' && told.fingerprint, fingerprint.slice(0, 100));
});

test('llama.cpp tells its cache in timings and its prefill in prompt_progress', () => {
  const { items } = readChat(llama([{ content: 'hi' }], 'stop'));
  assert.deepEqual(endOf(items).usage, { input_tokens: 1, cache_read_input_tokens: 23, output_tokens: 6 });
  assert.deepEqual(notesOf(items)[0], { type: 'progress', processed: 2, total: 4, cachedTokens: 20 });
});

test('thinking, text and calls become blocks in this order, and white space between calls none', () => {
  const { items } = readChat(CHAT_STREAMS['mlx reasoning, text and two calls'] ?? '');
  const blocks = framesOf(items).flatMap((frame) =>
    frame.type === 'content_block_start' ? [frame.content_block.type] : [],
  );
  assert.deepEqual(blocks, ['thinking', 'text', 'tool_use', 'tool_use']);
  assert.equal(textOf(items), '\n\nReading.');
  assert.deepEqual(toolUses(items), [
    { id: '3f2a9c1e-0000-4000-8000-000000000000', name: 'Read', json: '{"file_path": "/a.ts"}' },
    { id: '3f2a9c1e-0000-4000-8000-000000000001', name: 'Edit', json: EDIT_ARGUMENTS },
  ]);
  assert.equal(endOf(items).delta.stop_reason, 'tool_use');
});

test('prose after a call is kept', () => {
  const { items, fault } = readChat(
    mlx([{ content: 'Before.' }, mlxCall('Read', '{}'), { content: '\nAfter.' }], 'tool_calls'),
  );
  assert.equal(fault, undefined);
  assert.equal(textOf(items), 'Before.\nAfter.');
  assert.equal(toolUses(items).length, 1);
});

test('the last content may ride in the finish chunk', () => {
  const text = readChat(chunk({ content: 'all of it' }, 'stop') + END);
  assert.equal(textOf(text.items), 'all of it');
  const call = readChat(chunk(mlxCall('Read', '{"file_path":"/a"}'), 'tool_calls') + END);
  assert.deepEqual(
    toolUses(call.items).map((use) => use.name),
    ['Read'],
  );
});

test('a call cut at any byte of its arguments never reaches the client', () => {
  for (const finish of ['stop', 'tool_calls', 'length']) {
    for (let length = 1; length < EDIT_ARGUMENTS.length; length++) {
      const args = EDIT_ARGUMENTS.slice(0, length);
      for (const deltas of [[mlxCall('Edit', args)], fragments('Edit', args, '')]) {
        const { items, fault } = readChat(mlx(deltas, finish));
        assert.equal(fault?.fault, 'bad-tool-call', `${length} characters, ${finish}`);
        assert.deepEqual(toolUses(items), []);
      }
    }
  }
});

test('one bad call holds back the good ones beside it', () => {
  const { items, fault } = readChat(mlx([mlxCall('Read', '{}'), mlxCall('Edit', '{"a":', 1)], 'tool_calls'));
  assert.equal(fault?.fault, 'bad-tool-call');
  assert.match(fault?.message ?? '', /Edit/);
  assert.deepEqual(framesOf(items), []);
});

test('what is not one JSON object is no call', () => {
  for (const args of ['{}{}', '[]', 'null', '7', '{"a":1} x', '"text"', '"[]"', "{'a':1}", '{"a":"\n"}']) {
    assert.equal(readChat(mlx([mlxCall('Edit', args)], 'tool_calls')).fault?.fault, 'bad-tool-call', args);
  }
});

test('arguments that were encoded twice, left out, or sent as an object are read', () => {
  const json = (call: Record<string, unknown>): string | undefined =>
    toolUses(readChat(mlx([call], 'tool_calls')).items)[0]?.json;
  assert.equal(json(mlxCall('Read', '"{}"')), '{}');
  assert.equal(json(mlxCall('Read', JSON.stringify('{"a": "\\"é"}'))), '{"a": "\\"é"}');
  assert.equal(json(mlxCall('Read', '')), '{}');
  assert.equal(json({ tool_calls: [{ index: 0, id: 'abcdefghi', function: { name: 'Read' } }] }), '{}');
  assert.equal(json({ tool_calls: [{ function: { name: 'Read', arguments: { a: 1 } } }] }), '{"a":1}');
});

test('a call that max_tokens cut before its arguments is not a call without arguments', () => {
  assert.equal(readChat(mlx(fragments('Read', '', ''), 'length')).fault?.fault, 'bad-tool-call');
});

test('a finish reason that promises a call which never came is a bad call', () => {
  assert.equal(readChat(mlx([], 'tool_calls')).fault?.fault, 'bad-tool-call');
  assert.equal(readChat(mlx([{ content: 'I will.' }], 'tool_calls')).fault?.fault, 'bad-tool-call');
});

test('max_tokens without a word is a cut call where there are tools, and an empty answer where there are none', () => {
  assert.equal(readChat(mlx([], 'length')).fault?.fault, 'bad-tool-call');
  assert.equal(readChat(mlx([], 'length'), { callable: [] }).fault?.fault, 'empty');
});

test('max_tokens after text is max_tokens', () => {
  assert.equal(endOf(readChat(mlx([{ content: 'abc' }], 'length')).items).delta.stop_reason, 'max_tokens');
});

test('a call ends as tool_use whatever the backend calls it', () => {
  for (const finish of ['stop', 'tool_calls', 'length', 'eos']) {
    const { items } = readChat(mlx([mlxCall('Read', '{}')], finish));
    assert.equal(endOf(items).delta.stop_reason, 'tool_use', finish);
  }
});

test('ids that are missing, short, odd or used twice are replaced by ids of this answer', () => {
  const call = (id: string | undefined, index: number): Record<string, unknown> => ({
    tool_calls: [{ id, index, function: { name: 'Read', arguments: '{}' } }],
  });
  const ids = ['long_enough_1', 'long_enough_1', undefined, 'call_0', 'functions.Read:0', null];
  const stream = mlx(
    ids.map((id, index) => call(id ?? undefined, index)),
    'tool_calls',
  );
  const given = toolUses(readChat(stream).items).map((use) => use.id);
  assert.equal(given[0], 'long_enough_1');
  assert.deepEqual(
    given.slice(1),
    [1, 2, 3, 4, 5].map((at) => `toolu_0a1b2c_${at}`),
  );
  assert.deepEqual(
    toolUses(readChat(stream).items).map((use) => use.id),
    given,
  );
});

test('calls without a number, or all numbered 0, are told apart', () => {
  const whole = (name: string, id?: string, index?: number): Record<string, unknown> => ({
    tool_calls: [{ id, index, function: { name, arguments: '{}' } }],
  });
  for (const deltas of [
    [whole('Read'), whole('Edit')],
    [whole('Read', 'aaaaaaaaaa', 0), whole('Edit', 'bbbbbbbbbb', 0)],
  ]) {
    assert.deepEqual(
      toolUses(readChat(mlx(deltas, 'tool_calls')).items).map((use) => use.name),
      ['Read', 'Edit'],
    );
  }
});

test('fragments of parallel calls may be mixed', () => {
  const piece = (index: number, args: string, name?: string): Record<string, unknown> => ({
    tool_calls: [{ index, function: { ...(name && { name }), arguments: args } }],
  });
  const deltas = [piece(0, '{"a"', 'Read'), piece(1, '{"b"', 'Edit'), piece(0, ':1}'), piece(1, ':2}')];
  assert.deepEqual(
    toolUses(readChat(mlx(deltas, 'tool_calls')).items).map((use) => use.json),
    ['{"a":1}', '{"b":2}'],
  );
});

test('a name in another spelling is the tool that it means, if it can mean only one', () => {
  const nameOf = (name: string, callable = OPTIONS.callable): string | undefined =>
    toolUses(readChat(mlx([mlxCall(name, '{}')], 'tool_calls'), { callable }).items)[0]?.name;
  assert.equal(nameOf('web_fetch'), 'WebFetch');
  assert.equal(nameOf('mcp_notes_list_all'), 'mcp__notes__list_all');
  assert.equal(nameOf('Grep'), 'Grep');
  assert.equal(nameOf('web_fetch', ['WebFetch', 'web-fetch']), 'web_fetch');
  assert.equal(nameOf('web_fetch', ['WebFetch', 'web_fetch']), 'web_fetch');
});

test('a finish reason without [DONE], [DONE] without a finish reason, and silence are all truncated', () => {
  for (const stream of [
    mlx([{ content: 'a' }], 'stop', ''),
    chunk({ content: 'a' }) + DONE,
    DONE,
    ': keepalive 5/5\n\n',
    '',
    chunk({ content: 'a' }, 'abort') + DONE,
  ]) {
    const { fault, items } = readChat(stream);
    assert.equal(fault?.fault, 'truncated');
    assert.ok(!framesOf(items).some((frame) => frame.type === 'message_stop'));
  }
});

test('a complete answer without content is empty, with reasoning alone it is an answer', () => {
  for (const deltas of [[], [{ content: '' }, { content: null }], [{ content: ' \n' }]]) {
    const empty = readChat(mlx(deltas, 'stop'));
    assert.equal(empty.fault?.fault, 'empty');
    assert.deepEqual(framesOf(empty.items), []);
  }
  const { items } = readChat(mlx([{ reasoning: 'Only thought.' }], 'stop'));
  assert.equal(endOf(items).delta.stop_reason, 'end_turn');
});

test('errors inside the stream are faults, whatever their shape', () => {
  const lmStudio =
    'Input does not fit in context length. The input has 31430 tokens, but the model has a context length of 8192 tokens.';
  const faults = [
    `event: error\n${data({ error: { message: lmStudio }, message: lmStudio })}`,
    data({ error: 'generation thread died' }),
    data({ object: 'error', message: 'boom', code: 500 }),
    'event: error\ndata: plain words\n\n',
    'data: {broken\n\n',
    'data: 7\n\n',
  ].map((event) => readChat(chunk({ content: 'a' }) + event + END).fault);
  assert.deepEqual(
    faults.map((fault) => fault?.fault),
    ['overflow', 'dead', 'status', 'status', 'protocol', 'protocol'],
  );
  assert.deepEqual(faults[0]?.overflow, { promptTokens: 31430, windowTokens: 8192 });
  assert.equal(faults[3]?.message, 'plain words');
});

test('unknown fields, odd objects, null errors, other choices and comments do no harm', () => {
  const odd = [
    data({
      error: null,
      object: 7,
      choices: [{ finish_reason: null, delta: { content: 'a', audio: {}, tool_calls: null } }],
    }),
    data({ choices: [{ index: 1, delta: { content: 'never asked for' } }] }),
    data({ choices: [null] }),
    data({ choices: 'x', usage: null }),
    data({ choices: [{ index: 0, delta: { content: [{ type: 'text', text: 'b' }] } }] }),
    ':\n\n: ping\n\nevent: ping\ndata:\n\n',
    chunk({ content: null, tool_calls: [null] }, 'stop'),
    END,
  ].join('');
  assert.equal(textOf(readChat(odd).items), 'ab');
});

test('a raw <tool_call> in the text stays text', () => {
  const raw = '<tool_call>{"name":"Read"}</tool_call>';
  assert.equal(textOf(readChat(mlx([{ content: raw }], 'stop')).items), raw);
});

test('a stop sequence ends the answer at once, however the deltas cut it', () => {
  const text = 'one two STOP three';
  for (let at = 1; at < text.length; at++) {
    const deltas = [{ content: text.slice(0, at) }, { content: text.slice(at) }];
    const { items, done, fault } = readChat(mlx(deltas, 'stop', ''), { stopSequences: ['STOP', 'nowhere'] });
    assert.equal(fault, undefined);
    assert.equal(done, true);
    assert.equal(textOf(items), 'one two ');
    assert.deepEqual(endOf(items).delta, { stop_reason: 'stop_sequence', stop_sequence: 'STOP' });
  }
});

test('a stop sequence as the first thing said is an answer without content', () => {
  const { items, fault } = readChat(mlx([{ content: 'STOP' }], 'stop'), { stopSequences: ['STOP'] });
  assert.equal(fault, undefined);
  assert.equal(endOf(items).delta.stop_sequence, 'STOP');
  assert.equal(framesOf(items).length, 3);
});

test('text that only began like a stop sequence is all delivered', () => {
  assert.equal(
    textOf(readChat(mlx([{ content: 'a ST' }], 'stop'), { stopSequences: ['STOP'] }).items),
    'a ST',
  );
  const call = readChat(mlx([{ content: 'a ST' }, mlxCall('Read', '{}')], 'tool_calls'), {
    stopSequences: ['STOP'],
  });
  assert.equal(textOf(call.items), 'a ST');
});

test('while a call is held back the notes say that the model is writing', () => {
  const { items } = readChat(mlx(fragments('Read', '{"a":1}', ''), 'tool_calls'));
  assert.equal(notesOf(items).filter((note) => note.type === 'alive' && note.generating).length, 4);
});

test('whatever a backend sends, the frames are in order and only a whole answer is closed', () => {
  const delta = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 6 }).map((content) => ({ content })),
    fc.string({ maxLength: 6 }).map((reasoning) => ({ reasoning })),
    fc.constantFrom(mlxCall('Read', '{}'), mlxCall('Edit', '{"a":', 1), ...fragments('Edit', '{"a":1}', '{')),
    fc.constantFrom({ content: null }, {}, { content: '\n' }),
  );
  const event = fc.oneof(
    { weight: 8, arbitrary: delta.map((value) => chunk(value)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(': keepalive 1/2\n\n', data({ choices: [] }), 'data: {x\n\n', DONE),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom('stop', 'tool_calls', 'length').map((finish) => chunk({}, finish)),
    },
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 12 }), fc.constantFrom('', END), (events, tail) => {
      const { items, fault, done } = readChat(events.join('') + tail, { stopSequences: ['ab'] });
      assert.equal(done, true);
      assertOrder(framesOf(items), fault === undefined);
      for (const use of toolUses(items)) assert.equal(typeof JSON.parse(use.json), 'object');
    }),
    { numRuns: 500 },
  );
});
