import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import {
  ask,
  breaksAfter,
  calls,
  closing,
  type Harness,
  hangs,
  opening,
  post,
  refuses,
  SESSION,
  says,
  startHarness,
} from './harness.ts';

let h: Harness;
beforeEach(async () => {
  h = await startHarness();
});
afterEach(() => h.close());

test('a question is answered by the analysis backend, and the reply says so', async () => {
  h.mlx.scripts = [says('It returns a number.', { promptTokens: 100, cachedTokens: 60, outputTokens: 5 })];
  const reply = await post(h.url, ask('What does total() return?'));

  assert.equal(reply.status, 200);
  assert.equal(reply.headers.get('x-anyclaude-backend'), 'mlx-lm');
  assert.equal(reply.headers.get('x-anyclaude-task'), 'analysis');
  assert.equal(reply.headers.get('x-anyclaude-reason'), 'follows-task');
  assert.equal(reply.headers.get('x-anyclaude-request-id'), 'req_1');
  assert.match(await reply.text(), /It returns a number/);
  const outcome = await h.outcome();
  assert.deepEqual(outcome.ending, { result: 'completed' });
  assert.deepEqual(outcome.cache, { evidence: 'reported', promptTokens: 100, cachedTokens: 60 });
  assert.equal(outcome.answeredBy, 'mlx-lm');
  assert.equal(outcome.sessionId, SESSION);
  assert.equal(outcome.outputTokens, 5);
  assert.ok(outcome.ttftMs !== undefined && outcome.ttftMs <= outcome.durationMs);
});

test('an edit goes to the edit backend and stays there through its tool loop', async () => {
  h.lmstudio.scripts = [calls('toolu_1', 'Read', { file_path: '/a' }), says('Done.')];
  const first = ask('Fix the rounding bug in src/cart.js.');
  await (await post(h.url, first)).text();
  const messages = [
    { role: 'user', content: 'Fix the rounding bug in src/cart.js.' },
    {
      role: 'assistant',
      content: [{ type: 'tool_use', id: 'toolu_1', name: 'Read', input: { file_path: '/a' } }],
    },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'text' }] },
  ];
  const reply = await post(h.url, ask('', { messages }));
  await reply.text();

  assert.equal(reply.headers.get('x-anyclaude-backend'), 'lmstudio');
  assert.equal(h.lmstudio.asked.length, 2);
  assert.equal(h.mlx.asked.length, 0);
  assert.deepEqual((await h.outcome(0)).toolCalls, ['Read']);
});

const TOOL = { name: 'Report', description: 'Reports.', input_schema: { type: 'object', properties: {} } };

for (const tool_choice of [{ type: 'any' }, { type: 'tool', name: 'Report' }]) {
  test(`a question that insists on a tool never reaches mlx_lm.server (${tool_choice.type})`, async () => {
    h.mlx.status = { state: 'up', flavour: 'mlx-lm' };
    h.lmstudio.scripts = [calls('toolu_1', 'Report', {})];
    await h.deps.fleet.probeIdle();
    const question = ask('What does total() return?', { tools: [TOOL], tool_choice });
    const reply = await post(h.url, question);

    assert.equal(reply.headers.get('x-anyclaude-backend'), 'lmstudio');
    assert.equal(reply.headers.get('x-anyclaude-reason'), 'unsupported');
    assert.match(await reply.text(), /"tool_use"/);
    assert.equal(h.mlx.asked.length, 0);

    h.lmstudio.status = { state: 'down', lastError: 'It is gone.' };
    await h.deps.fleet.probeIdle();
    const refused = await post(h.url, question);
    assert.ok(refused.status >= 400);
    assert.match(await refused.text(), /mlx-lm cannot be made to call a tool/);
    assert.equal(h.mlx.asked.length, 0);
  });
}

test('a free choice of tools may go to mlx_lm.server', async () => {
  h.mlx.status = { state: 'up', flavour: 'mlx-lm' };
  await h.deps.fleet.probeIdle();
  const free = { tools: [TOOL], tool_choice: { type: 'auto' } };
  const reply = await post(h.url, ask('What does total() return?', free));
  await reply.text();
  assert.equal(reply.headers.get('x-anyclaude-backend'), 'mlx-lm');
});

