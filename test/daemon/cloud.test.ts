import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { type FakeMessages, json, startFakeMessages } from '../fake/messages.ts';
import { ask, type Harness, post, refuses, startHarness } from './harness.ts';

// A client as `run` sets it up: it asks for claude-anyclaude, and has its own credentials or a placeholder.
const OWN = { authorization: 'Bearer oauth-canary' };
const PLACEHOLDER = { authorization: 'Bearer anyclaude-local' };
const MODEL = { claude: { model: 'claude-opus-5-5' } };

let claude: FakeMessages;
let h: Harness;
afterEach(async () => {
  await h.close();
  await claude.close();
});

type Settings = { readonly claude?: object; readonly mode?: string; readonly allowCloud?: boolean };

async function start(settings: Settings, areDown = false): Promise<void> {
  claude = await startFakeMessages();
  h = await startHarness({ ...settings, claude: { baseUrl: claude.url, ...settings.claude } });
  if (!areDown) return;
  for (const backend of [h.mlx, h.lmstudio]) backend.status = { state: 'down' };
  await h.deps.fleet.probeIdle();
}

const message = async (reply: Response) =>
  ((await reply.json()) as { error: { message: string } }).error.message;

test('the fallback to the cloud asks for the configured model, and changes nothing else', async () => {
  await start({ allowCloud: true, ...MODEL }, true);
  const body = { ...ask('What is this?'), future_key: [{ deep: true }] };
  const reply = await post(h.url, body, { headers: OWN });
  assert.equal(reply.status, 200);
  await reply.text();
  assert.equal(
    claude.posts[0]?.body.toString(),
    JSON.stringify({ ...body, model: 'claude-opus-5-5' }),
    'in the order of the keys received',
  );
  assert.equal(claude.posts[0]?.headers.authorization, OWN.authorization);
  const { model, answeredBy, requestedModel } = await h.outcome();
  assert.deepEqual(
    { model, answeredBy, requestedModel },
    { model: 'claude-opus-5-5', answeredBy: 'claude', requestedModel: 'claude-anyclaude' },
  );
});

test('where a local backend fails before its first word the cloud is asked for that model, too', async () => {
  await start({ allowCloud: true, ...MODEL });
  h.mlx.scripts = [refuses('reset')];
  h.lmstudio.scripts = [refuses('reset')];
  await (await post(h.url, ask('What is this?'), { headers: OWN })).text();
  assert.equal(claude.posts[0]?.json['model'], 'claude-opus-5-5');
});

for (const [name, settings, headers, says] of [
  [
    'a model that the API does not know',
    {},
    OWN,
    /claude knows no model .*set claude\.model in config\.json/,
  ],
  ['no credentials but the placeholder', MODEL, PLACEHOLDER, /claude is shown no credentials: sign in/],
] as const) {
  test(`with ${name} the cloud is passed over, and the refusal says why`, async () => {
    await start({ allowCloud: true, ...settings }, true);
    const reply = await post(h.url, ask('What is this?'), { headers });
    assert.equal(reply.status, 502);
    assert.match(await message(reply), says);
    assert.equal(claude.posts.length, 0);
  });

  test(`with ${name} a request for the Claude API by name is refused at once`, async () => {
    await start(settings);
    const reply = await post(h.url, ask('x', { model: 'claude-anyclaude-claude' }), { headers });
    assert.equal(reply.status, 400);
    assert.equal(reply.headers.get('x-should-retry'), 'false');
    assert.match(await message(reply), says);
    assert.equal(claude.posts.length + h.mlx.asked.length, 0);
    assert.deepEqual((await h.outcome()).ending, { result: 'refused', refusal: 'bad-request' });
  });
}

test('what names the route to the Claude API is no part of what it is sent', async () => {
  await start(MODEL);
  for (const more of [{ model: 'claude-anyclaude-claude[1m]' }, { anyclaude_route: 'claude' }]) {
    await (await post(h.url, ask('x', more), { headers: OWN })).text();
    const { anyclaude_route, model } = claude.posts.at(-1)?.json ?? {};
    assert.deepEqual({ anyclaude_route, model }, { anyclaude_route: undefined, model: 'claude-opus-5-5' });
  }
  const own = { model: 'claude-sonnet-5', anyclaude_route: 'claude' };
  await (await post(h.url, ask('x', own), { headers: OWN })).text();
  assert.equal(claude.posts.at(-1)?.json['model'], 'claude-sonnet-5');
});

test('a count for the Claude API asks for the configured model', async () => {
  await start({ mode: 'claude', ...MODEL });
  claude.next(json({ input_tokens: 12 }));
  const reply = await fetch(`${h.url}/v1/messages/count_tokens`, {
    method: 'POST',
    body: JSON.stringify({ model: 'claude-anyclaude', messages: [{ role: 'user', content: 'x' }] }),
    headers: { 'content-type': 'application/json', ...OWN },
  });
  assert.deepEqual(await reply.json(), { input_tokens: 12 });
  assert.equal(claude.posts[0]?.json['model'], 'claude-opus-5-5');
});
