// The Claude API: what was received goes on as it is, and what comes back is handed on as it is.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Received } from '../../backend/backend.ts';
import { type ClaudeBackend, createClaudeBackend, type Exchange } from '../../backend/claude.ts';
import { bodyOf, cutAt, drop, type FakeMessages, json, stall, startFakeMessages } from '../fake/messages.ts';
import { answer, CANARY, faultOf, never, RECEIVED, request } from './setup.ts';

async function stage(
  t: TestContext,
  changes: { readonly path?: string; readonly ownToken?: string } = {},
): Promise<{ fake: FakeMessages; claude: ClaudeBackend }> {
  const fake = await startFakeMessages();
  const baseUrl = `${fake.url}${changes.path ?? ''}`;
  const { ownToken } = changes;
  const claude = createClaudeBackend({ name: 'claude', baseUrl, ownToken });
  t.after(() => Promise.all([claude.close(), fake.close()]));
  return { fake, claude };
}

async function bytesOf({ body }: Exchange): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const withHeaders = (headers: Received['headers']): Received => ({
  ...RECEIVED,
  headers: { ...RECEIVED.headers, ...headers },
});

test('the bytes received go on unchanged, to the same path and query', async (t) => {
  const { fake, claude } = await stage(t);
  await bytesOf(await claude.exchange(RECEIVED, never()));
  const seen = await fake.post(0);
  assert.deepEqual(seen.body, RECEIVED.body);
  assert.equal(seen.path, RECEIVED.path);
  assert.equal(seen.headers['content-length'], String(RECEIVED.body.length));
});

test('a base URL with a path keeps it', async (t) => {
  const { fake, claude } = await stage(t, { path: '/gateway/v1/' });
  await bytesOf(await claude.exchange(RECEIVED, never()));
  assert.equal((await fake.post(0)).path, '/gateway/v1/messages?beta=true');
});

test('credentials and the client’s own headers go along; those of one connection and of the daemon do not', async (t) => {
  const { fake, claude } = await stage(t);
  const kept = {
    'x-api-key': CANARY,
    authorization: `Bearer ${CANARY}`,
    'anthropic-version': '2023-06-01',
    'anthropic-beta': 'one-2026-01-01,two-2026-02-02',
    'x-app': 'cli',
    'user-agent': 'claude-cli/2.1.330 (external, cli)',
    'x-stainless-retry-count': '0',
    'x-claude-code-session-id': 's-1',
    'content-type': 'application/json',
  };
  const dropped = {
    connection: 'close, X-Secret-Hop',
    'x-secret-hop': '1',
    'keep-alive': 'timeout=9',
    te: 'trailers',
    'proxy-authorization': 'Basic abc',
    'transfer-encoding': 'chunked',
    upgrade: 'h2c',
    expect: '100-continue',
    cookie: 'a=b',
    'accept-encoding': 'gzip, br',
    'x-anyclaude-route': 'edit',
    'x-anyclaude-token': 'daemon-token-0001',
  };
  await bytesOf(await claude.exchange(withHeaders({ ...kept, ...dropped }), never()));
  const { headers } = await fake.post(0);
  for (const [name, value] of Object.entries(kept)) assert.equal(headers[name], value, name);
  assert.equal(headers.host, new URL(fake.url).host);
  assert.equal(headers['accept-encoding'], 'identity');
  for (const name of Object.keys(dropped)) {
    if (name !== 'connection' && name !== 'accept-encoding') assert.equal(headers[name], undefined, name);
  }
  assert.equal(headers.connection, 'keep-alive');
});

test('a token that was meant for the daemon stays here, wherever the client put it', async (t) => {
  const { fake, claude } = await stage(t, { ownToken: 'daemon-token-0001' });
  const received = withHeaders({ authorization: 'Bearer daemon-token-0001', 'x-api-key': CANARY });
  await bytesOf(await claude.exchange(received, never()));
  const { headers } = await fake.post(0);
  assert.equal(headers.authorization, undefined);
  assert.equal(headers['x-api-key'], CANARY);
});