test('the official client reads the stream and the folded message alike', async () => {
  h.mlx.scripts = [says('Hello there.')];
  const client = new Anthropic({ baseURL: h.url, apiKey: 'k', maxRetries: 0 });
  const request = {
    model: 'claude-anyclaude',
    max_tokens: 8,
    messages: [{ role: 'user' as const, content: 'hi?' }],
  };
  const streamed = await client.messages.stream(request).finalMessage();
  const whole = await client.messages.create(request);
  assert.deepEqual(streamed.content, whole.content);
  assert.equal(whole.stop_reason, 'end_turn');
});

test('a backend that fails before its first content is left for the next one, unseen', async () => {
  h.mlx.scripts = [refuses('connect')];
  h.lmstudio.scripts = [says('From the other one.')];
  const reply = await post(h.url, ask('What is this?'));
  assert.equal(reply.status, 200);
  assert.equal(reply.headers.get('x-anyclaude-backend'), 'lmstudio');
  assert.match(await reply.text(), /From the other one/);
  const { attempts, answeredBy } = await h.outcome();
  assert.equal(answeredBy, 'lmstudio');
  assert.deepEqual(
    attempts.map(({ backend, fault }) => [backend, fault]),
    [['mlx-lm', 'connect']],
  );
});

test('a backend that was refused a connection is passed over by the next request', async () => {
  h.mlx.scripts = [refuses('connect'), says('never asked')];
  h.mlx.status = { state: 'down' };
  await (await post(h.url, ask('What is this?'))).text();
  const reply = await post(h.url, ask('And this?'));
  await reply.text();
  assert.equal(reply.headers.get('x-anyclaude-backend'), 'lmstudio');
  assert.equal(h.mlx.asked.length, 1);
});

test('after the first content a failure is told, and no other backend is asked', async () => {
  h.mlx.scripts = [breaksAfter('half an ans', 'truncated')];
  const text = await (await post(h.url, ask('What is this?'))).text();
  assert.match(text, /half an ans/);
  assert.match(text, /event: error\ndata: .*"type":"api_error"/);
  assert.doesNotMatch(text, /message_stop|end_turn/);
  assert.equal(h.lmstudio.asked.length, 0);
  assert.deepEqual((await h.outcome()).ending, { result: 'failed', phase: 'mid-stream', fault: 'truncated' });
});

test('a request that is not streamed fails over even after content, and shows one answer only', async () => {
  h.mlx.scripts = [breaksAfter('half an ans', 'reset')];
  h.lmstudio.scripts = [says('Whole.')];
  const reply = await post(h.url, ask('What is this?', { stream: false }));
  const message = (await reply.json()) as Anthropic.Message;
  assert.deepEqual(message.content, [{ type: 'text', text: 'Whole.' }]);
});

test('a broken tool call gets one try at the next backend and not more', async () => {
  h.mlx.scripts = [refuses('bad-tool-call')];
  h.lmstudio.scripts = [refuses('bad-tool-call')];
  const reply = await post(h.url, ask('What is this?'));
  assert.equal(reply.status, 502);
  const { ending, invalidToolCalls } = await h.outcome();
  assert.deepEqual(ending, { result: 'failed', phase: 'before-first-token', fault: 'bad-tool-call' });
  assert.equal(invalidToolCalls, 2);
});

test('where no backend answers, one sentence names each, its address and how to start it', async () => {
  h.mlx.scripts = [refuses('connect', 'mlx-lm refused the connection.', { backend: 'mlx-lm' })];
  h.lmstudio.scripts = [refuses('connect', 'lmstudio refused the connection.', { backend: 'lmstudio' })];
  const reply = await post(h.url, ask('What is this?'));
  assert.equal(reply.status, 502);
  assert.equal(reply.headers.get('x-should-retry'), 'false');
  const { error } = (await reply.json()) as { error: { message: string } };
  assert.match(error.message, /mlx-lm refused the connection.*mlx_lm\.server/);
  assert.match(error.message, /lmstudio refused the connection.*lms server start/);
});

