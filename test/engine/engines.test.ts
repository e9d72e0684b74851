// What the rest of the engine tests stand on: that the set-up gives servers which really cache, really
// call tools and really die. Raw HTTP; counts and bytes, no seconds.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  cachedTokens,
  chat,
  deltas,
  filler,
  finishReason,
  post,
  promptTokens,
  readTool,
  say,
  stream,
  system,
  toolCall,
  user,
} from './ask.ts';
import { type Engine, startLlama, startMlx, whyNot } from './engines.ts';
import { healthStatus } from './process.ts';

const noMlx = (await whyNot('mlx', console.error)) ?? false;
const noLlama = (await whyNot('llama', console.error)) ?? false;

describe('mlx_lm.server', { skip: noMlx }, () => {
  let mlx: Engine;
  before(async () => {
    mlx = await startMlx({ thinking: true, prefillTps: 20_000, prefillStepSize: 256, promptCacheSize: 3 });
  });
  after(() => mlx.stop());

  it('reads a prompt once and has all but its last token cached when it comes again', async () => {
    const request = { messages: [user(filler(100, 'cold') + say('once'))] };
    const cold = await chat(mlx.url, request);
    const warm = await chat(mlx.url, request);
    assert.equal(cold.choices[0]?.message.content, 'once');
    assert.ok((cachedTokens(cold) ?? 0) <= 5, `cold: ${cachedTokens(cold)}`);
    assert.equal(cachedTokens(warm), promptTokens(cold) - 1);
    assert.equal(warm.choices[0]?.message.content, 'once');
  });

  it('finds the old turns cached when a conversation goes on', async () => {
    const first = [system(filler(60, 'turns')), user(say('first answer'))];
    const before = await chat(mlx.url, { messages: first });
    const next = [...first, { role: 'assistant', content: 'first answer' }, user(say('second answer'))];
    const after = await chat(mlx.url, { messages: next });
    assert.equal(after.choices[0]?.message.content, 'second answer');
    assert.ok((cachedTokens(after) ?? 0) >= promptTokens(before), `${cachedTokens(after)} cached`);
  });

  it('forgets the oldest conversation when more rotate than its prompt cache holds', async () => {
    const ask = (name: string) => chat(mlx.url, { messages: [user(filler(40, name) + say(name))] });
    for (const name of ['ant', 'bee', 'cow', 'dog']) await ask(name);
    assert.ok((cachedTokens(await ask('ant')) ?? 0) <= 5);
  });

  it('plays a whole tool loop from one prompt, each call in one piece', async () => {
    const call = toolCall('Read', { file_path: 'a.ts' });
    const start = [system('You edit.'), user(`Go on. ${say(call, 'The file is read.')}`)];
    const opened = await stream(mlx.url, { messages: start, tools: [readTool] });
    const calls = deltas(opened.chunks).flatMap((delta) => delta.tool_calls ?? []);
    assert.equal(calls.length, 1);
    assert.deepEqual(calls[0]?.function, { name: 'Read', arguments: '{"file_path": "a.ts"}' });
    assert.equal(finishReason(opened.chunks), 'tool_calls');

    const result = { role: 'tool', tool_call_id: calls[0]?.id, content: '[[say]]not this[[/say]]' };
    const reminder = user('<system-reminder>\nBe brief.\n</system-reminder>');
    const messages = [...start, { role: 'assistant', content: '', tool_calls: calls }, result, reminder];
    const closed = await chat(mlx.url, { messages, tools: [readTool] });
    assert.equal(closed.choices[0]?.message.content, 'The file is read.');
    assert.equal(closed.choices[0]?.finish_reason, 'stop');
    assert.ok((cachedTokens(closed) ?? 0) > 40, `${cachedTokens(closed)} cached`);
  });

  it('sends comments that count the prefill before the first delta', async () => {
    const { text } = await stream(mlx.url, { messages: [user(filler(150, 'comments') + say('done'))] });
    const progress = [...text.matchAll(/^: keepalive (\d+)\/(\d+)$/gm)].map(([, at, of]) => [
      Number(at),
      Number(of),
    ]);
    assert.ok(progress.length >= 3, `${progress.length} comments`);
    assert.ok(text.indexOf('data: ') > text.lastIndexOf(': keepalive'));
    const last = progress.at(-1);
    assert.equal(last?.[0], last?.[1]);
    assert.ok(text.endsWith('data: [DONE]\n\n'));
  });

  it('tells reasoning apart from the answer', async () => {
    const { chunks } = await stream(mlx.url, { messages: [user(say('<think>hm</think>yes'))] });
    const said = deltas(chunks);
    assert.equal(said.map((delta) => delta.reasoning ?? '').join(''), 'hm');
    assert.equal(said.map((delta) => delta.content ?? '').join(''), 'yes');
  });

  it('answers 404 to an unknown model and still serves its own', async () => {
    const refused = await post(mlx.url, { model: 'no-such-model', messages: [user('x')] });
    assert.equal(refused.status, 404);
    assert.equal(typeof ((await refused.json()) as { error: unknown }).error, 'string');
    assert.equal(
      (await chat(mlx.url, { messages: [user(say('here'))] })).choices[0]?.message.content,
      'here',
    );
  });
});

