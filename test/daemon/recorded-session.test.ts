// A day's session in the shapes that Claude Code 2.1.330 was seen to send, through a real daemon: what must break
// nothing breaks nothing, byte for byte, and every true break is named with its cause.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { runExplain } from '../../cli/explain.ts';
import { databasePath } from '../../daemon/state.ts';
import type { RequestsTable } from '../../store/schema.ts';
import type { Seen } from '../fake/chat.ts';
import { type PrefixServer, startPrefixServer } from '../fixture/prefix-server.ts';
import { namedTool, type RequestBody, Session, type SessionOptions } from '../fixture/session.ts';
import {
  subagentHeaders,
  subagentRequest,
  titleRequest,
  webSearchRequest,
} from '../fixture/side-requests.ts';
import { openStage, type Stage } from './guardian-stage.ts';

type Theatre = { readonly server: PrefixServer; readonly stage: Stage };

async function open(t: TestContext, settings: object = {}): Promise<Theatre> {
  const server = await startPrefixServer();
  t.after(() => server.close());
  return { server, stage: await openStage(t, server.url, settings) };
}

/** A morning's work up to here, always the same: what another process of the client would send again. */
function morning(options: SessionOptions = {}): Session {
  return new Session(options)
    .useTools([
      { name: 'Read', input: { file_path: 'kettle.ts' } },
      { name: 'Bash', input: { command: 'ls' } },
    ])
    .answer()
    .ask('And the well?')
    .useTools([{ name: 'Bash', input: { command: 'git status' } }])
    .answer()
    .ask('Thank you.');
}

test('reading, tool search, plan mode, reminders and interrupted prompts break nothing', async (t) => {
  const { server, stage } = await open(t);
  const session = new Session();
  const steps: readonly (() => unknown)[] = [
    () =>
      session.useTools([
        { name: 'Read', input: {} },
        { name: 'Bash', input: {} },
      ]),
    () => session.loadTools('WebFetch', 'Monitor'),
    () => session.useTools([{ name: 'WebFetch', input: { url: 'x' } }]).remind('Mind the list.'),
    () => session.answer().ask('Plan it.').enterPlanMode(),
    () => session.useTools([{ name: 'Read', input: {} }]).leavePlanMode(),
    () => session.loadTools('NotebookEdit'),
    () => session.answer().ask('Stop.'),
    // Esc: the prompt that was not answered shares its message with the next one.
    () => session.ask('Go on.'),
    () => session.answer().ask('And then?'),
  ];
  await stage.ask(session);
  for (const step of steps) {
    step();
    await stage.ask(session);
  }
  assertEachExtends(server.posts);
  const rows = await stage.rows();
  assert.equal(rows.length, steps.length + 1);
  assert.deepEqual(breaksOf(rows), []);
  assert.ok(rows.slice(1).every(({ cached_tokens }) => (cached_tokens ?? 0) > 8000));
});

test('background agents, titles and searches beside the conversation break neither it nor each other', async (t) => {
  const { server, stage } = await open(t);
  const session = new Session().useTools([{ name: 'Agent', input: {} }]);
  await stage.ask(session);
  const agents = ['a1', 'a2'].map((id) => ({ id, body: subagentRequest({ prompt: `Find ${id}.` }) }));
  for (const round of [0, 1]) {
    await Promise.all([
      ...agents.map(({ id, body }) => stage.send(grown(body, round), subagentHeaders(id))),
      stage.send(titleRequest(), session.headers()),
      stage.send(webSearchRequest(), session.headers()),
    ]);
    session.answer().notify(`a${round}`);
    await stage.ask(session);
  }
  assertEachExtends(server.posts.filter(({ json }) => systemOf(json).includes('[[system 2]]')));
  assert.deepEqual(breaksOf(await stage.rows()), []);
});

test('a session that is continued by another process, with another billing block and other files changed, goes on', async (t) => {
  const { server, stage } = await open(t);
  await stage.ask(morning());
  // Version 2.1.330 keeps the git status that its first message was sent with.
  await stage.ask(morning({ nonce: '9c4' }).answer().ask('Good morning.'));
  await stage.ask(morning({ nonce: 'off' }).answer().ask('Good morning.').answer().ask('Go on.'));
  assertEachExtends(server.posts);
  assert.deepEqual(breaksOf(await stage.rows()), []);
});

