// The backends against real servers: what every dialect must do with each, then what is one server's own.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAnthropicBackend } from '../../backend/anthropic.ts';
import type { Backend, BackendStatus } from '../../backend/backend.ts';
import { createChatBackend } from '../../backend/chat.ts';
import { createGate, type Gate } from '../../backend/gate.ts';
import { filler, getJson, say, toolCall } from './ask.ts';
import { asks, calls, conversation, converse, failure, readFileTool, results, textOf } from './converse.ts';
import { type Engine, startLlama, startLmStudioShim, startMlx, whyNot } from './engines.ts';

const noMlx = (await whyNot('mlx', console.error)) ?? false;
const noLlama = (await whyNot('llama', console.error)) ?? false;

type Options = {
  readonly url: string;
  readonly flavour: NonNullable<BackendStatus['flavour']>;
  readonly gate: Gate;
};
type Case = {
  readonly name: string;
  readonly skip: string | false;
  readonly flavour: Options['flavour'];
  readonly start: (port?: number) => Promise<Engine>;
  readonly create: (options: Options) => Backend;
};

const startSlowMlx = (port?: number) =>
  startMlx({ prefillTps: 2000, prefillStepSize: 128, decodeTps: 100, ...(port !== undefined && { port }) });
const startSmallLlama = (port?: number) =>
  startLlama({ contextSize: 2048, ...(port !== undefined && { port }) });

const cases: readonly Case[] = [
  {
    name: 'chat completions of mlx_lm.server',
    skip: noMlx,
    flavour: 'mlx-lm',
    start: startSlowMlx,
    create: chatBackend,
  },
  {
    name: 'chat completions of llama.cpp',
    skip: noLlama,
    flavour: 'llama.cpp',
    start: startSmallLlama,
    create: chatBackend,
  },
  {
    name: 'Messages of llama.cpp',
    skip: noLlama,
    flavour: 'llama.cpp',
    start: startSmallLlama,
    create: messagesBackend,
  },
];

for (const { name, skip, flavour, start, create } of cases) {
  describe(name, { skip }, () => {
    const gate = createGate({ backend: name, maxConcurrent: 1, maxQueued: 2 });
    // SmolLM2 has a story of its own; the scripted model is given one.
    const script = flavour === 'mlx-lm' ? say('The fox ran on. '.repeat(100)) : '';
    const story = conversation([asks(`Tell me a long story about a fox. ${script}`)], { maxTokens: 800 });
    let engine: Engine;
    let backend: Backend;
    before(async () => {
      engine = await start();
      backend = create({ url: engine.url, flavour, gate });
    });
    after(async () => {
      await backend.close();
      await engine.stop();
    });

    it('reports a prompt cold at first and all but its last token cached when it comes again', async () => {
      const asked = conversation([asks(filler(40, 'cold') + say('yes'))], { maxTokens: 8 });
      const cold = await converse(backend, asked);
      const warm = await converse(backend, asked);
      assert.ok((cold.usage.promptTokens ?? 0) > 200, `${cold.usage.promptTokens} prompt tokens`);
      assert.ok((cold.usage.cachedTokens ?? 0) < 40, `${cold.usage.cachedTokens} cached`);
      assert.equal(warm.usage.promptTokens, cold.usage.promptTokens);
      assert.equal(warm.usage.cachedTokens, (cold.usage.promptTokens ?? 0) - 1);
      assert.equal(warm.message.usage.input_tokens, 1);
      assert.equal(warm.message.usage.cache_read_input_tokens, warm.usage.cachedTokens);
    });

    it('goes through a whole tool loop', async () => {
      const script = say(toolCall('Read', { file_path: 'a.txt' }), 'It says hello.');
      const start = [asks(`Read the file a.txt ${script}`)];
      const opened = await converse(backend, conversation(start, { tools: [readFileTool] }));
      assert.equal(opened.message.stop_reason, 'tool_use');
      const call = opened.message.content.find((block) => block.type === 'tool_use');
      assert.ok(call);
      assert.equal(call.name, 'Read');
      assert.equal(typeof call.input['file_path'], 'string');

      const next = [...start, calls(call.id, call.name, call.input), results(call.id, 'hello')];
      const closed = await converse(backend, conversation(next, { tools: [readFileTool], maxTokens: 16 }));
      assert.ok(!closed.message.content.some((block) => block.type === 'tool_use'));
      assert.notEqual(textOf(closed), '');
      if (flavour === 'mlx-lm') assert.equal(textOf(closed), 'It says hello.');
    });

    it('lets the server go when the client leaves in mid-stream, and serves the next one', async () => {
      const left = new Error('the client left');
      const leave = (item: { type: string }) => {
        if (item.type === 'content_block_delta') throw left;
      };
      await assert.rejects(converse(backend, story, { onItem: leave }), left);
      await until(async () => gate.idle && (flavour === 'mlx-lm' || !(await isBusy(engine))));
      const served = await converse(backend, conversation([asks(say('still here'))], { maxTokens: 8 }));
      assert.ok((served.usage.outputTokens ?? 0) > 0);
    });

    it('fails in prefill when the server is killed, fails at once while it is gone, and serves again after a restart', async () => {
      const asked = conversation([asks(filler(60, 'killed') + say('alive'))], { maxTokens: 8 });
      const seen: string[] = [];
      let gone = Promise.resolve();
      const killed = converse(backend, asked, {
        onOpen: () => {
          gone = engine.kill9();
        },
        onItem: ({ type }) => seen.push(type),
      });
      assert.match((await failure(killed)).fault, /^(reset|truncated)$/);
      assert.ok(!seen.includes('content_block_delta') && !seen.includes('message_stop'));
      await gone;
      assert.equal((await failure(converse(backend, asked))).fault, 'connect');

      engine = await start(engine.port);
      const cold = await converse(backend, asked);
      assert.ok((cold.usage.cachedTokens ?? 0) < 40, `${cold.usage.cachedTokens} cached`);
      await until(async () => gate.idle);
    });

    it('never takes a stream for complete when the server is killed in the middle of it', async () => {
      const seen: string[] = [];
      const cut = converse(backend, story, {
        onItem: ({ type }) => {
          if (type === 'content_block_delta' && !seen.includes(type)) void engine.kill9();
          seen.push(type);
        },
      });
      assert.match((await failure(cut)).fault, /^(reset|truncated)$/);
      assert.ok(seen.includes('content_block_delta') && !seen.includes('message_stop'));
    });
  });
}

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

function chatBackend({ url, flavour, gate }: Options): Backend {
  return createChatBackend({ ...settings(url, flavour, gate), flattenSystemPrompt: 'keep' });
}

function messagesBackend({ url, flavour, gate }: Options): Backend {
  return createAnthropicBackend(settings(url, flavour, gate));
}

function settings(url: string, flavour: Options['flavour'], gate: Gate) {
  const budgets = { firstTokenMs: () => 60_000, idleMs: 60_000, loadMs: 60_000 };
  return { name: flavour, url, gate, budgets, status: (): BackendStatus => ({ state: 'up', flavour }) };
}

async function isBusy(llama: Engine): Promise<boolean> {
  const { body } = await getJson(`${llama.url}/slots`);
  return JSON.stringify(body).includes('"is_processing":true');
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if (await condition()) return;
    await sleep(50);
  }
  assert.fail('it did not come true within five seconds');
}
