// What every backend promises, whatever it speaks: one suite, run on each dialect in each server's manner.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAnthropicBackend } from '../../backend/anthropic.ts';
import type { Backend, BackendStatus } from '../../backend/backend.ts';
import { type ChatBackendOptions, createChatBackend } from '../../backend/chat.ts';
import { createClaudeBackend } from '../../backend/claude.ts';
import type { Gate } from '../../backend/gate.ts';
import type { Budgets } from '../../backend/stream.ts';
import type { Frame, StreamItem } from '../../wire/frame.ts';
import { type Manner, startFakeChat } from '../fake/chat.ts';
import { type MessagesManner, startFakeMessages } from '../fake/messages.ts';
import {
  bodyOf,
  cutAt,
  drop,
  eventStream,
  type Fake,
  held,
  html,
  json,
  type Reply,
  reset,
  stall,
  text,
} from '../fake/server.ts';
import {
  answer,
  CONVERSATION,
  faultOf,
  gateOf,
  isFrame,
  never,
  optionsFor,
  PATIENT,
  request,
} from './setup.ts';

type Said = {
  readonly text?: string;
  readonly calls?: readonly { readonly name: string; readonly arguments: string }[];
  readonly prefill?: Promise<unknown>;
  readonly middle?: Promise<unknown>;
};
type Speaker = Fake & { says(answer: string | Said): Reply; readonly overflow: Reply };

type Dialect = {
  readonly name: string;
  start(): Promise<Speaker>;
  create(options: ChatBackendOptions): Backend;
  readonly flavour: BackendStatus['flavour'];
  /** The cloud has no gate: it takes what it takes. */
  readonly hasGate: boolean;
};

const chat = (manner: Manner, flavour: BackendStatus['flavour']): Dialect => ({
  name: `chat on ${manner}`,
  start: () => startFakeChat(manner),
  create: createChatBackend,
  flavour,
  hasGate: true,
});
const messages = (
  manner: MessagesManner,
  rest: Pick<Dialect, 'create' | 'hasGate' | 'flavour'>,
): Dialect => ({
  name: `messages on ${manner}`,
  start: () => startFakeMessages({ manner }),
  ...rest,
});

const DIALECTS: readonly Dialect[] = [
  chat('mlx', 'mlx-lm'),
  chat('lmstudio', 'lmstudio'),
  chat('llama.cpp', 'llama.cpp'),
  chat('vllm', 'vllm'),
  messages('llama.cpp', { create: createAnthropicBackend, hasGate: true, flavour: 'llama.cpp' }),
  messages('claude', {
    create: ({ name, url, budgets }) => createClaudeBackend({ name, baseUrl: url, budgets }),
    hasGate: false,
    flavour: 'claude',
  }),
];

type Stage = { readonly fake: Speaker; readonly backend: Backend; readonly gate: Gate };

