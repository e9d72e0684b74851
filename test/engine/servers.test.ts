// What is one real server's own, seen through a backend: the scripted deaths of mlx_lm.server, the window of llama.cpp.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Backend } from '../../backend/backend.ts';
import { createGate } from '../../backend/gate.ts';
import { filler, say } from './ask.ts';
import {
  asks,
  chatBackend,
  conversation,
  converse,
  failure,
  messagesBackend,
  readFileTool,
  textOf,
} from './converse.ts';
import { type Engine, startLlama, startLmStudioShim, startMlx, whyNot } from './engines.ts';

const noMlx = (await whyNot('mlx', console.error)) ?? false;
const noLlama = (await whyNot('llama', console.error)) ?? false;

describe('mlx_lm.server alone', { skip: noMlx }, () => {
  const gate = createGate({ backend: 'mlx-lm', maxConcurrent: 1, maxQueued: 2 });
  let engine: Engine;
  let backend: Backend;
  before(async () => {
    engine = await startMlx({ thinking: true, prefillTps: 2000, prefillStepSize: 128 });
    backend = chatBackend({ url: engine.url, flavour: 'mlx-lm', gate });
  });
  after(async () => {
    await backend.close();
    await engine.stop();
  });

  it('stops its prefill when the client leaves, and keeps nothing of it', async () => {
    const asked = conversation([asks(filler(300, 'left') + say('late'))], { maxTokens: 8 });
    const client = new AbortController();
    const left = new Error('the client left');
    const leave = ({ type }: { type: string }) => {
      if (type === 'progress') client.abort(left);
    };
    await assert.rejects(converse(backend, asked, { signal: client.signal, onItem: leave }), left);
    await converse(backend, conversation([asks(say('next'))]));
    const again = await converse(backend, asked);
    assert.ok((again.usage.cachedTokens ?? 0) < 40, `${again.usage.cachedTokens} cached`);
    assert.ok(again.progress.length > 3, `${again.progress.length} notes of progress`);
  });

  it('counts its prefill in notes up to the first content', async () => {
    const reply = await converse(backend, conversation([asks(filler(100, 'notes') + say('done'))]));
    const last = reply.progress.at(-1);
    assert.ok(last && last.processed === last.total);
    assert.equal(last.total, (reply.usage.promptTokens ?? 0) - (reply.usage.cachedTokens ?? 0));
  });

  it('gives reasoning as a thinking block before the text', async () => {
    const reply = await converse(backend, conversation([asks(say('<think>hm</think>yes'))]));
    assert.deepEqual(
      reply.message.content.map((block) => block.type),
      ['thinking', 'text'],
    );
    assert.equal(textOf(reply), 'yes');
  });

  it('is never believed when it promises a tool call whose JSON it could not read', async () => {
    const broken = '<tool_call>\n{"name": "Read", "arguments": {"file_path": \n</tool_call>';
    const asked = conversation([asks(say(broken))], { tools: [readFileTool] });
    assert.equal((await failure(converse(backend, asked))).fault, 'bad-tool-call');
  });

  it('refuses an unknown model, and serves its own afterwards', async () => {
    const asked = conversation([asks(say('mine'))]);
    assert.equal((await failure(converse(backend, asked, { model: 'no-such-model' }))).fault, 'rejected');
    assert.equal(textOf(await converse(backend, asked)), 'mine');
  });

  it('is dead, not merely failing, once its generation thread has died; a restart cures it', async () => {
    await failure(converse(backend, conversation([asks('[[die]]')])));
    const asked = conversation([asks(say('back'))]);
    assert.equal((await failure(converse(backend, asked))).fault, 'dead');
    await engine.stop();
    engine = await startMlx({ port: engine.port });
    assert.equal(textOf(await converse(backend, asked)), 'back');
  });
});

describe('llama.cpp alone', { skip: noLlama }, () => {
  const gate = createGate({ backend: 'llama', maxConcurrent: 1, maxQueued: 2 });
  let engine: Engine;
  let chat: Backend;
  let messages: Backend;
  before(async () => {
    engine = await startLlama({ contextSize: 1024 });
    chat = chatBackend({ url: engine.url, flavour: 'llama.cpp', gate });
    messages = messagesBackend({ url: engine.url, flavour: 'llama.cpp', gate });
  });
  after(async () => {
    await chat.close();
    await messages.close();
    await engine.stop();
  });

  it('says by how much a prompt overflows its window, in both dialects', async () => {
    const asked = conversation([asks(filler(250, 'large'))]);
    for (const backend of [chat, messages]) {
      const { fault, overflow } = await failure(converse(backend, asked));
      assert.equal(fault, 'overflow');
      assert.equal(overflow?.windowTokens, 1024);
      assert.ok((overflow?.promptTokens ?? 0) > 1024);
    }
  });

  it('counts a prompt with tools as it reports it afterwards, in both dialects', async () => {
    const asked = conversation([asks('Read the file a.txt')], { tools: [readFileTool] });
    for (const backend of [chat, messages]) {
      const counted = await backend.countTokens?.(asked, engine.model, new AbortController().signal);
      const { usage } = await converse(backend, asked);
      assert.ok((counted ?? 0) > 50, `${counted} counted`);
      assert.equal(counted, usage.promptTokens);
    }
  });

  it('serves its one model under any name', async () => {
    const reply = await converse(chat, conversation([asks('Say hi')], { maxTokens: 4 }), {
      model: 'no-such-model',
    });
    assert.equal(reply.usage.outputTokens, 4);
    assert.equal(reply.message.model, 'claude-anyclaude');
  });

  it("overflows as an event inside a 200 stream behind LM Studio's manners, and its cache stays unknown", async () => {
    const shim = await startLmStudioShim({ upstream: engine });
    const backend = chatBackend({ url: shim.url, flavour: 'lmstudio', gate });
    try {
      const { fault, overflow } = await failure(
        converse(backend, conversation([asks(filler(250, 'large'))])),
      );
      assert.equal(fault, 'overflow');
      assert.equal(overflow?.windowTokens, 1024);
      const reply = await converse(backend, conversation([asks('Say hi')], { maxTokens: 4 }));
      assert.ok((reply.usage.promptTokens ?? 0) > 0);
      assert.equal(reply.usage.cachedTokens, undefined);
      assert.equal(reply.message.usage.cache_read_input_tokens, undefined);
    } finally {
      await backend.close();
      await shim.stop();
    }
  });
});
