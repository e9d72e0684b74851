// What a chat backend asks of each server, and what it never sends.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { BackendStatus } from '../../backend/backend.ts';
import { createChatBackend } from '../../backend/chat.ts';
import type { Reader } from '../../backend/slot-choice.ts';
import type { Conversation } from '../../wire/message.ts';
import { json, type Manner, type Seen, stall, startFakeChat } from '../fake/chat.ts';
import { answer, CANARY, CONVERSATION, never, optionsFor, request } from './setup.ts';

const FLAVOURS = { mlx: 'mlx-lm', lmstudio: 'lmstudio', 'llama.cpp': 'llama.cpp', vllm: 'vllm' } as const;

const AGENT = { name: 'agent-1', part: 'side' } as const;

type Asked = {
  readonly reader?: Reader;
  /** What it tells of its slots; it has no such page where this is absent. */
  readonly slots?: readonly object[] | undefined;
  readonly manner: Manner;
  readonly status?: Partial<BackendStatus>;
  readonly conversation?: Partial<Conversation>;
  readonly apiKey?: string;
  readonly flattenSystemPrompt?: 'keep' | 'flatten';
};

async function asked(
  t: TestContext,
  { manner, status, conversation, reader, slots, ...rest }: Asked,
): Promise<Seen> {
  const fake = await startFakeChat(manner, slots && { pages: { '/slots': json(slots) } });
  const known = { state: 'up' as const, flavour: FLAVOURS[manner], ...status };
  const backend = createChatBackend(optionsFor(fake.url, { status: known, ...rest }));
  t.after(() => Promise.all([backend.close(), fake.close()]));
  const part = reader && { reader };
  await answer(backend, request({ conversation: { ...CONVERSATION, ...conversation }, ...part }));
  return fake.post(0);
}

test('mlx_lm.server is asked in words that it knows, on the one path that it compares as a whole', async (t) => {
  const seen = await asked(t, {
    manner: 'mlx',
    conversation: { toolChoice: { kind: 'any' }, topK: -1, topP: 3 },
  });
  assert.equal(seen.path, '/v1/chat/completions');
  assert.equal(seen.headers['content-length'], String(seen.body.length));
  assert.deepEqual(Object.keys(seen.json).sort(), [
    'max_tokens',
    'messages',
    'model',
    'stream',
    'stream_options',
    'tools',
    'top_p',
  ]);
  assert.equal(seen.json['model'], 'default_model');
  assert.equal(seen.json['max_tokens'], 1000, 'its own default is 512');
  assert.equal(seen.json['stream'], true);
  assert.deepEqual(seen.json['stream_options'], { include_usage: true });
  assert.equal(seen.json['top_p'], 1);
  assert.doesNotMatch(seen.body.toString(), /null/);
});

test('only the servers that know of them are asked for their extras', async (t) => {
  const extras = async (manner: Manner) => {
    const { json: body } = await asked(t, { manner, conversation: { toolChoice: { kind: 'any' } } });
    return [body['cache_prompt'], body['return_progress'], body['tool_choice']];
  };
  assert.deepEqual(await extras('llama.cpp'), [true, true, 'required']);
  assert.deepEqual(await extras('lmstudio'), [true, undefined, 'required']);
  assert.deepEqual(await extras('vllm'), [undefined, undefined, 'required']);
  assert.deepEqual(await extras('mlx'), [undefined, undefined, undefined]);
});

test('an image goes only where it can be seen, and never as an address to fetch', async (t) => {
  const image = { kind: 'image', mediaType: 'image/png', base64: 'aGVsbG8=' } as const;
  const conversation = {
    hasImages: true,
    messages: [{ role: 'user', parts: [{ kind: 'text', text: 'What is it?' }, image] }],
  } as const;
  const isSent = async (manner: Manner, status: Partial<BackendStatus> = {}) => {
    const { body } = await asked(t, { manner, status, conversation });
    return body.includes('data:image/png;base64,aGVsbG8=');
  };
  assert.equal(await isSent('mlx'), false);
  assert.equal(await isSent('lmstudio', { supportsImages: true }), true);
  assert.equal(await isSent('lmstudio', { supportsImages: false }), false);
  assert.equal(await isSent('vllm'), true, 'a server of unknown talents is given the chance');
});

test('newlines of the system prompt are kept unless somebody asks otherwise', async (t) => {
  const system = async (flattenSystemPrompt: 'keep' | 'flatten') => {
    const { json: body } = await asked(t, { manner: 'mlx', flattenSystemPrompt });
    const [first] = body['messages'] as [{ content: string }];
    return first.content;
  };
  assert.equal(await system('keep'), CONVERSATION.system);
  assert.equal(await system('flatten'), CONVERSATION.system.replace('\n', ' '));
});