test('a new session after a commit breaks nothing, and finds system text and tools warm', async (t) => {
  const { stage } = await open(t);
  await stage.ask(new Session({ gitStatus: 'M kettle.ts' }));
  const sessionId = '00000000-0000-4000-8000-000000000002';
  await stage.ask(
    new Session({ gitStatus: '?? well.ts', sessionId, nonce: '77e', prompt: 'Empty the well.' }),
  );
  const rows = await stage.rows();
  assert.deepEqual(breaksOf(rows), []);
  const { cached_tokens: cached, prompt_tokens: all } = rows[1] ?? {};
  assert.ok((cached ?? 0) > 0.9 * (all ?? 0), `${cached} of ${all} tokens`);
});

test('version 2.1.197 takes a new git status into a continued session: the one message is named', async (t) => {
  const { stage } = await open(t);
  await stage.ask(morning({ version: '2.1.197', gitStatus: 'M kettle.ts' }));
  await stage.ask(morning({ version: '2.1.197', gitStatus: '?? well.ts' }).answer().ask('Good morning.'));
  const [found] = breaksOf(await stage.rows());
  assert.equal(found?.cause, 'history-rewritten');
  assert.equal(found?.detail, 'history rewritten at message 1 of 9 (the git status)');
  assert.ok((found?.tokens ?? 0) < 2000, `${found?.tokens} tokens: system text and tools stay warm`);
});

test('a compaction is one break, named with its messages; what follows goes on', async (t) => {
  const { server, stage } = await open(t);
  const session = morning().loadTools('WebFetch');
  await stage.ask(session);
  await stage.send(session.compactBody(), session.headers());
  const next = session.compact();
  await stage.ask(next);
  await stage.ask(next.answer().ask('And then?'));
  assertEachExtends(server.posts.slice(2));
  const found = breaksOf(await stage.rows());
  assert.deepEqual(
    found.map(({ cause, detail }) => [cause, detail]),
    [['history-compacted', 'history compacted: 11 messages became 1; tool list: +1 tool WebFetch']],
  );
});

test('every other true break is named with its cause, what changed first and what it cost', async (t) => {
  const { server, stage } = await open(t);
  const session = morning({ toolSearch: 'off' });
  const headers = session.headers();
  const body = session.body();
  const ask = (changes: Partial<RequestBody>) => stage.send({ ...body, ...changes }, headers);
  const tools = body.tools ?? [];
  const [first, ...others] = tools;
  assert.ok(first);
  await ask({});
  await ask({ tools: [namedTool('mcp__orchard__water'), ...tools] });
  await ask({ tools });
  await ask({ tools: [{ ...first, description: 'Another.' }, ...others] });
  await ask({ tools });
  await ask({
    tools,
    system: (body.system ?? []).map((block) => ({ ...block, text: swapped(block['text']) })),
  });
  await ask({});
  await ask({ messages: body.messages.filter((_, at) => at < 4) });
  await ask({ messages: body.messages.map((message, at) => (at === 2 ? cleared(message) : message)) });
  await ask({ model: 'local-other', system: [{ type: 'text', text: 'Quite another guide.' }] });
  await ask({ model: 'local-other', system: [{ type: 'text', text: 'Quite another guide.' }] });
  server.forget();
  await ask({ model: 'local-other', system: [{ type: 'text', text: 'Quite another guide.' }] });
  const rows = await stage.rows();
  assert.deepEqual(
    rows.map(({ break_cause: cause, break_segment: segment }) =>
      cause === null ? '-' : `${cause} ${segment}`,
    ),
    [
      '-',
      'tools-added tools',
      'tools-removed tools',
      'tools-changed tools',
      'tools-changed tools',
      'system-changed system',
      'system-changed system',
      'history-rewritten messages',
      'history-rewritten messages',
      'model-changed system',
      '-',
      'server-lost server',
    ],
  );
  const details = rows.map(({ break_detail: detail }) => detail ?? '');
  assert.equal(details[1], 'tool list: +1 tool mcp__orchard__water');
  assert.match(details[5] ?? '', /^system text: 12 characters changed at [\d,]+ of [\d,]+$/);
  assert.match(details[9] ?? '', /^the client asks for the model local-other in place of local-main; system/);
  const added = rows[1];
  // The whole list stands behind the new tool, and all messages behind the list.
  assert.ok((added?.break_tokens ?? 0) > 0.8 * (added?.prompt_tokens ?? 0), `${added?.break_tokens} tokens`);
  // System text, tools and what was sent of the messages are where they were.
  assert.ok(
    (rows[7]?.break_tokens ?? Number.NaN) < 200,
    `${rows[7]?.break_tokens} tokens of a rewound history`,
  );
  assert.equal(rows[11]?.break_tokens, rows[11]?.prompt_tokens);
  const quoted = ['kettle', 'guide', 'Another.'].filter((word) => details.join().includes(word));
  assert.deepEqual(quoted, []);
});

