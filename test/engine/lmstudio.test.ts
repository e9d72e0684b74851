// LM Studio's manners, as far as facts about it are known, in front of real engines.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  chat,
  deltas,
  filler,
  finishReason,
  getJson,
  post,
  promptTokens,
  readTool,
  say,
  stream,
  toolCall,
  user,
} from './ask.ts';
import {
  type Engine,
  type Server,
  startLlama,
  startLmStudioShim,
  startScriptedLmStudio,
  whyNot,
} from './engines.ts';

const noMlx = (await whyNot('mlx', console.error)) ?? false;
const noLlama = (await whyNot('llama', console.error)) ?? false;

describe('the scripted model as LM Studio', { skip: noMlx }, () => {
  it('is recognised by its greeting and plays a tool call in fragments, without comments or cached tokens', async () => {
    const server = await startScriptedLmStudio();
    try {
      assert.deepEqual((await getJson(`${server.url}/lmstudio-greeting`)).body, { lmstudio: true });
      const messages = [user(`Edit it. ${say(toolCall('Read', { file_path: 'a.ts' }))}`)];
      const { text, chunks } = await stream(server.url, { model: server.model, messages, tools: [readTool] });
      const calls = deltas(chunks).flatMap((delta) => delta.tool_calls ?? []);
      assert.deepEqual(
        calls.map((call) => call.function),
        [{ name: 'Read', arguments: '' }, { arguments: '{"file_path": "a.ts"}' }],
      );
      assert.equal(finishReason(chunks), 'tool_calls');
      assert.doesNotMatch(text, /keepalive|cached_tokens/);
    } finally {
      await server.stop();
    }
  });
});

describe('llama.cpp behind the LM Studio shim', { skip: noLlama }, () => {
  let llama: Engine;
  let shim: Server;
  before(async () => {
    llama = await startLlama({ contextSize: 1024 });
    shim = await startLmStudioShim({ upstream: llama, model: 'loaded-model', contextSize: 1024 });
  });
  after(async () => {
    await shim.stop();
    await llama.stop();
  });

  it('says nothing of cached tokens and serves the loaded model under any name', async () => {
    const request = { model: 'whatever', messages: [user('Say hi')], max_tokens: 4 };
    const whole = await chat(shim.url, request);
    const { text, chunks } = await stream(shim.url, request);
    assert.doesNotMatch(text + JSON.stringify(whole), /cached_tokens|timings|cache_n/);
    assert.ok(promptTokens(whole) > 0);
    assert.equal(chunks.at(-1)?.usage?.prompt_tokens, promptTokens(whole));
    assert.equal(whole.model, 'loaded-model');
    assert.ok(text.endsWith('data: [DONE]\n\n'));
  });

  it('opens a tool call with its name and no arguments yet', async () => {
    const { chunks } = await stream(shim.url, {
      messages: [user('Read the file a.txt')],
      tools: [readTool],
    });
    const calls = deltas(chunks).flatMap((delta) => delta.tool_calls ?? []);
    assert.equal(calls[0]?.function.name, 'Read');
    assert.equal(calls[0]?.function.arguments, '');
    const text = calls.map((call) => call.function.arguments ?? '').join('');
    assert.equal(typeof JSON.parse(text).file_path, 'string');
  });

  it('answers 200 on paths it does not know', async () => {
    const unknown = await getJson(`${shim.url}/health`);
    assert.equal(unknown.status, 200);
    assert.match(String(unknown.body['error']), /^Unexpected endpoint or method\. \(GET \/health\)/);
  });

  it('tells an overflow as an event inside a 200 stream', async () => {
    const request = { messages: [user(filler(200, 'large'))], stream: true };
    const response = await post(shim.url, request);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'text/event-stream');
    assert.match(
      await response.text(),
      /^event: error\ndata: \{"error":\{"message":"Input does not fit in context/,
    );
  });

  it('lists the loaded model with its window on its own routes only', async () => {
    const v0 = await getJson(`${shim.url}/api/v0/models`);
    const v1 = await getJson(`${shim.url}/api/v1/models`);
    const plain = await getJson(`${shim.url}/v1/models`);
    assert.match(JSON.stringify(v0.body), /"state":"loaded".*"loaded_context_length":1024/);
    assert.match(
      JSON.stringify(v1.body),
      /"loaded_instances":\[\{"id":"loaded-model","config":\{"context_length":1024/,
    );
    assert.match(JSON.stringify(plain.body), /"id":"loaded-model"/);
    assert.doesNotMatch(JSON.stringify(plain.body), /context/);
    assert.deepEqual((await getJson(`${shim.url}/lmstudio-greeting`)).body, { lmstudio: true });
  });
});