describe('an mlx_lm.server that dies', { skip: noMlx }, () => {
  it('keeps its port but turns /health to 503 when only its generation thread is dead', async () => {
    const mlx = await startMlx();
    try {
      // The request that killed it is told so, or sees its connection close without a byte.
      await chat(mlx.url, { messages: [user('[[die]]')] }).catch(() => undefined);
      const refused = await post(mlx.url, { messages: [user(say('hello'))] });
      assert.equal(refused.status, 404);
      assert.match(await refused.text(), /generation thread died/);
      assert.equal(await healthStatus(mlx.url), 503);
    } finally {
      await mlx.stop();
    }
  });

  it('cuts a stream without [DONE] on kill -9 and answers again, cold, after a restart on its port', async () => {
    const request = { messages: [user(filler(60, 'restart') + say('word '.repeat(40)))], max_tokens: 200 };
    const first = await startMlx({ decodeTps: 50 });
    const response = await post(first.url, { ...request, stream: true });
    const reader = response.body?.getReader();
    assert.ok(reader);
    await untilData(reader);
    await first.kill9();
    const rest = await drain(reader);
    assert.ok(!rest.includes('[DONE]'));
    assert.equal(await healthStatus(first.url), undefined);

    const second = await startMlx({ port: first.port });
    try {
      const again = await chat(second.url, request);
      assert.equal(again.choices[0]?.message.content?.trim(), 'word '.repeat(40).trim());
      assert.ok((cachedTokens(again) ?? 0) <= 5);
    } finally {
      await second.stop();
    }
  });
});

describe('the llama.cpp server', { skip: noLlama }, () => {
  let llama: Engine;
  before(async () => {
    llama = await startLlama({ contextSize: 1024 });
  });
  after(() => llama.stop());

  it('has all but the last prompt token cached when a prompt comes again', async () => {
    const request = { messages: [user(filler(40, 'cold'))], max_tokens: 4 };
    const cold = await chat(llama.url, request);
    const warm = await chat(llama.url, request);
    assert.ok((cachedTokens(cold) ?? 0) <= 30, `cold: ${cachedTokens(cold)}`);
    assert.equal(cachedTokens(warm), promptTokens(cold) - 1);
  });

  it('calls a tool in fragments that add up to valid arguments, and answers its result in text', async () => {
    const start = [user('Read the file a.txt')];
    const opened = await stream(llama.url, { messages: start, tools: [readTool] });
    const calls = deltas(opened.chunks).flatMap((delta) => delta.tool_calls ?? []);
    assert.equal(calls[0]?.function.name, 'Read');
    assert.ok(calls.length > 3, `${calls.length} fragments`);
    const text = calls.map((call) => call.function.arguments ?? '').join('');
    assert.equal(typeof JSON.parse(text).file_path, 'string');
    assert.equal(finishReason(opened.chunks), 'tool_calls');

    const made = { id: calls[0]?.id, type: 'function', function: { name: 'Read', arguments: text } };
    const result = { role: 'tool', tool_call_id: made.id, content: 'hello from a.txt' };
    const messages = [...start, { role: 'assistant', content: '', tool_calls: [made] }, result];
    const closed = await chat(llama.url, { messages, tools: [readTool], max_tokens: 24 });
    assert.ok((closed.choices[0]?.message.content ?? '').length > 0);
    assert.equal(closed.choices[0]?.message.tool_calls, undefined);
  });

  it('refuses a prompt larger than its window with both figures', async () => {
    const refused = await post(llama.url, { messages: [user(filler(200, 'large'))], stream: true });
    const { error } = (await refused.json()) as {
      error: { type: string; n_prompt_tokens: number; n_ctx: number };
    };
    assert.equal(refused.status, 400);
    assert.equal(error.type, 'exceed_context_size_error');
    assert.ok(error.n_prompt_tokens > error.n_ctx && error.n_ctx === 1024);
  });
});

type Reader = ReadableStreamDefaultReader<Uint8Array>;

async function untilData(reader: Reader): Promise<void> {
  for (let text = ''; !text.includes('data: '); ) {
    const { value, done } = await reader.read();
    assert.ok(!done, 'the stream ended before its first delta');
    text += Buffer.from(value).toString('utf8');
  }
}

/** What still comes, whether the stream then ends or breaks. */
async function drain(reader: Reader): Promise<string> {
  let text = '';
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return text;
      text += Buffer.from(value).toString('utf8');
    }
  } catch {
    return text;
  }
}
