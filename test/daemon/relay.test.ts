import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import {
  bodyOf,
  type FakeMessages,
  frame,
  html,
  json,
  type Reply,
  stall,
  startFakeMessages,
} from '../fake/messages.ts';
import { type Harness, ask as localAsk, post, startHarness } from './harness.ts';

/** As a client asks that knows nothing of the daemon. */
const ask = (text: string, more: object = {}) => localAsk(text, { model: 'claude-opus-5-5', ...more });

let claude: FakeMessages;
let h: Harness;
beforeEach(async () => {
  claude = await startFakeMessages();
  h = await startHarness({ mode: 'claude' }, claude.url);
});
afterEach(async () => {
  await h.close();
  await claude.close();
});

const KEYS = {
  'x-api-key': 'sk-ant-canary',
  authorization: 'Bearer oauth-canary',
  'anthropic-version': '2023-06-01',
  'anthropic-beta': 'a,b',
};

test('the bytes received go to the Claude API unchanged, with the client’s own credentials', async () => {
  const body =
    '{ "model":"claude-opus-5-5",\n "stream": true, "messages":[{"role":"user","content":"h\\u00e9"}], "future_key":[1.0]}';
  const reply = await post(h.url, body, { headers: { ...KEYS, 'x-anyclaude-route': 'auto' } });
  const text = await reply.text();

  const seen = claude.posts[0];
  assert.equal(seen?.body.toString(), body);
  assert.equal(seen?.path, '/v1/messages?beta=true');
  for (const [name, value] of Object.entries(KEYS)) assert.equal(seen?.headers[name], value);
  assert.equal(seen?.headers['x-anyclaude-route'], undefined);
  assert.equal(text, bodyOf(claude.says('Hello from Messages.')).toString());
  assert.equal(reply.headers.get('x-anyclaude-backend'), 'claude');
  const outcome = await h.outcome();
  assert.deepEqual(outcome.ending, { result: 'completed' });
  assert.deepEqual(outcome.cache, { evidence: 'reported', promptTokens: 40, cachedTokens: 10 });
  assert.equal(outcome.outputTokens, 7);
  assert.ok(outcome.ttftMs !== undefined);
});

test('an answer that is not streamed comes back byte for byte and its usage is recorded', async () => {
  const body = {
    id: 'msg_1',
    type: 'message',
    content: [],
    usage: { input_tokens: 3, output_tokens: 2, cache_read_input_tokens: 0 },
  };
  claude.next(json(body, 200, { 'request-id': 'req_theirs', 'anthropic-ratelimit-requests-limit': '50' }));
  const reply = await post(h.url, ask('x', { stream: false }), { headers: KEYS });
  assert.equal(await reply.text(), JSON.stringify(body));
  assert.equal(reply.headers.get('request-id'), 'req_theirs');
  assert.equal(reply.headers.get('anthropic-ratelimit-requests-limit'), '50');
  assert.deepEqual((await h.outcome()).cache, { evidence: 'reported', promptTokens: 3, cachedTokens: 0 });
});

test('an error of the Claude API passes with its status, its headers and its text', async () => {
  const body = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };
  claude.next(json(body, 529, { 'retry-after': '7' }));
  const reply = await post(h.url, ask('x'), { headers: KEYS });
  assert.equal(reply.status, 529);
  assert.equal(reply.headers.get('retry-after'), '7');
  assert.deepEqual(await reply.json(), body);
  assert.deepEqual((await h.outcome()).ending, {
    result: 'failed',
    phase: 'before-first-token',
    fault: 'overloaded',
  });
});

for (const [name, stream, fault, message] of [
  ['a stream that ends without message_stop', cutAnswer, 'truncated', /ended before it said/],
  ['an error event', errorEvent, 'overloaded', /claude answered with an error \(overloaded\)/],
] as const) {
  test(`${name} passes byte for byte and is recorded as failed`, async () => {
    claude.next(stream());
    const reply = await post(h.url, ask('x'), { headers: KEYS });
    assert.equal(await reply.text(), bodyOf(stream()).toString());
    const outcome = await h.outcome();
    assert.deepEqual(outcome.ending, { result: 'failed', phase: 'mid-stream', fault });
    assert.match(outcome.message ?? '', message);
    assert.doesNotMatch(outcome.message ?? '', /a secret/);
  });
}

function cutAnswer(): Reply {
  const whole = claude.says('Hello from Messages.');
  return { ...whole, parts: whole.parts.slice(0, 3) };
}

function errorEvent(): Reply {
  const error = { type: 'overloaded_error', message: 'Overloaded by a secret' };
  return { ...cutAnswer(), parts: [...cutAnswer().parts, frame('error', { error })] };
}

test('a reply of 200 that is no answer of a model is passed on and recorded as failed', async () => {
  const cases = [
    [html, 'protocol'],
    [{ ...json({}), parts: ['{"id":"msg_1","cont'] }, 'truncated'],
    [json({ type: 'error', error: { type: 'api_error', message: 'Oh.' } }), 'status'],
  ] as const;
  for (const [at, [sent, fault]] of cases.entries()) {
    claude.next(sent);
    const reply = await post(h.url, ask('x', { stream: false }), { headers: KEYS });
    assert.equal(await reply.text(), bodyOf(sent).toString());
    const { ending } = await h.outcome(at);
    assert.deepEqual(ending, { result: 'failed', phase: 'before-first-token', fault });
  }
});

