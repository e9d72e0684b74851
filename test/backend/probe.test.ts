// Who is there, as each kind of server tells it. Nothing here may load a model or generate a token.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { BackendStatus } from '../../backend/backend.ts';
import { windowOfModel } from '../../backend/model-window.ts';
import { probe, resolveModel } from '../../backend/probe.ts';
import { html, json, type Manner, type Reply, stall, startFakeChat, text } from '../fake/chat.ts';
import { never } from './setup.ts';

type Changes = {
  readonly pages?: Readonly<Record<string, Reply>>;
  readonly model?: string;
  readonly configured?: string;
  readonly signal?: AbortSignal;
};

/** What the probe says of this server, and which paths it asked. */
async function look(t: TestContext, manner: Manner, changes: Changes = {}) {
  const { pages, model, configured, signal = never() } = changes;
  const fake = await startFakeChat(manner, {
    ...(pages && { pages }),
    ...(model !== undefined && { model }),
  });
  t.after(() => fake.close());
  const url = `${fake.url}/v1`;
  const status = await probe({ backend: 'local', url, model: configured }, signal);
  assert.equal(fake.posts.length, 0, 'nothing is generated');
  return { status, paths: fake.requests.map(({ path }) => path) };
}

test('mlx_lm.server is known by its manner, and asked no more than it knows', async (t) => {
  const { status, paths } = await look(t, 'mlx');
  assert.deepEqual(status, { flavour: 'mlx-lm', state: 'up', supportsImages: false, model: '/models/qwen' });
  assert.deepEqual(paths, ['/v1/models', '/health']);
});

test('mlx_lm.server whose generation thread has died is down, though it answers', async (t) => {
  const { status } = await look(t, 'mlx', { pages: { '/health': json({ status: 'unavailable' }, 503) } });
  assert.equal(status.state, 'down');
  assert.match(status.lastError ?? '', /generation thread has died/);
});

test('mlx_lm.server without a hub cache lists nothing at all, and is up', async (t) => {
  const { status } = await look(t, 'mlx', { pages: { '/v1/models': text('', 200, 'application/json') } });
  assert.deepEqual(status, { flavour: 'mlx-lm', state: 'up', supportsImages: false });
});

test('a list of the hub cache does not say what mlx_lm.server has loaded', async (t) => {
  const list = json({ data: [{ id: 'some/model' }, { id: 'other/model' }] });
  const { status } = await look(t, 'mlx', { pages: { '/v1/models': list } });
  assert.equal(status.model, undefined);
  const named = await look(t, 'mlx', { pages: { '/v1/models': list }, configured: 'other/model' });
  assert.equal(named.status.model, 'other/model');
});

test('the window of a model folder on this machine is read from its config.json', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'anyclaude-model-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'config.json'), JSON.stringify({ max_position_embeddings: 40_960 }));
  const { status } = await look(t, 'mlx', { model: folder });
  assert.equal(status.contextWindow, 40_960);
  assert.equal(status.contextWindowSource, 'config.json');

  await writeFile(join(folder, 'config.json'), '{"text_config":{"max_position_embeddings":8192}}');
  assert.equal((await look(t, 'mlx', { model: folder })).status.contextWindow, 8192);
  await writeFile(join(folder, 'config.json'), 'not JSON');
  assert.equal((await look(t, 'mlx', { model: folder })).status.contextWindow, undefined);
});

test('no file here is taken for one of a server on another machine', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'anyclaude-model-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'config.json'), '{"max_position_embeddings":8192}');
  assert.equal(await windowOfModel(folder, 'http://localhost:8081'), 8192);
  assert.equal(await windowOfModel(folder, 'http://192.0.2.7:8081'), undefined);
});

