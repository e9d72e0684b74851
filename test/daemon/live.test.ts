import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { LiveRequest, LiveSnapshot } from '../../daemon/live.ts';
import { ask, calls, type Harness, hangs, post, SESSION, says, startHarness } from './harness.ts';
import { type Event, type Listening, listen } from './listen.ts';

let h: Harness;
let listening: Listening | undefined;
beforeEach(async () => {
  h = await startHarness();
  await h.deps.fleet.probeIdle();
});
afterEach(async () => {
  listening?.leave();
  listening = undefined;
  await h.close();
});

const live = async () => (await (await fetch(`${h.url}/api/live`)).json()) as LiveSnapshot;
const isRequest =
  (isIt: (request: LiveRequest) => boolean) =>
  (event: Event): boolean =>
    event.event === 'request' && isIt(event.data);

test('a request in flight is seen with its route, its reason and its clock, and afterwards with what came of it', async () => {
  const release = Promise.withResolvers<void>();
  const done = says('Done.', { promptTokens: 1000, cachedTokens: 100, outputTokens: 7 });
  h.mlx.scripts = [
    async function* (request, signal) {
      yield { type: 'progress', processed: 300, total: 900, cachedTokens: 100 };
      await release.promise;
      yield* done(request, signal);
    },
  ];
  listening = await listen(h.url);
  const hello = await listening.until(({ event }) => event === 'hello');
  assert.deepEqual((hello.data as LiveSnapshot).requests, []);

  const reply = post(h.url, ask('Why is the kettle cold?'));
  await listening.until(isRequest(({ processedTokens }) => processedTokens === 300));
  const [seen, ...others] = (await live()).requests;
  assert.deepEqual(others, []);
  assert.ok(seen);
  assert.equal(seen.phase, 'prefill');
  assert.equal(seen.backend, 'mlx-lm');
  assert.equal(seen.model, 'mlx-lm-model');
  assert.equal(seen.sessionId, SESSION);
  assert.equal(seen.task, 'analysis');
  assert.ok(seen.reason && seen.detail, 'why it went there');
  assert.ok(Number(seen.predictedTtftMs) > 0);
  assert.equal(seen.promptTokensBasis, 'estimated');
  assert.deepEqual([seen.processedTokens, seen.totalTokens, seen.cachedTokens], [300, 900, 100]);

  release.resolve();
  await (await reply).text();
  const { data } = await listening.until(isRequest(({ phase }) => phase === 'ended'));
  const ended = data as LiveRequest;
  assert.equal(ended.result, 'completed');
  assert.equal(ended.outputTokens, 7);
  assert.deepEqual([ended.promptTokens, ended.promptTokensBasis], [1000, 'reported']);
  assert.deepEqual([ended.cachedTokens, ended.cacheEvidence], [100, 'reported']);
  const after = await live();
  assert.deepEqual(after.requests, []);
  assert.deepEqual(after.recent, [ended]);
});

test('a tool call that is written while it is held back counts as writing, not as prefill', async () => {
  const release = Promise.withResolvers<void>();
  const call = calls('toolu_1', 'Edit', {});
  h.mlx.scripts = [
    async function* (request, signal) {
      yield { type: 'alive', generating: true };
      await release.promise;
      yield* call(request, signal);
    },
  ];
  listening = await listen(h.url);
  const reply = post(h.url, ask('What is this?'));
  await listening.until(isRequest(({ phase }) => phase === 'writing'));
  assert.equal((await live()).requests[0]?.ttftMs, undefined, 'nothing has been shown yet');
  release.resolve();
  await (await reply).text();
});

test('a failed, a left and a self-answered request are told of as what they were', async () => {
  listening = await listen(h.url);
  await (await post(h.url, ask('quota', { max_tokens: 1, stream: false }))).text();
  const { data: own } = await listening.until(isRequest(({ phase }) => phase === 'ended'));
  assert.deepEqual([(own as LiveRequest).backend, (own as LiveRequest).reason], ['daemon', 'answered-here']);

  const opened = Promise.withResolvers<void>();
  h.mlx.scripts = [hangs(opened.resolve)];
  const leaving = new AbortController();
  const left = post(h.url, ask('Why?'), { signal: leaving.signal });
  await opened.promise;
  leaving.abort();
  await assert.rejects(left);
  await listening.until(isRequest(({ result }) => result === 'cancelled'));

  const { status } = await post(h.url, '{"model":"m"}');
  assert.equal(status, 400);
  const { data: refused } = await listening.until(isRequest(({ result }) => result === 'refused'));
  assert.equal((refused as LiveRequest).fault, 'bad-request');
});

test('events carry rising ids, and a status is told when something in it changed', async () => {
  listening = await listen(h.url);
  await listening.until(({ event }) => event === 'hello');
  h.mlx.status = { state: 'down', lastError: 'Nothing listens there.' };
  await h.deps.fleet.probeIdle();
  const { data } = await listening.until(({ event }) => event === 'status');
  assert.equal('backends' in data && data.backends[0]?.state, 'down');
  const ids = listening.ids.map(Number);
  assert.deepEqual(
    ids,
    ids.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(ids).size, ids.length);
});

test('open streams end at once when the daemon is about to stop', async () => {
  listening = await listen(h.url);
  await listening.until(({ event }) => event === 'hello');
  h.events.close();
  await listening.ended;
  const reply = await fetch(`${h.url}/api/events`);
  assert.equal(reply.status, 503);
});

test('the 33rd stream is refused with one sentence', async () => {
  const many = await Promise.all(Array.from({ length: 32 }, () => listen(h.url)));
  const reply = await fetch(`${h.url}/api/events`);
  assert.equal(reply.status, 503);
  assert.match(await reply.text(), /32 event streams are open already/);
  for (const { leave } of many) leave();
});

test('what is told is for programs and for the own page, not for a page on another port', async () => {
  for (const path of ['/api/live', '/api/events']) {
    const reply = await fetch(h.url + path, { headers: { 'sec-fetch-site': 'same-site' } });
    assert.equal(reply.status, 403);
  }
  const reply = await fetch(`${h.url}/api/live`, { headers: { 'sec-fetch-site': 'same-origin' } });
  assert.equal(reply.status, 200);
  assert.equal(reply.headers.get('cache-control'), 'no-store');
});
