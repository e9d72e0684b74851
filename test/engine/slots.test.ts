// What a slot of a real llama.cpp server held, after the server was killed and started again.

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../daemon/config/config.ts';
import { createFleet, type Fleet } from '../../daemon/fleet.ts';
import { createMembers } from '../../daemon/members.ts';
import { createSlotFiles } from '../../daemon/slot-files.ts';
import { createSlotKeeper, type SlotKeeper } from '../../daemon/slots.ts';
import { cachedTokens, chat, filler, promptTokens, system, user } from './ask.ts';
import { type Engine, startLlama, whyNot } from './engines.ts';
import { healthStatus } from './process.ts';

const noLlama = (await whyNot('llama', console.error)) ?? false;
const MESSAGES = [system(`You are a coding agent. ${filler(60, 'handbook')}`), user('What is this?')];
const LATER = 10 * 60_000;

type Watched = { readonly slots: SlotKeeper; readonly fleet: Fleet; close(): Promise<void> };

/** What the daemon has of it: one llama.cpp behind the name of LM Studio. */
async function watch(url: string, home: string): Promise<Watched> {
  const text = JSON.stringify({ backends: { lmstudio: { url }, 'mlx-lm': { url: 'http://127.0.0.1:9' } } });
  const config = loadConfig({ flags: {}, env: {}, file: { path: 'config.json', text } });
  const fleet: Fleet = createFleet(
    createMembers(config, (name) => fleet.status(name)),
    Date.now,
  );
  await fleet.probeIdle();
  const slots = createSlotKeeper({ fleet, files: createSlotFiles(home), log: { info() {}, debug() {} } });
  const close = async () => {
    await slots.close();
    await fleet.close();
  };
  return { slots, fleet, close };
}

describe('a llama.cpp server that saves slots', { skip: noLlama, timeout: 240_000 }, () => {
  const folders: string[] = [];
  const engines: Engine[] = [];
  let folder: string;
  let home: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'anyclaude-slots-'));
    home = mkdtempSync(join(tmpdir(), 'anyclaude-home-'));
    folders.push(folder, home);
  });
  const saved = () => readdirSync(folder);
  after(async () => {
    for (const engine of engines) await engine.stop();
    for (const each of folders) rmSync(each, { recursive: true });
  });

  async function start(port?: number): Promise<Engine> {
    const options = { slotSavePath: `${folder}/`, cacheRam: 0, ...(port !== undefined && { port }) };
    const engine = await startLlama(options);
    engines.push(engine);
    return engine;
  }

  async function ask({ url }: Engine) {
    const answer = await chat(url, { messages: MESSAGES, max_tokens: 2 });
    return (cachedTokens(answer) ?? Number.NaN) / promptTokens(answer);
  }

  it('has a conversation warm again after a crash, saved while it rested', async () => {
    const before = await start();
    const { slots, close, fleet } = await watch(before.url, home);
    await slots.tend(LATER);
    assert.ok((await ask(before)) < 0.1, 'cold at first');
    await slots.tend(LATER);
    assert.deepEqual(saved(), [], 'not before it has rested');
    await slots.tend(LATER);
    const [file = '', ...others] = saved();
    assert.match(file, /^anyclaude-[0-9a-f]{12}-0\.bin$/);
    assert.equal(others.length, 0);

    await before.kill9();
    const again = await start(before.port);
    await fleet.probeIdle();
    await slots.tend(2 * LATER);
    assert.ok(slots.restoredTokens('lmstudio') > 400, `${slots.restoredTokens('lmstudio')} tokens`);
    assert.ok((await ask(again)) > 0.9);
    await close();
  });

  it('is saved when the daemon stops, and restored by the next one unless it still has it', async () => {
    const before = await start();
    const first = await watch(before.url, home);
    await first.slots.tend(LATER);
    await ask(before);
    await first.close();
    assert.equal(saved().length, 1);

    const second = await watch(before.url, home);
    await second.slots.tend(LATER);
    assert.equal(second.slots.restoredTokens('lmstudio'), 0, 'the server did not stop');
    await second.close();

    await before.stop();
    const again = await start(before.port);
    const third = await watch(again.url, home);
    await third.slots.tend(LATER);
    assert.ok((await ask(again)) > 0.9);
    await third.close();
  });

  it('is not made to read a file a second time that it died of', async () => {
    const before = await start();
    const first = await watch(before.url, home);
    await first.slots.tend(LATER);
    await ask(before);
    await first.close();
    await before.stop();
    const file = saved()[0] ?? '';
    const { size } = statSync(join(folder, file));
    truncateSync(join(folder, file), size / 2);

    const dying = await start(before.port);
    const second = await watch(dying.url, home);
    await second.slots.tend(LATER);
    while ((await healthStatus(dying.url)) === 200) await sleep(50);
    await second.close();

    const again = await start(before.port);
    const third = await watch(again.url, home);
    await third.slots.tend(LATER);
    assert.ok((await ask(again)) < 0.1, 'cold, and alive');
    await third.close();
    assert.ok(statSync(join(folder, file)).size >= size, 'replaced by a whole one');
  });

  it('is not made to read a file that nobody knows to be whole', async () => {
    const before = await start();
    const first = await watch(before.url, home);
    await first.slots.tend(LATER);
    await ask(before);
    await first.close();
    await before.stop();
    writeFileSync(join(home, 'slots.json'), '{"format":1,');

    const again = await start(before.port);
    const second = await watch(again.url, home);
    await second.slots.tend(LATER);
    assert.equal(second.slots.restoredTokens('lmstudio'), 0);
    await second.close();
  });
});

describe('other servers', { skip: noLlama, timeout: 60_000 }, () => {
  it('are left alone where they save no slots', async () => {
    const llama = await startLlama();
    const { slots, close } = await watch(llama.url, tmpdir());
    for (const look of [1, 2, 3]) {
      await slots.tend(look * LATER);
      await chat(llama.url, { messages: [user(`Are you there? ${look}`)], max_tokens: 2 });
    }
    const asked = llama.log().match(/(?:POST|GET) \/slots/g) ?? [];
    assert.ok(asked.length <= 1, asked.join());
    await close();
    await llama.stop();
  });

  it('that are no llama.cpp are asked nothing about slots', async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.setHeader('server', 'BaseHTTP/0.6');
      response.end('{"data":[]}');
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const { slots, close } = await watch(`http://127.0.0.1:${port}`, tmpdir());
    await slots.tend(LATER);
    await close();
    server.close();
    assert.deepEqual(
      asked.filter((line) => line.includes('slots')),
      [],
    );
    assert.ok(asked.length > 0);
  });
});