test('where all backends are believed down, the refusal names each with its address', async () => {
  for (const backend of [h.mlx, h.lmstudio]) {
    backend.status = { state: 'down', lastError: 'ECONNREFUSED' };
    backend.scripts = [refuses('connect')];
  }
  await (await post(h.url, ask('What is this?'))).text();
  const reply = await post(h.url, ask('What is this?'));
  assert.equal(reply.status, 502);
  assert.equal(reply.headers.get('x-should-retry'), 'false');
  const text = await reply.text();
  assert.match(text, /mlx-lm at http:\/\/127\.0\.0\.1:8081 .*mlx_lm\.server/);
  assert.match(text, /lmstudio at http:\/\/127\.0\.0\.1:1234 .*lms server start/);
  assert.deepEqual((await h.outcome(1)).ending, { result: 'refused', refusal: 'no-backend' });
});

test('an overflow is told in the words that make Claude Code compact', async () => {
  const overflow = { overflow: { promptTokens: 9021, windowTokens: 8192 } };
  h.mlx.scripts = [refuses('overflow', 'too long', overflow)];
  h.lmstudio.scripts = [refuses('overflow', 'too long', overflow)];
  const reply = await post(h.url, ask('What is this?'));
  assert.equal(reply.status, 400);
  const { error } = (await reply.json()) as { error: { type: string; message: string } };
  assert.equal(error.type, 'invalid_request_error');
  assert.equal(error.message, 'prompt is too long: 9021 tokens > 8192 maximum');
});

for (const stream of [true, false]) {
  test(`a client that leaves aborts the backend (stream: ${stream})`, async () => {
    const client = new AbortController();
    h.mlx.scripts = [hangs(() => client.abort())];
    const reply = post(h.url, ask('What is this?', { stream }), { signal: client.signal });
    await assert.rejects(reply, { name: 'AbortError' });
    const outcome = await h.outcome();
    assert.deepEqual(outcome.ending, { result: 'cancelled', phase: 'before-first-token' });
    assert.equal(h.mlx.ended, 1);
    assert.equal(outcome.ttftMs, undefined);
    assert.deepEqual(outcome.cache, { evidence: 'none' });
  });
}

test('a silent backend is bridged by headers, message_start and pings, and may still be left for another', async () => {
  await h.close();
  h = await startHarness({ commitAfterMs: 0, pingEveryMs: 1000 });
  let release = (): void => {};
  h.mlx.scripts = [
    async function* () {
      yield { type: 'alive' as const };
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      yield* breaksAfterNothing();
    },
  ];
  h.lmstudio.scripts = [says('Here at last.')];
  const reply = await post(h.url, ask('What is this?'));
  const reader = reply.body?.getReader();
  const first = new TextDecoder().decode((await reader?.read())?.value);
  assert.match(first, /event: message_start/);
  release();
  let rest = first;
  for (let chunk = await reader?.read(); chunk && !chunk.done; chunk = await reader?.read()) {
    rest += new TextDecoder().decode(chunk.value);
  }
  assert.match(rest, /event: ping/);
  assert.equal(rest.match(/event: message_start/g)?.length, 1);
  assert.match(rest, /Here at last/);
  assert.equal(
    reply.headers.get('x-anyclaude-backend'),
    'mlx-lm',
    'the headers name the backend of that moment',
  );
  assert.equal((await h.outcome()).answeredBy, 'lmstudio');
});

test('pings go on in mid-answer, while a server writes a tool call and sends nothing of it', async () => {
  await h.close();
  h = await startHarness({ pingEveryMs: 1000 });
  const written = Promise.withResolvers<void>();
  h.mlx.scripts = [
    async function* () {
      yield* opening();
      yield { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } };
      yield { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'I write it.' } };
      yield { type: 'content_block_stop', index: 0 };
      await written.promise;
      yield* closing('end_turn', {});
    },
  ];
  const reply = await post(h.url, ask('What is this?'));
  let heard = '';
  for await (const bytes of reply.body ?? []) {
    heard += new TextDecoder().decode(bytes);
    if (heard.indexOf('event: ping') > heard.indexOf('I write it.')) written.resolve();
  }
  assert.match(heard, /I write it\.[\s\S]*event: ping[\s\S]*event: message_stop/);
});

function breaksAfterNothing() {
  return refuses('reset')({} as never, new AbortController().signal);
}

test('a request that arrives while the daemon drains is told to come again', async () => {
  h.draining = true;
  const reply = await post(h.url, ask('What is this?'));
  assert.equal(reply.status, 503);
  assert.equal(reply.headers.get('x-should-retry'), 'true');
  assert.equal(h.mlx.asked.length, 0);
});