for (const dialect of DIALECTS) {
  const fact = (name: string, check: (stage: Stage, t: TestContext) => Promise<void>): void => {
    test(`${dialect.name}: ${name}`, async (t) => check(await stage(t, dialect), t));
  };

  fact('text arrives whole and the place at the gate is free again', async ({ fake, backend, gate }) => {
    fake.next(fake.says('Am Brunnen, é 漢字 😀.'));
    const { message } = await answer(backend);
    assert.deepEqual(message?.content, [{ type: 'text', text: 'Am Brunnen, é 漢字 😀.' }]);
    assert.equal(message?.stop_reason, 'end_turn');
    assert.equal(gate.idle, true);
    assert.equal(fake.posts.length, 1);
  });

  fact('a tool call arrives with the arguments that the model wrote', async ({ fake, backend }) => {
    const args = { path: '/a/é.ts', old: 'x\n\t"y" {}[]', new: '' };
    fake.next(fake.says({ text: 'I do.', calls: [{ name: 'Edit', arguments: JSON.stringify(args) }] }));
    const { message } = await answer(backend);
    const call = message?.content.find((block) => block.type === 'tool_use');
    assert.equal(call?.name, 'Edit');
    assert.deepEqual(call?.input, args);
    assert.equal(message?.stop_reason, 'tool_use');
  });

  fact(
    'an answer that is cut anywhere is never complete, and its call never gets out',
    async ({ fake }, t) => {
      const whole = fake.says({ text: 'Ich tue es.', calls: [{ name: 'Edit', arguments: '{"path":"/é"}' }] });
      const size = bodyOf(whole).length;
      const { backend } = open(t, dialect, { url: fake.url, gate: gateOf(8, 1_000) });
      const cuts = Array.from({ length: Math.ceil(size / 11) }, (_, at) => at * 11).filter((at) => at < size);
      fake.next(...cuts.flatMap((at) => [cutAt(whole, at)]));
      await Promise.all(cuts.map(() => expectCut(backend, dialect)));
      assert.equal(fake.posts.length, cuts.length, 'one try is one request');
    },
  );

  fact('a connection that is reset in the middle is a fault', async ({ fake, backend, gate }) => {
    fake.next(cutAt(fake.says('Am Brunnen wird er gefüllt.'), 300, 'reset'));
    // Where the end of the connection is the end of the body, undici does not tell the two apart.
    await faultOf(answer(backend), 'reset', 'truncated');
    assert.equal(gate.idle, true);
  });

  fact('a request that nobody answers is not sent a second time', async ({ fake, backend, gate }) => {
    for (const reply of [drop, reset]) {
      fake.next(reply);
      await faultOf(answer(backend), 'reset');
    }
    assert.equal(fake.posts.length, 2);
    assert.equal(gate.idle, true);
  });

  fact('where nobody listens, the fault is connect and says where', async ({ fake, backend, gate }) => {
    await fake.close();
    const error = await faultOf(answer(backend), 'connect');
    assert.match(error.message, new RegExp(`^local at ${fake.url}: `));
    assert.equal(gate.idle, true);
  });

  fact('a status becomes a fault before anything is accepted', async ({ fake, backend, gate }) => {
    const error = (message: string) => ({ error: message });
    const cases = [
      [json(error('temperature must be of type float'), 400), 'rejected'],
      [json(error('no such key'), 401), 'unauthorised'],
      [json(error('Cannot apply chat template'), 404), 'rejected'],
      [text('Not Found', 404, 'application/json'), 'protocol'],
      [json(error('generation thread died'), 404), 'dead'],
      [json(error('slow down'), 429), 'rate-limited'],
      [json(error('broken'), 500), 'status'],
      [json({ error: { message: 'Loading model', code: 503 } }, 503), 'loading'],
      [json(error('busy'), 503), 'overloaded'],
      [json(error('overloaded'), 529), 'overloaded'],
    ] as const;
    for (const [reply, fault] of cases) {
      fake.next(reply);
      const { detail } = await faultOf(backend.open(request(), never()), fault);
      assert.equal(detail.httpStatus, reply.status);
      assert.equal(gate.idle, true);
    }
  });

  fact('what a server says of a retry is kept', async ({ fake, backend }) => {
    fake.next(json({ error: 'busy' }, 503, { 'retry-after': '7' }));
    assert.equal((await faultOf(answer(backend), 'overloaded')).detail.retryAfterS, 7);
    fake.next(json({ error: 'busy' }, 503));
    assert.equal((await faultOf(answer(backend), 'overloaded')).detail.retryAfterS, undefined);
  });

  fact('a redirect is not followed', async ({ fake, backend }) => {
    const other = await startFakeChat('lmstudio');
    try {
      fake.next({ status: 307, headers: { location: `${other.url}/v1/chat/completions` }, parts: [] });
      const error = await faultOf(answer(backend), 'protocol');
      assert.match(error.message, /redirect \(HTTP 307\)/);
      assert.equal(other.requests.length, 0);
    } finally {
      await other.close();
    }
  });

  fact('a page of HTML is named and not quoted', async ({ fake, backend, gate }) => {
    fake.next(html);
    const error = await faultOf(backend.open(request(), never()), 'protocol');
    assert.match(error.message, /HTTP 200 and text\/plain|HTTP 200 and text\/html/);
    assert.doesNotMatch(error.message, /hotel|</);
    fake.next(text('Sign in to the <b>hotel</b> network', 200, 'text/html'));
    assert.doesNotMatch((await faultOf(answer(backend), 'protocol')).message, /hotel|</);
    assert.equal(gate.idle, true);
  });

  fact('an error under HTTP 200 is an error', async ({ fake, backend, gate }) => {
    fake.next(json({ error: 'Unexpected endpoint or method. (POST /v1/x)' }));
    await faultOf(backend.open(request(), never()), 'protocol');
    fake.next(json({ error: { message: 'No models loaded. Please load a model' } }));
    await faultOf(backend.open(request(), never()), 'loading');
    assert.equal(gate.idle, true);
  });

  fact('a whole answer where a stream was asked for is none', async ({ fake, backend }) => {
    fake.next(json({ id: 'x', content: [{ type: 'text', text: 'secret words' }], choices: [] }));
    const error = await faultOf(answer(backend), 'protocol');
    assert.doesNotMatch(error.message, /secret/);
  });

  fact('a stream without a word is no answer', async ({ fake, backend, gate }) => {
    fake.next(eventStream([]));
    await faultOf(answer(backend), 'truncated');
    assert.equal(gate.idle, true);
  });

  fact('an event that is no JSON is a fault, and nothing of it is passed on', async ({ fake, backend }) => {
    fake.next(eventStream(['data: {"oops\n\n']));
    await faultOf(answer(backend), 'protocol');
  });

  fact('an overflow is recognised with both figures', async ({ fake, backend }) => {
    fake.next(fake.overflow);
    const { detail } = await faultOf(answer(backend), 'overflow');
    assert.deepEqual(detail.overflow, { promptTokens: 9021, windowTokens: 8192 });
  });

  fact(
    'a client that leaves before the headers takes the request with it',
    async ({ fake, backend, gate }) => {
      fake.next(stall);
      const client = new AbortController();
      const opening = backend.open(request(), client.signal);
      const seen = await fake.post(0);
      const reason = new Error('the client has left');
      client.abort(reason);
      await assert.rejects(opening, reason);
      assert.equal(await seen.ended, 'client-left');
      assert.equal(gate.idle, true);
    },
  );

  for (const when of ['prefill', 'middle'] as const) {
    fact(
      `a client that leaves in the ${when} of an answer closes the connection`,
      async ({ fake, backend, gate }) => {
        fake.next(fake.says({ text: 'Am Brunnen wird er gefüllt.', [when]: new Promise(() => {}) }));
        const client = new AbortController();
        const reason = new Error('the client has left');
        const opened = await backend.open(request(), client.signal);
        const reading = readUntilQuiet(opened.items, when === 'middle');
        const seen = await fake.post(0);
        await reading.begun;
        client.abort(reason);
        await assert.rejects(reading.ended, reason);
        assert.equal(await seen.ended, 'client-left');
        assert.equal(gate.idle, true);
      },
    );
  }

  fact(
    'a client that leaves between the headers and the first read frees the gate',
    async ({ fake, backend, gate }) => {
      fake.next(fake.says({ text: 'Am Brunnen.', prefill: new Promise(() => {}) }));
      const client = new AbortController();
      await backend.open(request(), client.signal);
      client.abort(new Error('the client has left'));
      assert.equal(await (await fake.post(0)).ended, 'client-left');
      assert.equal(gate.idle, true);
    },
  );

  fact('leaving the loop closes the connection', async ({ fake, backend, gate }) => {
    fake.next(fake.says({ text: 'Am Brunnen wird er gefüllt.', middle: new Promise(() => {}) }));
    const { items } = await backend.open(request(), never());
    for await (const item of items) if (item.type === 'content_block_delta') break;
    assert.equal(await (await fake.post(0)).ended, 'client-left');
    assert.equal(gate.idle, true);
  });

  for (const [when, budget, reply] of [
    ['before the headers', 'firstTokenMs', () => stall],
    ['in a prefill', 'firstTokenMs', (fake) => fake.says({ text: 'x', prefill: new Promise(() => {}) })],
    ['in an answer', 'idleMs', (fake) => fake.says({ text: 'Am Brunnen.', middle: new Promise(() => {}) })],
  ] as const satisfies readonly (readonly [string, keyof Budgets, (fake: Speaker) => Reply])[]) {
    fact(`a server that falls silent ${when} has stalled`, async ({ fake }, t) => {
      const budgets = { ...PATIENT, [budget]: budget === 'idleMs' ? 40 : () => 40 };
      const { backend, gate } = open(t, dialect, { url: fake.url, gate: gateOf(1), budgets });
      fake.next(reply(fake));
      await faultOf(answer(backend), 'stalled');
      assert.equal(await (await fake.post(0)).ended, 'client-left');
      assert.equal(fake.posts.length, 1, 'and the request is not sent again');
      assert.equal(gate.idle, true);
    });
  }

  fact('a client that is slow to read is no fault of the backend', async ({ fake }, t) => {
    const budgets = { ...PATIENT, idleMs: 200 };
    const { backend } = open(t, dialect, { url: fake.url, gate: gateOf(1), budgets });
    const rest = Promise.withResolvers<void>();
    const reply = fake.says({ text: 'Am Brunnen.', middle: rest.promise });
    const hold = reply.parts.findIndex((part) => typeof part === 'object' && 'until' in part);
    // The second delta comes by itself: from the first on, the smaller budget counts.
    fake.next({ ...reply, parts: reply.parts.toSpliced(hold - 1, 0, { pauseMs: 30 }) });
    const { items } = await backend.open(request(), never());
    let deltas = 0;
    let last = '';
    for await (const item of items) {
      last = item.type;
      if (item.type !== 'content_block_delta' || ++deltas !== 2) continue;
      await sleep(500);
      rest.resolve();
    }
    assert.equal(last, 'message_stop');
  });

  fact('an event without an end is given up', async ({ fake, backend, gate }) => {
    fake.next(eventStream([`data: {"x":"${'a'.repeat(17 * 1024 * 1024)}`], 'open'));
    await faultOf(answer(backend), 'protocol');
    assert.equal(gate.idle, true);
  });

  if (!dialect.hasGate) continue;

  fact('a model that has to be loaded first has the time for it', async ({ fake }, t) => {
    const budgets = { firstTokenMs: () => 60_000, idleMs: 60_000, loadMs: 40 };
    const loading = open(t, dialect, { url: fake.url, gate: gateOf(1), budgets, loaded: false });
    fake.next(stall);
    const error = await faultOf(loading.backend.open(request(), never()), 'stalled');
    assert.match(error.message, /no sign of life/, 'the budget for loading was the one that counted');
  });

  fact('a client that leaves the queue was never sent on', async ({ fake, backend, gate }) => {
    const release = Promise.withResolvers<void>();
    fake.next(held(fake.says('first'), release.promise));
    const first = answer(backend);
    await fake.post(0);
    const client = new AbortController();
    const reason = new Error('the client has left');
    const second = backend.open(request(), client.signal);
    assert.equal(gate.queued, 1);
    client.abort(reason);
    await assert.rejects(second, reason);
    assert.equal(gate.queued, 0);
    release.resolve();
    await first;
    assert.equal(fake.posts.length, 1);
    assert.equal(gate.idle, true);
  });

  fact('never more than the gate lets through, in their order, and none is lost', async ({ fake }, t) => {
    const { backend, gate } = open(t, dialect, { url: fake.url, gate: gateOf(2) });
    const admitted: number[] = [];
    const turns = Array.from({ length: 8 }, (_, turn) => turn);
    const asked = turns.map((turn) => answer(backend, request({ onAdmitted: () => admitted.push(turn) })));
    for (const { message } of await Promise.all(asked)) assert.ok(message);
    assert.deepEqual(admitted, turns);
    assert.ok(fake.maxActive <= 2);
    assert.equal(gate.idle, true);
  });

  fact('what it took to write the request is told once, before its turn has come', async ({ backend }) => {
    const told: (number | 'admitted')[] = [];
    await answer(
      backend,
      request({ onTranslated: (ms) => told.push(ms), onAdmitted: () => told.push('admitted') }),
    );
    const [first, ...rest] = told;
    assert.ok(typeof first === 'number' && first > 0);
    assert.deepEqual(rest, ['admitted']);
  });

  fact('a stop sequence ends the answer here and at the server', async ({ fake, backend, gate }) => {
    const rest = Promise.withResolvers<void>();
    fake.next(fake.says({ text: 'abSTOPcd efgh ijkl mnop', middle: rest.promise }));
    const conversation = { ...CONVERSATION, stopSequences: ['STOP'] };
    const { message } = await answer(backend, request({ conversation }));
    assert.deepEqual(message?.content, [{ type: 'text', text: 'ab' }]);
    assert.equal(message?.stop_sequence, 'STOP');
    const { ended } = await fake.post(0);
    await Promise.race([ended, sleep(300)]);
    rest.resolve();
    assert.equal(await ended, 'client-left', 'nobody reads on');
    assert.equal(gate.idle, true);
  });

  fact('a complete answer without content is no answer', async ({ fake, backend }) => {
    fake.next(fake.says({}));
    await faultOf(answer(backend), 'empty');
  });
}