test('so is that of a model in the hub cache, and a name that leads elsewhere is not followed', async (t) => {
  const home = await mkdtemp(join(tmpdir(), 'anyclaude-hub-'));
  const before = process.env['HF_HOME'];
  process.env['HF_HOME'] = home;
  t.after(async () => {
    if (before === undefined) delete process.env['HF_HOME'];
    else process.env['HF_HOME'] = before;
    await rm(home, { recursive: true });
  });
  const snapshot = join(home, 'hub', 'models--some--model-4bit', 'snapshots', 'abc');
  await mkdir(snapshot, { recursive: true });
  await writeFile(join(snapshot, 'config.json'), '{"max_position_embeddings":131072}');
  assert.equal((await look(t, 'mlx', { model: 'some/model-4bit' })).status.contextWindow, 131_072);
  const elsewhere = await look(t, 'mlx', { model: 'x/y/../models--some--model-4bit' });
  assert.equal(elsewhere.status.contextWindow, undefined);
});

test('LM Studio tells what is loaded, with which window, and whether it sees', async (t) => {
  const { status, paths } = await look(t, 'lmstudio');
  assert.deepEqual(status, {
    flavour: 'lmstudio',
    state: 'up',
    model: 'qwen',
    contextWindow: 32_768,
    contextWindowSource: 'server',
    supportsImages: true,
    loaded: true,
  });
  assert.deepEqual(paths, ['/v1/models', '/api/v1/models']);
});

test('an LM Studio before 0.4 tells the same on its older route', async (t) => {
  const data = [
    { id: 'nomic', type: 'embeddings', state: 'loaded', loaded_context_length: 2048 },
    { id: 'cold', type: 'llm', state: 'not-loaded', max_context_length: 8192 },
    { id: 'qwen-vl', type: 'vlm', state: 'loaded', max_context_length: 131_072, loaded_context_length: 4096 },
  ];
  const unknown = json({ error: 'Unexpected endpoint or method. (GET /api/v1/models)' });
  const pages = { '/api/v1/models': unknown, '/api/v0/models': json({ data }) };
  const { status } = await look(t, 'lmstudio', { pages });
  assert.equal(status.model, 'qwen-vl');
  assert.equal(status.contextWindow, 4096, 'what is loaded counts, not what the model could hold');
  assert.equal(status.supportsImages, true);
});

test('an LM Studio with nothing loaded is up, with a model that has to be loaded first', async (t) => {
  const models = [
    {
      type: 'embedding',
      key: 'nomic',
      loaded_instances: [{ id: 'nomic', config: { context_length: 2048 } }],
    },
    { type: 'llm', key: 'qwen', max_context_length: 131_072, loaded_instances: [] },
  ];
  const { status } = await look(t, 'lmstudio', { pages: { '/api/v1/models': json({ models }) } });
  assert.equal(status.loaded, false);
  assert.equal(status.model, 'qwen');
  assert.equal(status.contextWindow, undefined, 'nobody knows the window that it will be loaded with');

  const data = [
    { id: 'nomic', type: 'embeddings', state: 'loaded', loaded_context_length: 2048 },
    { id: 'qwen', type: 'llm', state: 'not-loaded', max_context_length: 8192 },
  ];
  const old = { '/api/v1/models': json({ error: 'Unexpected' }), '/api/v0/models': json({ data }) };
  const before = await look(t, 'lmstudio', { pages: old });
  assert.deepEqual({ ...before.status, supportsImages: undefined }, { ...status, supportsImages: undefined });
});

test('the window of LM Studio is that of the configured model', async (t) => {
  const loaded = (id: string, context_length: number) => ({
    type: 'llm',
    key: id,
    loaded_instances: [{ id, config: { context_length } }],
  });
  const page = json({ models: [loaded('small', 4096), loaded('large', 65_536)] });
  const pages = { '/api/v1/models': page };
  const named = await look(t, 'lmstudio', { pages, configured: 'large' });
  assert.equal(named.status.contextWindow, 65_536);
  const current = await look(t, 'lmstudio', { pages, configured: 'current-model' });
  assert.equal(current.status.model, 'small');
});

test('llama.cpp tells the window of one slot, and is never asked for its slots', async (t) => {
  const { status, paths } = await look(t, 'llama.cpp');
  assert.deepEqual(status, {
    flavour: 'llama.cpp',
    state: 'up',
    model: 'qwen',
    contextWindow: 32_768,
    contextWindowSource: 'server',
    supportsImages: false,
    slots: 1,
  });
  assert.deepEqual(paths.toSorted(), ['/health', '/props', '/v1/models']);
});

