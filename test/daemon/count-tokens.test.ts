import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { type FakeMessages, json, stall, startFakeMessages } from '../fake/messages.ts';
import { ask, type Harness, post, SESSION, startHarness } from './harness.ts';

let claude: FakeMessages;
let h: Harness;
beforeEach(() => start({}));
afterEach(async () => {
  await h.close();
  await claude.close();
});

/** LM Studio's role is played by a server with a tokenizer endpoint; MLX-LM has none. */
async function start(settings: object): Promise<void> {
  claude = await startFakeMessages();
  h = await startHarness(settings, claude.url);
  h.lmstudio.counts = 987_654;
  await h.deps.fleet.probeIdle();
}

async function restart(settings: object): Promise<void> {
  await h.close();
  await claude.close();
  await start(settings);
}

const BODY = { model: 'claude-anyclaude', messages: [{ role: 'user', content: 'Where is it filled?' }] };

function send(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${h.url}/v1/messages/count_tokens?beta=true`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/json', 'x-claude-code-session-id': SESSION, ...headers },
  });
}

async function counted(more: object = {}, headers: Record<string, string> = {}): Promise<number> {
  const reply = await send({ ...BODY, ...more }, headers);
  assert.equal(reply.status, 200);
  const { input_tokens } = (await reply.json()) as { input_tokens: number };
  return input_tokens;
}

test('a new conversation is counted for the analysis backend, which is estimated', async () => {
  assert.ok((await counted()) < 100);
});

for (const [name, more, headers] of [
  ['the model name', { model: 'claude-anyclaude-lmstudio' }, {}],
  ['the header', {}, { 'x-anyclaude-route': 'lmstudio' }],
  ['a route in the header', {}, { 'x-anyclaude-route': 'edit' }],
  ['a route in the body', { anyclaude_route: 'edit' }, {}],
] as const) {
  test(`${name} says whose tokenizer counts`, async () => {
    assert.equal(await counted(more, headers), 987_654);
  });
}

test('a fixed mode says whose tokenizer counts, unless the request names another', async () => {
  await restart({ mode: 'lmstudio' });
  assert.equal(await counted(), 987_654);
  assert.ok((await counted({}, { 'x-anyclaude-route': 'mlx-lm' })) < 100);
});

test('a conversation is counted by the tokenizer of the backend that it was on last', async () => {
  await (await post(h.url, ask('Fix the rounding bug in src/cart.js.'))).text();
  assert.equal(h.lmstudio.asked.length, 1);
  assert.equal(await counted(), 987_654);
  assert.ok((await counted({}, { 'x-claude-code-session-id': 'another' })) < 100);
});

test('where the backend is down the next one counts in its place, but not for one that was named', async () => {
  h.mlx.status = { state: 'down' };
  await h.deps.fleet.probeIdle();
  assert.equal(await counted(), 987_654);
  assert.ok((await counted({}, { 'x-anyclaude-route': 'mlx-lm' })) < 100);
});

test('a count for the Claude API that cannot be reached is one clear sentence and no bug', async () => {
  await restart({ mode: 'claude' });
  await claude.close();
  const reply = await send({ ...BODY, model: 'claude-opus-5-5' });
  assert.equal(reply.status, 502);
  assert.equal(reply.headers.get('x-should-retry'), 'false');
  assert.match(await reply.text(), /claude at http:.*Nothing answers there/);
  assert.deepEqual(h.bugs, []);
});

test('in mode claude a count that this version cannot read is forwarded; elsewhere it is refused', async () => {
  const unreadable = '{"zz":1}';
  assert.equal((await send(unreadable)).status, 400);
  assert.equal(claude.posts.length, 0);
  await restart({ mode: 'claude' });
  const theirs = { type: 'error', error: { type: 'invalid_request_error', message: 'model: required' } };
  claude.next(json(theirs, 400));
  const reply = await send(unreadable);
  assert.deepEqual([reply.status, await reply.json()], [400, theirs]);
  assert.equal(claude.posts[0]?.body.toString(), unreadable);
});

test('a count that is under way when the daemon has to stop is told so', async () => {
  await restart({ mode: 'claude' });
  claude.next(stall);
  const asked = send({ ...BODY, model: 'claude-opus-5-5' });
  await claude.post(0);
  h.stopping.abort(new Error('The daemon stops.'));
  const reply = await asked;
  assert.equal(reply.status, 503);
  assert.match(await reply.text(), /stopped/);
});
