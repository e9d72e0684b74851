import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createNativeBackend } from '../../backend/native.ts';
import { messagesRouteFits, proveAlive } from '../../backend/proof.ts';
import { chatAnswer, json, type Manner, stall, startFakeChat } from '../fake/chat.ts';
import { cutAt, eventStream, messagesAnswer, type Reply, type Seen } from '../fake/messages.ts';
import { answer, faultOf, gateOf, never, optionsFor } from './setup.ts';

async function stage(t: TestContext, manner: Manner, script?: (seen: Seen) => Reply) {
  const fake = await startFakeChat(manner, { ...(script && { script }) });
  t.after(() => fake.close());
  const gate = gateOf(1);
  return { fake, gate, proof: { backend: 'local', url: fake.url, model: 'default_model', gate } };
}

test('a server that generates one token is alive, even if the token shows nothing', async (t) => {
  for (const manner of ['mlx', 'lmstudio', 'llama.cpp', 'vllm'] as const) {
    const { fake, gate, proof } = await stage(t, manner);
    fake.next(fake.says({ text: '', finish: 'length' }));
    await proveAlive(proof, never());
    assert.equal(fake.posts[0]?.json['max_tokens'], 1);
    assert.equal(gate.idle, true);
  }
});

test('no two proofs ask the same, for an exact repeat has killed a server', async (t) => {
  const { fake, proof } = await stage(t, 'mlx');
  await proveAlive(proof, never());
  await proveAlive(proof, never());
  assert.notDeepEqual(fake.posts[0]?.json['messages'], fake.posts[1]?.json['messages']);
});

test('a dead generation thread, an empty stream and an error under 200 prove nothing', async (t) => {
  const { fake, gate, proof } = await stage(t, 'mlx');
  const cases = [
    [json({ error: 'generation thread died' }, 404), 'dead'],
    [eventStream([': keepalive 1/2\n\n']), 'dead'],
    [json({ error: { message: 'No models loaded.' } }), 'loading'],
    [json({ error: 'Unexpected endpoint or method. (POST /v1/chat/completions)' }), 'protocol'],
  ] as const;
  for (const [reply, fault] of cases) {
    fake.next(reply);
    await faultOf(proveAlive(proof, never()), fault);
    assert.equal(gate.idle, true);
  }
});

test('a server that takes the request and stays silent has stalled', async (t) => {
  const { fake, gate, proof } = await stage(t, 'mlx');
  fake.next(stall);
  await faultOf(proveAlive(proof, AbortSignal.timeout(30)), 'stalled');
  assert.equal(await (await fake.post(0)).ended, 'client-left');
  assert.equal(gate.idle, true);
});

const fitting = messagesAnswer('llama.cpp', 'Yes.');
const refusal = json(
  { type: 'error', error: { type: 'invalid_request_error', message: "role: Expected 'user' | 'assistant'" } },
  400,
);

test('LM Studio’s own Messages route fits only if it takes a system message between the turns and ends properly', async (t) => {
  const { fake, proof } = await stage(t, 'lmstudio');
  const cases: readonly (readonly [Reply, boolean])[] = [
    [fitting, true],
    [messagesAnswer('llama.cpp', { text: 'Yes', stopReason: 'max_tokens' }), true],
    [refusal, false],
    [cutAt(fitting, 300), false],
    [eventStream([]), false],
    [json({ error: 'Unexpected endpoint or method. (POST /v1/messages)' }), false],
    [json({ error: { message: 'failed to parse grammar' } }, 500), false],
  ];
  for (const [reply, fits] of cases) {
    fake.next(reply);
    assert.equal(await messagesRouteFits(proof, never()), fits);
  }
  const { json: sample } = await fake.post(0);
  const roles = (sample['messages'] as { role: string }[]).map(({ role }) => role);
  assert.deepEqual(roles, ['user', 'system', 'user']);
  await fake.close();
  await faultOf(messagesRouteFits(proof, never()), 'connect');
});

test('a server is spoken to in Messages where its route fits, else in chat completions, and is asked once', async (t) => {
  for (const fits of [true, false]) {
    const script = (seen: Seen): Reply => {
      if (seen.path === '/v1/messages') return fits ? fitting : refusal;
      return chatAnswer('lmstudio', 'Yes.');
    };
    const { fake, gate } = await stage(t, 'lmstudio', script);
    const backend = createNativeBackend(optionsFor(fake.url, { gate }));
    t.after(() => backend.close());
    for (const _turn of [1, 2]) {
      const { message } = await answer(backend);
      assert.deepEqual(message?.content, [{ type: 'text', text: 'Yes.' }]);
    }
    const route = fits ? '/v1/messages' : '/v1/chat/completions';
    assert.deepEqual(
      fake.posts.map(({ path }) => path),
      ['/v1/messages', route, route],
    );
    assert.equal(gate.idle, true);
  }
});
