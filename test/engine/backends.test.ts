// What the backends must do in every dialect, on the real servers.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend } from '../../backend/backend.ts';
import { createGate } from '../../backend/gate.ts';
import { filler, getJson, say, toolCall } from './ask.ts';
import {
  asks,
  type BackendOptions,
  calls,
  chatBackend,
  conversation,
  converse,
  failure,
  messagesBackend,
  readFileTool,
  results,
  textOf,
} from './converse.ts';
import { type Engine, startLlama, startMlx, whyNot } from './engines.ts';

const noMlx = (await whyNot('mlx', console.error)) ?? false;
const noLlama = (await whyNot('llama', console.error)) ?? false;

type Case = {
  readonly name: string;
  readonly skip: string | false;
  readonly flavour: BackendOptions['flavour'];
  readonly start: (port?: number) => Promise<Engine>;
  readonly create: (options: BackendOptions) => Backend;
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