test('a stream that is cut by the end of the daemon ends in an error event', async () => {
  h.mlx.scripts = [
    async function* (request, signal) {
      for await (const item of says('first')(request, signal)) {
        if (item.type === 'content_block_stop') break;
        yield item;
      }
      yield* hangs(() => h.stopping.abort(new Error('stop')))(request, signal);
    },
  ];
  const text = await (await post(h.url, ask('What is this?'))).text();
  assert.match(text, /event: error/);
  assert.deepEqual((await h.outcome()).ending, { result: 'failed', phase: 'mid-stream', fault: 'draining' });
});

test('a bug in a backend ends the request with 500 and leaves the daemon alive', async () => {
  h.mlx.scripts = [
    // biome-ignore lint/correctness/useYield: it never gets that far
    async function* () {
      throw new TypeError('undefined is not a function');
    },
  ];
  const reply = await post(h.url, ask('What is this?'));
  assert.equal(reply.status, 500);
  assert.doesNotMatch(await reply.text(), /undefined is not|\.ts/);
  assert.equal(h.bugs.length, 1);
  assert.equal((await fetch(`${h.url}/healthz`)).status, 200);
});

test('a title is made here, from the prompt, and no backend is asked', async () => {
  const reply = await post(h.url, {
    model: 'local',
    max_tokens: 100,
    tools: [],
    system: [{ type: 'text', text: 'Generate a concise, sentence-case title (3-7 words)' }],
    messages: [{ role: 'user', content: 'fix the rounding of coupons in the cart' }],
    output_config: {
      format: { type: 'json_schema', schema: { type: 'object', properties: { title: { type: 'string' } } } },
    },
  });
  const message = (await reply.json()) as { content: { text: string }[] };
  assert.match(JSON.parse(message.content[0]?.text ?? '').title, /^Fix the rounding/);
  assert.equal(h.mlx.asked.length + h.lmstudio.asked.length, 0);
  const outcome = await h.outcome();
  assert.equal(outcome.kind, 'title');
  assert.equal(outcome.answeredBy, 'daemon');
});

test('every request ends as one outcome, whatever its ending', async () => {
  h.mlx.scripts = [says('a'), refuses('status'), breaksAfter('x', 'reset'), says('b')];
  h.lmstudio.scripts = [refuses('status')];
  for (let i = 0; i < 4; i += 1) await (await post(h.url, ask(`What is number ${i}?`))).text();
  await (await post(h.url, '{"broken')).text();
  await h.outcome(4);
  assert.equal(h.outcomes.length, 5);
  assert.equal(new Set(h.outcomes.map((outcome) => outcome.requestId)).size, 5);
  const { text } = await h.metrics.render();
  const counted = [...text.matchAll(/^anyclaude_requests_total\{.*\} (\d+)$/gm)].map((row) => Number(row[1]));
  assert.equal(
    counted.reduce((sum, n) => sum + n, 0),
    5,
  );
});

test('a client that does not read holds the backend back instead of filling memory', async () => {
  const FRAMES = 2000;
  let produced = 0;
  h.mlx.scripts = [
    async function* (request, signal) {
      const text = 'x'.repeat(64 * 1024);
      for await (const item of says('begin')(request, signal)) {
        if (item.type === 'content_block_stop') break;
        yield item;
      }
      for (; produced < FRAMES; produced += 1) {
        yield { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } };
      }
    },
  ];
  const client = new AbortController();
  const reply = await post(h.url, ask('What is this?'), { signal: client.signal });
  for (let before = -1; before !== produced; ) {
    before = produced;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.ok(
    produced > 0 && produced < FRAMES / 2,
    `${produced} of ${FRAMES} frames were taken from the backend`,
  );
  client.abort();
  await reply.text().catch(() => {});
  assert.equal((await h.outcome()).ending.result, 'cancelled');
});

test('auto mode is pointed out once, and its safety check is never answered', async () => {
  await (await post(h.url, ask('What is this?', { safeguards: [{ type: 'dangerous_tool_use' }] }))).text();
  await (await post(h.url, ask('And this?', { safeguards: [{ type: 'dangerous_tool_use' }] }))).text();
  assert.equal(h.notes.size, 1);
  assert.doesNotMatch(JSON.stringify(h.mlx.asked.map((asked) => asked.conversation)), /dangerous_tool_use/);
});