test('status, headers and bytes come back unchanged, whatever they are', async (t) => {
  const { fake, claude } = await stage(t);
  const zipped = gzipSync('{"type":"message"}');
  const own = {
    'request-id': 'req_1',
    'anthropic-ratelimit-requests-remaining': '3',
    'content-encoding': 'gzip',
  };
  for (const status of [200, 307, 401, 404, 429, 529]) {
    fake.next({
      status,
      headers: { ...own, location: 'http://127.0.0.1:9/', 'retry-after': '5' },
      parts: [zipped],
    });
    const exchange = await claude.exchange(RECEIVED, never());
    assert.equal(exchange.status, status);
    assert.equal(exchange.headers['request-id'], 'req_1');
    assert.equal(exchange.headers['retry-after'], '5');
    assert.equal(exchange.headers['anthropic-ratelimit-requests-remaining'], '3');
    assert.equal(exchange.headers['content-encoding'], 'gzip');
    assert.equal(exchange.headers['transfer-encoding'], undefined);
    assert.equal(exchange.headers.connection, undefined);
    assert.deepEqual(await bytesOf(exchange), zipped);
  }
});

test('a stream comes back byte by byte as it was', async (t) => {
  const { fake, claude } = await stage(t);
  const reply = fake.says({ text: 'Grüße 漢字', calls: [{ name: 'Edit', arguments: '{"a":"é"}' }] });
  fake.next(reply);
  assert.deepEqual(await bytesOf(await claude.exchange(RECEIVED, never())), bodyOf(reply));
});

test('a request without a body has none', async (t) => {
  const { fake, claude } = await stage(t);
  const { 'content-type': _type, 'content-length': _length, ...headers } = RECEIVED.headers;
  const received = { method: 'GET', path: '/v1/models', headers, body: Buffer.alloc(0) };
  assert.equal((await claude.exchange(received, never())).status, 404);
  assert.equal(fake.requests[0]?.body.length, 0);
});

test('an answer that breaks off is not handed on as a whole one', async (t) => {
  const { fake, claude } = await stage(t);
  fake.next(cutAt(fake.says('Grüße aus dem Brunnen'), 200));
  await faultOf(bytesOf(await claude.exchange(RECEIVED, never())), 'reset');
  fake.next(drop);
  await faultOf(claude.exchange(RECEIVED, never()), 'reset');
  await fake.close();
  await faultOf(claude.exchange(RECEIVED, never()), 'connect');
});

test('a client that leaves closes the connection, before the headers and after', async (t) => {
  const { fake, claude } = await stage(t);
  const reason = new Error('the client has left');
  fake.next(stall, fake.says({ text: 'Am Brunnen.', middle: new Promise(() => {}) }));
  const client = new AbortController();
  const waiting = claude.exchange(RECEIVED, client.signal);
  const first = await fake.post(0);
  client.abort(reason);
  await assert.rejects(waiting, reason);
  assert.equal(await first.ended, 'client-left');

  const later = new AbortController();
  const { body } = await claude.exchange(RECEIVED, later.signal);
  const reading = (async () => {
    for await (const _chunk of body) later.abort(reason);
  })();
  await assert.rejects(reading, reason);
  assert.equal(await (await fake.post(1)).ended, 'client-left');
});

test('leaving the body early closes the connection', async (t) => {
  const { fake, claude } = await stage(t);
  fake.next(fake.says({ text: 'Am Brunnen.', middle: new Promise(() => {}) }));
  const { body } = await claude.exchange(RECEIVED, never());
  for await (const _chunk of body) break;
  assert.equal(await (await fake.post(0)).ended, 'client-left');
});

test('an API that falls silent has stalled', async (t) => {
  const fake = await startFakeMessages();
  const within = (firstTokenMs: number) => {
    const budgets = { firstTokenMs: () => firstTokenMs, idleMs: 40, loadMs: 40 };
    return createClaudeBackend({ name: 'claude', baseUrl: fake.url, budgets });
  };
  const [hasty, patient] = [within(40), within(60_000)];
  t.after(() => Promise.all([hasty.close(), patient.close(), fake.close()]));
  fake.next(stall, fake.says({ text: 'Am Brunnen.', middle: new Promise(() => {}) }));
  await faultOf(hasty.exchange(RECEIVED, never()), 'stalled');
  await faultOf(bytesOf(await patient.exchange(RECEIVED, never())), 'stalled');
});

test('as the last target it answers in frames, from the bytes that were received', async (t) => {
  const { fake, claude } = await stage(t);
  fake.next(fake.says('Am Brunnen.'));
  const { message } = await answer(claude, request());
  assert.deepEqual(message?.content, [{ type: 'text', text: 'Am Brunnen.' }]);
  assert.deepEqual((await fake.post(0)).body, RECEIVED.body);
});

test('its refusals as the last target are faults', async (t) => {
  const { fake, claude } = await stage(t);
  fake.next(json({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }, 529));
  await faultOf(claude.open(request(), never()), 'overloaded');
});