for (const when of ['before the first byte', 'in mid-stream'] as const) {
  test(`an answer of the Claude API cut ${when} by the end of the daemon is recorded as that`, async () => {
    const never = new Promise(() => {});
    const inMidStream = when === 'in mid-stream';
    claude.next(inMidStream ? claude.says({ text: 'first and second half', middle: never }) : stall);
    const asked = post(h.url, ask('x'), { headers: KEYS });
    await claude.post(0);
    const reader = inMidStream ? (await asked).body?.getReader() : undefined;
    for (let heard = ''; reader && !heard.includes('firs'); ) {
      heard += new TextDecoder().decode((await reader.read()).value);
    }
    h.stopping.abort(new Error('The daemon stops.'));
    const { ending, message } = await h.outcome();
    const phase = inMidStream ? 'mid-stream' : 'before-first-token';
    assert.deepEqual(ending, { result: 'failed', phase, fault: 'draining' });
    assert.match(message ?? '', /stopped/);
    if (!inMidStream) assert.equal((await asked).status, 503);
  });
}

test('titles, probes, counts and bodies that this version cannot read are forwarded too', async () => {
  const title = {
    model: 'm',
    max_tokens: 1,
    tools: [],
    messages: [{ role: 'user', content: 'quota' }],
    output_config: { format: { type: 'json_schema', schema: { properties: { title: {} } } } },
  };
  await (await post(h.url, title, { headers: KEYS })).text();
  await (
    await post(h.url, '{"model":"m","messages":[{"role":"oracle","content":1}]}', { headers: KEYS })
  ).text();
  claude.next(json({ input_tokens: 12 }));
  const count = await fetch(`${h.url}/v1/messages/count_tokens?beta=true`, {
    method: 'POST',
    body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'x' }] }),
    headers: { 'content-type': 'application/json', ...KEYS },
  });
  assert.deepEqual(await count.json(), { input_tokens: 12 });
  const polluting = '{"__proto__":{"polluted":1},"model":"m","messages":[{"role":"user","content":"x"}]}';
  await (await post(h.url, polluting, { headers: KEYS })).text();
  // What is refused on the way to a local server is the API's own business: not a byte of it is changed.
  assert.equal(claude.posts.at(-1)?.body.toString(), polluting);
  const unreadable = await fetch(`${h.url}/v1/messages/count_tokens?beta=true`, {
    method: 'POST',
    body: '{"zz":1}',
    headers: { 'content-type': 'application/json', ...KEYS },
  });
  await unreadable.text();
  assert.equal(claude.posts.at(-1)?.body.toString(), '{"zz":1}');
  assert.deepEqual(
    claude.posts.map(({ path }) => path),
    ['messages', 'messages', 'messages/count_tokens', 'messages', 'messages/count_tokens'].map(
      (path) => `/v1/${path}?beta=true`,
    ),
  );
});

test('the Claude API that cannot be reached is one clear sentence and no retry', async () => {
  await claude.close();
  const reply = await post(h.url, ask('x'), { headers: KEYS });
  assert.equal(reply.status, 502);
  assert.equal(reply.headers.get('x-should-retry'), 'false');
  assert.match(await reply.text(), /claude/);
});

test('a client that leaves closes the connection to the Claude API', async () => {
  const never = new Promise(() => {});
  claude.next(claude.says({ text: 'first and second half', middle: never }));
  const client = new AbortController();
  const reply = await post(h.url, ask('x'), { signal: client.signal, headers: KEYS });
  await reply.body?.getReader().read();
  client.abort();
  assert.equal(await (await claude.post(0)).ended, 'client-left');
  assert.equal((await h.outcome()).ending.result, 'cancelled');
});

test('local backends never see the Claude API’s keys, and the API is asked nothing it was not meant for', async () => {
  await h.close();
  h = await startHarness({}, claude.url);
  await (await post(h.url, ask('What is this?'), { headers: KEYS })).text();
  assert.equal(claude.requests.length, 0);
  assert.doesNotMatch(JSON.stringify(h.mlx.asked[0]?.conversation), /canary/);
});

test('with every local backend down the cloud is asked only where the user allowed it', async () => {
  for (const { allowCloud, stream } of [
    { allowCloud: false, stream: true },
    { allowCloud: true, stream: true },
    { allowCloud: true, stream: false },
  ]) {
    const whole = json({ id: 'msg_1', content: [{ type: 'text', text: 'Hello, whole.' }] });
    if (!stream) claude.next(whole);
    await h.close();
    h = await startHarness({ allowCloud }, claude.url);
    h.mlx.status = { state: 'down' };
    h.lmstudio.status = { state: 'down' };
    await h.deps.fleet.probeIdle();
    const before = claude.posts.length;
    const reply = await post(h.url, ask('What is this?', { stream }), {
      headers: KEYS,
    });
    const text = await reply.text();
    assert.equal(claude.posts.length - before, allowCloud ? 1 : 0);
    assert.equal(reply.status, allowCloud ? 200 : 502);
    if (allowCloud) assert.match(text, /Hell/);
  }
});
