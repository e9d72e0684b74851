import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, beforeEach, test } from 'node:test';
import { ask, calls, type Harness, post, type ScriptedBackend, startHarness } from './harness.ts';

let h: Harness;
let release: () => void;
beforeEach(async () => {
  h = await startHarness();
  release = () => {};
});
afterEach(async () => {
  release();
  await h.close();
});

/** Believed down for longer than a second; its next probe answers when `release` is called. */
async function isSilentlyDown(...backends: readonly ScriptedBackend[]): Promise<void> {
  await areDown(...backends);
  const { promise, resolve } = Promise.withResolvers<void>();
  release = resolve;
  for (const backend of backends) backend.silence = promise;
}

async function areDown(...backends: readonly ScriptedBackend[]): Promise<void> {
  for (const backend of backends) backend.status = { state: 'down', lastError: 'no answer' };
  await h.deps.fleet.probeIdle();
  h.aheadMs += 5_000;
}

const backendOf = async (reply: Response) => {
  await reply.text();
  return reply.headers.get('x-anyclaude-backend');
};

test('who asks for the healthy backend does not wait for the one that accepts and never answers', async () => {
  await h.close();
  const silent = createServer();
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const accepted = once(silent, 'connection');
  h = await startHarness();
  await areDown(h.lmstudio);
  h.lmstudio.silence = readAll(silent);
  for (const more of [{ headers: { 'x-anyclaude-route': 'mlx-lm' } }, {}]) {
    const reply = await post(h.url, ask('What does total() return?'), more);
    assert.equal(await backendOf(reply), 'mlx-lm');
  }
  // Asked after it was, by a connection that is open still; nobody has answered.
  const [socket] = await accepted;
  assert.equal(socket.destroyed, false);
  assert.equal(h.deps.fleet.status('lmstudio').state, 'down');
  socket.destroy();
  silent.close();
});

function readAll(server: Server): Promise<unknown> {
  const { port } = server.address() as AddressInfo;
  return fetch(`http://127.0.0.1:${port}/v1/models`).catch(() => {});
}

test('a backend that answers at once and has just come up is found by the first request that wants it', async () => {
  await areDown(h.mlx);
  h.mlx.status = { state: 'up' };
  assert.equal(await backendOf(await post(h.url, ask('What does total() return?'))), 'mlx-lm');
});

test('a backend that hangs is waited for once, and then by nobody who can be served without it', async () => {
  await isSilentlyDown(h.mlx);
  void h.deps.fleet.recheckDown();
  h.aheadMs += 301;
  assert.equal(await backendOf(await post(h.url, ask('What does total() return?'))), 'lmstudio');
  release();
  await h.deps.fleet.probeIdle();
  h.aheadMs += 5_000;
  h.mlx.silence = new Promise(() => {});
  assert.equal(await backendOf(await post(h.url, ask('And what does that return?'))), 'lmstudio');
});

for (const [name, settings, more] of [
  ['a fixed mode', { mode: 'mlx-lm' }, {}],
  ['an override', {}, { headers: { 'x-anyclaude-route': 'mlx-lm' } }],
] as const) {
  test(`${name} whose backend is down waits for word of it`, async () => {
    await h.close();
    h = await startHarness(settings);
    await isSilentlyDown(h.mlx);
    const asked = post(h.url, ask('Fix the rounding.'), more);
    h.mlx.status = { state: 'up' };
    await new Promise((resolve) => setImmediate(resolve));
    release();
    assert.equal(await backendOf(await asked), 'mlx-lm');
  });
}

test('a tool loop whose backend is down waits for word of it', async () => {
  h.mlx.scripts = [calls('toolu_1', 'Read', { file_path: '/a' })];
  const user = { role: 'user', content: 'What does total() return?' };
  await (await post(h.url, ask('', { messages: [user] }))).text();
  await isSilentlyDown(h.mlx);
  const content = [{ type: 'tool_use', id: 'toolu_1', name: 'Read', input: { file_path: '/a' } }];
  const result = [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'text' }];
  const messages = [user, { role: 'assistant', content }, { role: 'user', content: result }];
  const asked = post(h.url, ask('', { messages }));
  h.mlx.status = { state: 'up' };
  await new Promise((resolve) => setImmediate(resolve));
  release();
  assert.equal(await backendOf(await asked), 'mlx-lm');
});

test('where every backend is silent the refusal does not wait for their probes to end', async () => {
  await isSilentlyDown(h.mlx, h.lmstudio);
  const reply = await post(h.url, ask('What is this?'));
  assert.equal(reply.status, 502);
  assert.match(await reply.text(), /mlx-lm at .* is down.*lmstudio at .* is down/);
});

test('of two that are down the first that comes up takes the request', async () => {
  await areDown(h.mlx, h.lmstudio);
  h.mlx.silence = new Promise(() => {});
  h.lmstudio.status = { state: 'up' };
  assert.equal(await backendOf(await post(h.url, ask('What does total() return?'))), 'lmstudio');
});