async function stage(t: TestContext, dialect: Dialect): Promise<Stage> {
  const fake = await dialect.start();
  t.after(() => fake.close());
  return { fake, ...open(t, dialect, { url: fake.url, gate: gateOf(1) }) };
}

function open(
  t: TestContext,
  dialect: Dialect,
  options: { url: string; gate: Gate; budgets?: Budgets; loaded?: boolean },
): Pick<Stage, 'backend' | 'gate'> {
  const { url, gate, budgets = PATIENT, loaded } = options;
  const { flavour } = dialect;
  const status = {
    state: 'up',
    ...(flavour && { flavour }),
    ...(loaded !== undefined && { loaded }),
  } as const;
  const backend = dialect.create(optionsFor(url, { gate, budgets, status }));
  t.after(() => backend.close());
  return { backend, gate };
}

/** Whatever of a call gets out is all of it; frames of the Claude API pass as they are. */
async function expectCut(backend: Backend, { flavour }: Dialect): Promise<void> {
  const { items } = await backend.open(request(), never());
  const frames: Frame[] = [];
  const reading = (async () => {
    for await (const item of items) if (isFrame(item)) frames.push(item);
  })();
  await faultOf(reading, 'truncated', 'reset');
  assert.ok(!frames.some(({ type }) => type === 'message_stop'));
  const calls = frames.flatMap((frame) =>
    frame.type === 'content_block_delta' && frame.delta.type === 'input_json_delta'
      ? [frame.delta.partial_json]
      : [],
  );
  if (flavour !== 'claude') assert.ok(['', CALL.arguments].includes(calls.join('')));
}

const CALL = { name: 'Edit', arguments: '{"path":"/é"}' };

/** Reads on; `begun` once the answer has begun (`content`: with a delta of it). */
function readUntilQuiet(
  items: AsyncIterable<StreamItem>,
  content: boolean,
): { readonly begun: Promise<void>; readonly ended: Promise<void> } {
  const begun = Promise.withResolvers<void>();
  if (!content) begun.resolve();
  const ended = (async () => {
    for await (const item of items) if (item.type === 'content_block_delta') begun.resolve();
  })();
  ended.catch(() => {});
  return { begun: begun.promise, ended };
}