test('the client’s keys go to no local server, and a server’s own key goes to it', async (t) => {
  for (const manner of ['mlx', 'lmstudio'] as const) {
    const seen = await asked(t, { manner, apiKey: 'its-own' });
    const everything = JSON.stringify([seen.rawHeaders, seen.body.toString()]);
    assert.doesNotMatch(everything, new RegExp(CANARY));
    assert.equal(seen.headers.authorization, 'Bearer its-own');
    assert.equal(seen.headers['anthropic-version'], undefined);
    const keyless = await asked(t, { manner });
    assert.equal(keyless.headers.authorization, undefined);
  }
});

test('llama.cpp counts the prompt tokens itself, nobody else is asked', async (t) => {
  const count = async (manner: Manner, script = json({ input_tokens: 425 })) => {
    const fake = await startFakeChat(manner, { script });
    const status = { state: 'up' as const, flavour: FLAVOURS[manner] };
    const backend = createChatBackend(optionsFor(fake.url, { status }));
    t.after(() => Promise.all([backend.close(), fake.close()]));
    const tokens = await backend.countTokens?.(CONVERSATION, 'qwen', never());
    return { tokens, seen: fake.posts[0] };
  };
  const { tokens, seen } = await count('llama.cpp');
  assert.equal(tokens, 425);
  assert.equal(seen?.path, '/v1/messages/count_tokens');
  assert.deepEqual(Object.keys(seen?.json ?? {}), ['model', 'max_tokens', 'system', 'tools', 'messages']);

  assert.equal((await count('llama.cpp', json({ input_tokens: 425 }, 500))).tokens, undefined);
  assert.equal((await count('llama.cpp', json({ tokens: 425 }))).tokens, undefined);
  assert.deepEqual(await count('mlx'), { tokens: undefined, seen: undefined });
});

test('a count that does not come is given up with the signal', async (t) => {
  const fake = await startFakeChat('llama.cpp', { script: stall });
  const status = { state: 'up', flavour: 'llama.cpp' } as const;
  const backend = createChatBackend(optionsFor(fake.url, { status }));
  t.after(() => Promise.all([backend.close(), fake.close()]));
  assert.equal(await backend.countTokens?.(CONVERSATION, 'qwen', AbortSignal.timeout(30)), undefined);
});

test('what a server tells of its prefill and its cache comes along as notes', async (t) => {
  const notes = async (manner: Manner) => {
    const fake = await startFakeChat(manner);
    t.after(() => fake.close());
    fake.next(fake.says({ text: 'There.', promptTokens: 100, cachedTokens: 60 }));
    const backend = createChatBackend(optionsFor(fake.url));
    t.after(() => backend.close());
    const { items, message } = await answer(backend);
    const last = items.findLast((item) => item.type === 'usage');
    const progress = items.filter((item) => item.type === 'progress');
    return { last, progress, usage: message?.usage };
  };
  const mlx = await notes('mlx');
  assert.deepEqual(mlx.last, { type: 'usage', promptTokens: 100, cachedTokens: 60, outputTokens: 7 });
  assert.deepEqual(mlx.progress.at(-1), { type: 'progress', processed: 39, total: 39 });
  assert.deepEqual(mlx.usage, { input_tokens: 40, cache_read_input_tokens: 60, output_tokens: 7 });
  const lmstudio = await notes('lmstudio');
  assert.deepEqual(lmstudio.last, { type: 'usage', promptTokens: 100, outputTokens: 7 }, 'unknown is absent');
});

test('a call that the server announced and could not parse is a fault', async (t) => {
  const fake = await startFakeChat('mlx');
  t.after(() => fake.close());
  const backend = createChatBackend(optionsFor(fake.url));
  t.after(() => backend.close());
  fake.next(fake.says({ text: 'I do.', finish: 'tool_calls' }));
  await assert.rejects(answer(backend), { detail: { fault: 'bad-tool-call', backend: 'local' } });
});

test('a side request is told its slot by llama.cpp alone, where that has several and tells of them', async (t) => {
  const slots = [{ id: 0, is_processing: false, id_task: 7, n_prompt_tokens: 40 }, { id: 1 }];
  const slot = async ({ reader = AGENT, ...more }: Partial<Asked>) =>
    (await asked(t, { manner: 'llama.cpp', status: { slots: 2 }, slots, reader, ...more })).json['id_slot'];
  assert.equal(await slot({}), 1);
  assert.equal(await slot({ reader: { name: 'a', part: 'main' } }), undefined, 'it finds its own');
  assert.equal(await slot({ slots: undefined }), undefined);
  assert.equal(await slot({ status: { slots: 1 } }), undefined);
  assert.equal(await slot({ status: {} }), undefined);
  assert.equal(await slot({ status: { slots: 2, loaded: true } }), undefined, 'asking would load a model');
  for (const manner of ['lmstudio', 'mlx', 'vllm'] as const) assert.equal(await slot({ manner }), undefined);
});