test('llama.cpp that still loads its model is loading, whichever route says so', async (t) => {
  const loading = json({ error: { message: 'Loading model', type: 'unavailable_error', code: 503 } }, 503);
  assert.equal((await look(t, 'llama.cpp', { pages: { '/health': loading } })).status.state, 'loading');
  assert.equal((await look(t, 'llama.cpp', { pages: { '/v1/models': loading } })).status.state, 'loading');
});

test('a llama.cpp router tells which of its models is in memory', async (t) => {
  const entry = (id: string, value: string) => ({ id, owned_by: 'llamacpp', status: { value } });
  const list = (...states: string[]) => json({ data: states.map((state, at) => entry(`m${at}`, state)) });
  const warm = await look(t, 'llama.cpp', { pages: { '/v1/models': list('unloaded', 'loaded') } });
  assert.equal(warm.status.model, 'm1');
  assert.equal(warm.status.loaded, true);
  const cold = await look(t, 'llama.cpp', { pages: { '/v1/models': list('unloaded', 'sleeping') } });
  assert.equal(cold.status.loaded, false);
});

test('vLLM tells its window in its list', async (t) => {
  const { status, paths } = await look(t, 'vllm');
  assert.deepEqual(status, {
    flavour: 'vllm',
    state: 'up',
    model: 'qwen',
    contextWindow: 32_768,
    contextWindowSource: 'server',
  });
  assert.deepEqual(paths, ['/v1/models', '/version']);
});

test('a server that does not name itself is asked who it is', async (t) => {
  const anonymous = json({ data: [{ id: 'm', object: 'model' }] });
  const pages = { '/v1/models': anonymous };
  assert.equal((await look(t, 'lmstudio', { pages })).status.flavour, 'lmstudio');
  assert.equal((await look(t, 'llama.cpp', { pages })).status.flavour, 'llama.cpp');
  const { status } = await look(t, 'vllm', { pages });
  assert.deepEqual(status, { flavour: 'other', state: 'up', model: 'm' });
});

test('an answer that is no list of models is no model server, whatever its status', async (t) => {
  const lastError = async (page: Reply): Promise<string> => {
    const { status } = await look(t, 'vllm', { pages: { '/v1/models': page } });
    assert.equal(status.state, 'down');
    return status.lastError ?? '';
  };
  assert.match(await lastError(html), /HTTP 200 and text\/(plain|html).*another program/);
  assert.match(
    await lastError(json({ error: 'Unexpected endpoint or method. (GET /v1/models)' })),
    /HTTP 200/,
  );
  assert.match(await lastError(json([])), /HTTP 200/);
  assert.match(await lastError(json({ error: 'invalid key' }, 401)), /invalid key/);
});

test('where nobody listens or nobody answers, it is down and says so', async (t) => {
  const fake = await startFakeChat('mlx');
  await fake.close();
  const gone = await probe({ backend: 'local', url: fake.url }, never());
  assert.equal(gone.state, 'down');
  assert.match(gone.lastError ?? '', /^local at http:.*ECONNREFUSED/);
  const { status } = await look(t, 'mlx', {
    pages: { '/v1/models': stall },
    signal: AbortSignal.timeout(30),
  });
  assert.equal(status.state, 'down');
  assert.match(status.lastError ?? '', /no answer/);
});

test('"whatever is loaded" is asked for under the name that the server knows it by', () => {
  const of = (configured: string | undefined, status: Partial<BackendStatus>) =>
    resolveModel({ configured, status: { state: 'up', ...status } });
  for (const configured of [undefined, 'current-model']) {
    assert.equal(of(configured, { flavour: 'mlx-lm', model: '/models/qwen' }), 'default_model');
    assert.equal(of(configured, { flavour: 'lmstudio', model: 'qwen@q4' }), 'qwen@q4');
    assert.equal(of(configured, {}), 'default_model', 'a server that was never seen');
  }
  assert.equal(of('mine', { flavour: 'mlx-lm', model: '/models/qwen' }), 'mine');
});
