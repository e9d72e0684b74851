// What a request's record holds of the prompt cache and of the server: the truth, or nothing.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startPrefixServer } from '../fixture/prefix-server.ts';
import { Session } from '../fixture/session.ts';
import { openStage } from './guardian-stage.ts';
import { ask, type Harness, hangs, post, refuses, type Script, says, startHarness } from './harness.ts';

const LIE = /^mlx-lm reports cached tokens that cannot be .* recorded as unknown\.$/;

for (const cachedTokens of [101, -1, Number.NaN, 0.5, Number.POSITIVE_INFINITY]) {
  test(`a server that reports ${cachedTokens} of 100 tokens cached is not believed, and named`, async (t) => {
    const h = await harness(t);
    h.mlx.scripts = [
      async function* (request, signal) {
        yield { type: 'progress', processed: 60, total: 60, cachedTokens: 40 };
        yield* says('Hi.', { promptTokens: 100, cachedTokens })(request, signal);
      },
    ];
    await (await post(h.url, ask('What is this?'))).text();
    const { cache, saved } = await h.outcome();
    assert.deepEqual(cache, { evidence: 'none', promptTokens: 100 });
    assert.equal(saved, undefined);
    assert.match([...h.notes].join('|'), LIE);
  });
}

test('a lie on the wire is unknown in the database and a note of status; an honest server is not accused', async (t) => {
  const server = await startPrefixServer();
  t.after(() => server.close());
  const stage = await openStage(t, server.url);
  const session = new Session();
  await stage.ask(session);
  assert.deepEqual((await stage.status()).notes, []);
  for (const cachedTokens of [1e9, -5]) {
    server.answer = { text: 'Done.', cachedTokens };
    await stage.ask(session.answer().ask('And?'));
  }
  const { notes } = await stage.status();
  assert.equal(notes.length, 1);
  assert.match(notes[0] ?? '', LIE);
  const [honest, ...lies] = await stage.rows();
  assert.equal(honest?.cached_tokens, 0);
  for (const row of lies) {
    assert.deepEqual([row.cached_tokens, row.cache_evidence, row.cache_result], [null, 'none', 'unknown']);
    assert.ok((row.prompt_tokens ?? 0) > 8000);
    assert.equal(row.saved_seconds, null);
  }
});

test('the version of the server and whether its model had to be loaded are recorded where they are told', async (t) => {
  const h = await harness(t);
  h.mlx.status = { state: 'up', flavour: 'mlx-lm', loaded: false };
  await h.deps.fleet.probeIdle();
  h.mlx.scripts = [says('Hi.', { promptTokens: 100, fingerprint: '0.32.2-0.32.4-Linux-6.1-x86_64' })];
  await (await post(h.url, ask('What is this?'))).text();
  const cold = await h.outcome(0);
  assert.deepEqual([cold.serverVersion, cold.coldLoad], ['0.32.2', true]);
  h.mlx.status = { state: 'up', flavour: 'llama.cpp', version: 'b6000-abc', loaded: true };
  await h.deps.fleet.probeIdle();
  h.mlx.scripts = [says('Hi.', { promptTokens: 100, fingerprint: 'b1-7e4c0a9' })];
  await (await post(h.url, ask('What is this?'))).text();
  const warm = await h.outcome(1);
  assert.deepEqual([warm.serverVersion, warm.coldLoad], ['b6000-abc', false]);
  h.mlx.status = { state: 'up', flavour: 'lmstudio' };
  await h.deps.fleet.probeIdle();
  // LM Studio gives its model's name there.
  h.mlx.scripts = [says('Hi.', { promptTokens: 100, fingerprint: 'qwen3-coder' })];
  await (await post(h.url, ask('What is this?'))).text();
  const silent = await h.outcome(2);
  assert.deepEqual([silent.serverVersion, silent.coldLoad], [undefined, undefined]);
});

test('a wait with the loading of a model in it is no measure of what a break cost or a cache saved', async (t) => {
  const h = await harness(t);
  const report = { promptTokens: 9000, cachedTokens: 8000, outputTokens: 3 };
  h.mlx.scripts = [slowly(says('Hi.', report))];
  for (let at = 0; at < 4; at += 1) await (await post(h.url, ask('What is this?'))).text();
  assert.ok((await h.outcome(3)).saved);
  h.mlx.status = { state: 'up', loaded: false };
  await h.deps.fleet.probeIdle();
  h.mlx.scripts = [slowly(says('Hi.', { ...report, cachedTokens: 0 }))];
  await (await post(h.url, ask('What is that?', { system: 'Another.' }))).text();
  const { cacheBreak, saved } = await h.outcome(4);
  assert.equal(cacheBreak?.cause, 'system-changed');
  assert.deepEqual([cacheBreak?.lostSeconds, saved], [undefined, undefined]);
});

test('nothing is saved or lost in seconds before the speed of a backend is known', async (t) => {
  const h = await harness(t);
  h.mlx.scripts = [says('Hi.', { promptTokens: 9000, cachedTokens: 8000 })];
  await (await post(h.url, ask('What is this?'))).text();
  assert.equal((await h.outcome(0)).saved, undefined);
});

test('a request that never had its first token is no record of a break, and the next one tells it once', async (t) => {
  const h = await harness(t);
  h.mlx.scripts = [says('Hi.', { promptTokens: 900, cachedTokens: 0 })];
  await (await post(h.url, ask('What is this?'))).text();
  const left = new AbortController();
  h.mlx.scripts = [hangs(() => left.abort())];
  await assert.rejects(post(h.url, ask('What is this?', { system: 'Other.' }), { signal: left.signal }));
  const gone = await h.outcome(1);
  assert.equal(gone.ending.result, 'cancelled');
  assert.equal(gone.cacheBreak, undefined);
  for (const at of [2, 3]) {
    h.mlx.scripts = [says('Hi.', { promptTokens: 900, cachedTokens: at === 2 ? 0 : 899 })];
    await (await post(h.url, ask('What is this?', { system: 'Other.' }))).text();
    assert.equal((await h.outcome(at)).cacheBreak?.cause, at === 2 ? 'system-changed' : undefined);
  }
});

test('a break is told of the backend that answered, not of the one that failed', async (t) => {
  const h = await harness(t);
  h.mlx.scripts = [says('Hi.', { promptTokens: 900, cachedTokens: 0 })];
  await (await post(h.url, ask('What is this?'))).text();
  h.mlx.scripts = [refuses('status')];
  h.lmstudio.scripts = [says('Hi.', { promptTokens: 900, cachedTokens: 0 })];
  await (await post(h.url, ask('What is this?', { system: 'Other.' }))).text();
  const { answeredBy, cacheBreak } = await h.outcome(1);
  assert.equal(answeredBy, 'lmstudio');
  assert.deepEqual([cacheBreak?.cause, cacheBreak?.lostTokens], ['system-changed', 0]);
});

/** What takes no time at all is no measure of a speed. */
function slowly(script: Script): Script {
  return async function* (request, signal) {
    await delay(5);
    yield* script(request, signal);
  };
}

async function harness(t: TestContext): Promise<Harness> {
  const h = await startHarness({ mode: 'task' });
  t.after(() => h.close());
  return h;
}