test('a break with its cost is in the metrics, in explain and, by its cause alone, in nothing else', async (t) => {
  const { server, stage } = await open(t);
  const session = morning();
  for (let round = 0; round < 4; round += 1) await stage.ask(session.answer().ask('And?'));
  server.answer = { text: 'Late.', prefill: new Promise((resolve) => setTimeout(resolve, 300)) };
  const body = session.answer().ask('And now?').body();
  await stage.send({ ...body, tools: [namedTool('mcp__x__y'), ...(body.tools ?? [])] }, session.headers());
  const page = await stage.metrics();
  const series = 'anyclaude_cache_breaks_total{backend="mlx-lm",cause="tools-added"} 1';
  assert.ok(page.includes(series), series);
  assert.match(page, /anyclaude_cache_break_tokens_total\{backend="mlx-lm"\} [1-9]/);
  assert.match(
    page,
    /anyclaude_cache_saved_seconds_total\{backend="mlx-lm",evidence="reported"\} [\d.e-]+\n/,
  );
  const broken = (await stage.rows()).at(-1);
  assert.equal(broken?.break_seconds_basis, 'measured');
  assert.ok((broken?.break_seconds ?? 0) > 0.1, `${broken?.break_seconds} s`);
  const screen = await explained(stage.home, '-1');
  assert.match(
    screen,
    /^Cache break \(tools-added\): tool list: \+1 tool mcp__x__y; \d+ tokens had to be computed again, which took 0\.\d\d s more \(measured\)$/m,
  );
});

// ---- Reading what came of it --------------------------------------------------------------------------

type Found = { readonly cause: string; readonly detail: string | null; readonly tokens: number | null };

function breaksOf(rows: readonly RequestsTable[]): readonly Found[] {
  return rows.flatMap(({ break_cause: cause, break_detail: detail, break_tokens: tokens }) =>
    cause === null ? [] : [{ cause, detail, tokens }],
  );
}

async function explained(home: string, asked: string): Promise<string> {
  let screen = '';
  const stdout = { write: (text: string) => (screen += text) };
  const wide = { columns: 200, colour: false, unicode: true };
  const io = { stdout, stderr: stdout, screen: wide, nowMs: Date.now(), databasePath: databasePath(home) };
  await runExplain(asked, {}, io);
  return screen;
}

/** Tools and messages, byte for byte; the last message may have grown. */
function assertEachExtends(posts: readonly Seen[]): void {
  assert.ok(posts.length > 1);
  for (const [at, { json }] of posts.entries()) {
    const before = posts[at - 1]?.json;
    if (before === undefined) continue;
    assert.equal(JSON.stringify(json['tools']), JSON.stringify(before['tools']), `tools of request ${at}`);
    const [earlier, later] = [messagesOf(before), messagesOf(json)];
    const last = earlier.length - 1;
    assert.deepEqual(later.slice(0, last), earlier.slice(0, last), `messages of request ${at}`);
    const grownFrom = (earlier[last] ?? '').replace(/"?\]?\}$/, '');
    assert.ok(later[last]?.startsWith(grownFrom), `the last message of request ${at - 1} in request ${at}`);
  }
}

function messagesOf(json: Seen['json']): readonly string[] {
  return (json['messages'] as readonly unknown[]).map((message) => JSON.stringify(message));
}

function systemOf(json: Seen['json']): string {
  return messagesOf(json)[0] ?? '';
}

function grown(body: RequestBody, rounds: number): RequestBody {
  const more = Array.from({ length: rounds }, (_, at): RequestBody['messages'] => [
    { role: 'assistant', content: `I looked ${at}.` },
    { role: 'user', content: `Look again ${at}.` },
  ]);
  return { ...body, messages: [...body.messages, ...more.flat()] };
}

/** Twelve characters in the middle of a long text. */
function swapped(text: unknown): string {
  const words = String(text);
  return words.length < 1000 ? words : `${words.slice(0, 500)}${'#'.repeat(12)}${words.slice(512)}`;
}

function cleared(message: RequestBody['messages'][number]): RequestBody['messages'][number] {
  return { ...message, content: 'cleared' };
}
