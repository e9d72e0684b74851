import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { type TestContext, test } from 'node:test';
import { createHttp, type Http, readText } from '../../backend/http.ts';
import { type FakeChat, type Manner, startFakeChat } from '../fake/chat.ts';
import { drop, json, reset, text } from '../fake/server.ts';
import { faultOf, never } from './setup.ts';

const POST = { method: 'POST', path: '/v1/chat/completions', body: '{"é":1}' } as const;

async function stage(t: TestContext, manner: Manner = 'lmstudio'): Promise<{ fake: FakeChat; http: Http }> {
  const fake = await startFakeChat(manner, { script: json({ ok: true }) });
  const http = createHttp({ backend: 'local', url: `${fake.url}/v1/`, apiKey: 'own-key' });
  t.after(() => Promise.all([http.close(), fake.close()]));
  return { fake, http };
}

async function exchange(http: Http): Promise<string> {
  const { body } = await http.send(POST, never());
  return readText(body);
}

test('a body goes out whole, with its length, and asks for no compression', async (t) => {
  for (const manner of ['mlx', 'lmstudio'] as const) {
    const { fake, http } = await stage(t, manner);
    assert.equal(await exchange(http), '{"ok":true}');
    const { headers, body, path } = await fake.post(0);
    assert.equal(path, '/v1/chat/completions', 'the address may end in /v1/');
    assert.equal(headers['content-length'], '8');
    assert.equal(headers['transfer-encoding'], undefined);
    assert.equal(headers['accept-encoding'], 'identity');
    assert.equal(headers.authorization, 'Bearer own-key');
    assert.equal(body.toString(), POST.body);
  }
});

for (const [name, broken] of [
  ['closed', drop],
  ['reset', reset],
] as const) {
  test(`a kept connection that turns out ${name} is replaced by a fresh one, once`, async (t) => {
    const { fake, http } = await stage(t);
    await exchange(http);
    await settled();
    fake.next(broken, json({ fresh: true }));
    assert.equal(await exchange(http), '{"fresh":true}');
    assert.equal(fake.posts.length, 3);
    assert.equal(
      fake.posts[2]?.headers.connection,
      'close',
      'the second try shares its connection with nobody',
    );

    await exchange(http);
    await settled();
    fake.next(broken, broken);
    await faultOf(exchange(http), 'reset');
    assert.equal(fake.posts.length, 6);
  });
}

test('on a fresh connection nothing is sent twice', async (t) => {
  const { fake, http } = await stage(t, 'mlx');
  await exchange(http);
  fake.next(drop);
  await faultOf(exchange(http), 'reset');
  assert.equal(fake.posts.length, 2);
});

test('what is no HTTP is called that', async (t) => {
  const http = createHttp({ backend: 'local', url: await startBabble(t) });
  t.after(() => http.close());
  const error = await faultOf(exchange(http), 'protocol');
  assert.match(error.message, /does not speak HTTP/);
});

test('a name that does not exist cannot be connected to', async (t) => {
  const http = createHttp({ backend: 'local', url: 'http://no-such-host.invalid:1' });
  t.after(() => http.close());
  await faultOf(exchange(http), 'connect');
});

test('a header that cannot be sent is the request’s fault, and nothing is sent', async (t) => {
  const { fake, http } = await stage(t);
  const sending = http.send({ ...POST, headers: { 'x-odd': 'a\r\nx-smuggled: 1' } }, never());
  await faultOf(sending, 'rejected');
  assert.equal(fake.requests.length, 0);
});

test('of a long body only the beginning is read, and the rest is not waited for', async (t) => {
  const { fake, http } = await stage(t);
  fake.next({ ...text('é'.repeat(100), 500), ending: 'open' });
  const { body } = await http.send(POST, never());
  assert.equal(await readText(body, 10), 'é'.repeat(5));
  assert.equal(await (await fake.post(0)).ended, 'client-left');
});

test('ten minutes without a byte, before the headers and after them, end nothing: silence is judged elsewhere', async (t) => {
  const { fake, http } = await stage(t, 'mlx');
  const [queued, prefilled] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  fake.next({
    before: queued.promise,
    parts: [': keepalive 1/9\n\n', { until: prefilled.promise }, 'at last'],
  });
  const sending = http.send(POST, never());
  await fake.post(0);
  await tenMinutes();
  queued.resolve();
  const { body } = await sending;
  const reading = readText(body);
  await tenMinutes();
  prefilled.resolve();
  assert.match(await reading, /at last$/);
});

/** On undici's own clock, which its deadlines are kept by. */
async function tenMinutes(): Promise<void> {
  const clock = createRequire(import.meta.url)('undici/lib/util/timers.js') as { tick(ms: number): void };
  clock.tick(1000);
  clock.tick(600_000);
  await settled();
}

/** A connection counts as free in a later turn of the event loop than its last byte. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

async function startBabble(t: TestContext): Promise<string> {
  const { createServer } = await import('node:net');
  const server = createServer((socket) => socket.end('hello, this is a mail server\r\n'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address && typeof address === 'object');
  return `http://127.0.0.1:${address.port}`;
}
