// Pauses on the real servers: mlx_lm.server answers the questions, llama.cpp makes the edits.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { loadConfig } from '../../daemon/config/config.ts';
import { type DaemonOptions, type RunningDaemon, startDaemon } from '../../daemon/main.ts';
import { databasePath } from '../../daemon/state.ts';
import type { StatusReport } from '../../daemon/status.ts';
import { filler, say } from './ask.ts';
import { type Engine, startLlama, startMlx, whyNot } from './engines.ts';

const skip = (await whyNot('mlx', console.error)) ?? (await whyNot('llama', console.error)) ?? false;

type Row = Readonly<Record<string, string | number | null>>;
type Site = {
  readonly daemon: RunningDaemon;
  readonly home: string;
  warmups(): readonly Row[];
  /** Those that were answered. */
  requests(): readonly Row[];
};

describe('pauses', { skip }, () => {
  let mlx: Engine;
  let llama: Engine;
  const open: Site[] = [];
  before(async () => {
    [mlx, llama] = await Promise.all([startMlx({ prefillTps: 2000, prefillStepSize: 256 }), startLlama()]);
  });
  afterEach(async () => {
    for (const { daemon, home } of open.splice(0)) {
      await daemon.close();
      await rm(home, { recursive: true, force: true });
    }
  });
  after(async () => {
    await mlx?.stop();
    await llama?.stop();
  });

  async function site(settings: object = {}, pauses: DaemonOptions['pauses'] = {}): Promise<Site> {
    const home = await mkdtemp(join(tmpdir(), 'anyclaude-pauses-'));
    const backends = { 'mlx-lm': { url: mlx.url, contextWindow: 131_072 }, lmstudio: { url: llama.url } };
    const text = JSON.stringify({ mode: 'task', port: 0, backends, drainMs: 500, ...settings });
    const config = loadConfig({
      flags: {},
      env: { ANYCLAUDE_HOME: home },
      file: { path: 'config.json', text },
    });
    const daemon = await startDaemon({
      config,
      version: '0.0.0',
      logStream: { write: () => {} },
      pauses: { settleMs: 20, power: async () => 'mains', ...pauses },
    });
    const made = {
      daemon,
      home,
      warmups: () => rowsOf(home, 'warmups'),
      requests: () => rowsOf(home, 'requests').filter(({ result }) => result === 'completed'),
    };
    open.push(made);
    await until(async () => (await statusOf(daemon)).backends.every(({ state }) => state === 'up'));
    return made;
  }

  it('after a question and a pause, the first edit finds nine tenths of its prompt in llama.cpp', async () => {
    const { daemon, warmups, requests } = await site();
    const first = question('What does the handbook say?');
    const answer = await ask(daemon, { session: 'one', messages: [first] });
    await until(() => warmups().some(({ result }) => result === 'completed'));
    const history = [first, { role: 'assistant', content: answer.content }];
    await ask(daemon, { session: 'one', messages: [...history, edit('Fix the typo in src/a.ts')] });
    await until(() => requests().length === 2 && warmups().some(({ use }) => use !== null));
    const last = requests().at(-1);
    assert.equal(last?.['backend'], 'lmstudio');
    const [cached, prompt] = [Number(last?.['cached_tokens']), Number(last?.['prompt_tokens'])];
    assert.ok(cached >= 0.9 * prompt, `${cached} of ${prompt}`);
    const [run] = warmups();
    assert.equal(run?.['use'], 'used');
    assert.ok(Number(run?.['used_tokens']) >= 0.9 * cached);
    assert.ok(Number(run?.['steps']) > 1, 'in steps');
  });

  it('a request in mid-catch-up cuts it off and is answered; the next pause goes on where it ended', async () => {
    const { daemon, warmups, requests } = await site();
    const first = question('What do the rules say?');
    const answer = await ask(daemon, { session: 'two', messages: [first], lines: 130 });
    await until(async () => (await statusOf(daemon)).keeper.state === 'running');
    await ask(daemon, { session: 'four', messages: [edit('Fix the typo in src/b.ts')], lines: 1 });
    await until(() => warmups().some(({ result }) => result === 'cancelled'));
    assert.equal(warmups()[0]?.['reason'], 'a request came in');
    await until(() =>
      warmups().some(({ session_id, result }) => session_id === idOf('two') && result === 'completed'),
    );
    const history = [first, { role: 'assistant', content: answer.content }];
    await ask(daemon, { session: 'two', messages: [...history, edit('Fix src/c.ts')], lines: 130 });
    await until(() => requests().length === 3);
    const last = requests().at(-1);
    assert.ok(
      Number(last?.['cached_tokens']) >= 0.9 * Number(last?.['prompt_tokens']),
      `${told(last)}; the runs: ${JSON.stringify(warmups())}`,
    );
  });

  it('evicts no conversation that goes on: ten entries are all that mlx_lm.server has', async () => {
    // Edits on llama.cpp, so that mlx_lm.server is the one that catches up.
    const { daemon, warmups, requests } = await site();
    const sessions = ['a', 'bb', 'ccc', 'dddd', 'eeeee', 'ffffff'];
    const asked = new Map<string, readonly object[]>();
    for (const session of sessions) {
      const first = question(`What does ${session} do?`);
      const answer = await ask(daemon, { session, messages: [first], lines: 20 });
      asked.set(session, [first, { role: 'assistant', content: answer.content }]);
    }
    await ask(daemon, { session: 'long', messages: [edit('Fix the typo in src/long.ts')], lines: 120 });
    await until(() =>
      warmups().some(({ backend, session_id }) => backend === 'mlx-lm' && session_id === idOf('long')),
    );
    const before = sessions.length + 1;
    for (const session of sessions) {
      const messages = [...(asked.get(session) ?? []), question('What does it say then?')];
      await ask(daemon, { session, messages, lines: 20 });
    }
    await until(() => requests().length === before + sessions.length);
    for (const row of requests().slice(before)) {
      assert.equal(row['backend'], 'mlx-lm');
      assert.ok(Number(row['cached_tokens']) >= 0.8 * Number(row['prompt_tokens']), told(row));
    }
  });

  it('reads a long prompt in more steps than mlx_lm.server has entries, and pushes nothing out', async (t) => {
    const edits = await startMlx({ prefillTps: 2000, prefillStepSize: 256 });
    t.after(() => edits.stop());
    const backends = { 'mlx-lm': { url: mlx.url, contextWindow: 131_072 }, lmstudio: { url: edits.url } };
    const { daemon, warmups, requests } = await site({ backends }, { stepSeconds: 0.2 });
    const sessions = ['g', 'hh', 'iii'];
    const asked = new Map<string, readonly object[]>();
    for (const session of sessions) {
      const first = question(`What does ${session} hold?`);
      const answer = await ask(daemon, { session, messages: [first], lines: 40, title: session });
      asked.set(session, [first, { role: 'assistant', content: answer.content }]);
    }
    const typo = edit('Fix the typo in src/far.ts');
    const answer = await ask(daemon, { session: 'far', messages: [typo], lines: 400, title: 'far' });
    await until(() =>
      warmups().some(
        ({ backend, session_id, result }) =>
          backend === 'mlx-lm' && session_id === idOf('far') && result === 'completed',
      ),
    );
    const run = warmups().find(({ session_id }) => session_id === idOf('far'));
    assert.deepEqual([run?.['result'], run?.['reason']], ['completed', null]);
    assert.ok(Number(run?.['steps']) > 10, `${run?.['steps']} requests`);
    const before = sessions.length + 1;
    for (const session of sessions) {
      const messages = [...(asked.get(session) ?? []), question('What does it say then?')];
      await ask(daemon, { session, messages, lines: 40, title: session });
    }
    const history = [typo, { role: 'assistant', content: answer.content }];
    const messages = [...history, question('What was it?')];
    await ask(daemon, { session: 'far', messages, lines: 400, title: 'far' });
    await until(() => requests().length === before + sessions.length + 1);
    for (const row of requests().slice(before)) {
      assert.equal(row['backend'], 'mlx-lm');
      assert.ok(Number(row['cached_tokens']) >= 0.8 * Number(row['prompt_tokens']), told(row));
    }
  });

  it('nothing is sent on battery', async () => {
    const { daemon, warmups } = await site({}, { power: async () => 'battery' });
    await ask(daemon, { session: 'three', messages: [question('What is it?')], lines: 1 });
    await until(async () => (await statusOf(daemon)).keeper.state === 'off');
    assert.equal((await statusOf(daemon)).keeper.detail, 'this machine runs on its battery');
    assert.deepEqual(warmups(), []);
  });

  it('a daemon that stops in mid-catch-up ends at once, and its record says how', async () => {
    const { daemon, home } = await site();
    await ask(daemon, { session: 'five', messages: [question('What is there?')], lines: 130 });
    await until(async () => (await statusOf(daemon)).keeper.state === 'running');
    await daemon.close();
    assert.deepEqual(
      rowsOf(home, 'warmups').map(({ result, reason }) => [result, reason]),
      [['cancelled', 'anyclaude was stopped']],
    );
  });

  it('of two cold requests that begin alike the second finds what the first had read', async () => {
    const { daemon, requests } = await site({
      mode: 'mlx-lm',
      backends: {
        'mlx-lm': { url: mlx.url, contextWindow: 131_072, maxConcurrent: 4 },
        lmstudio: { url: llama.url },
      },
    });
    const messages = [question('What is alike?')];
    const ofEach = ['six', 'sevens', 'eighth'].map((session) =>
      ask(daemon, { session, messages, lines: 500 }),
    );
    await Promise.all(ofEach);
    await until(() => requests().length === 3);
    const cached = requests().map((row) => Number(row['cached_tokens']));
    const prompt = Number(requests()[0]?.['prompt_tokens']);
    assert.deepEqual(
      cached.map((tokens) => tokens > 0.9 * prompt).toSorted(),
      [false, true, true],
      `${cached} of ${prompt}`,
    );
  });
});

describe('slots of llama.cpp', { skip }, () => {
  it('subagents leave the slot of the main conversation alone, two at once, too', async (t) => {
    // Without the cache in main memory a slot that is taken is lost.
    const llama = await startLlama({ parallel: 2, contextSize: 8192, cacheRam: 0 });
    t.after(() => llama.stop());
    const home = await mkdtemp(join(tmpdir(), 'anyclaude-slots-'));
    t.after(() => rm(home, { recursive: true, force: true }));
    const text = JSON.stringify({
      ...{ mode: 'lmstudio', port: 0, drainMs: 500, catchUp: { enabled: false } },
      backends: { lmstudio: { url: llama.url }, 'mlx-lm': null },
      routes: { analysis: 'lmstudio', edit: 'lmstudio' },
    });
    const env = { ANYCLAUDE_HOME: home };
    const config = loadConfig({ flags: {}, env, file: { path: 'config.json', text } });
    const daemon = await startDaemon({ config, version: '0.0.0', logStream: { write: () => {} } });
    t.after(() => daemon.close());
    await until(async () => (await statusOf(daemon)).backends.every(({ state }) => state === 'up'));
    let history: readonly object[] = [];
    const next = async (words: string) => {
      history = [...history, question(words)];
      const answer = await ask(daemon, { session: 'main', messages: history, lines: 60 });
      history = [...history, { role: 'assistant', content: answer.content }];
    };
    // It begins like the main conversation, so that llama.cpp would choose that one's slot.
    const delegate = (agent: string) =>
      ask(daemon, { session: 'main', messages: [question('Look for the guide.')], lines: 30, agent });
    await next('What does the guide say?');
    await delegate('agent-1');
    await next('And then?');
    await Promise.all([delegate('agent-1'), delegate('agent-2')]);
    await next('And after that?');
    const completed = () => rowsOf(home, 'requests').filter(({ result }) => result === 'completed');
    await until(() => completed().length === 6);
    const later = completed().filter(({ agent_id }) => agent_id === null);
    for (const row of later.slice(1))
      assert.ok(Number(row['cached_tokens']) >= 0.8 * Number(row['prompt_tokens']), told(row));
    assert.equal(later.length, 3);
  });
});

function question(text: string) {
  return { role: 'user', content: `${text} ${say('It says little.')}` };
}

function edit(text: string) {
  return { role: 'user', content: text };
}

function idOf(session: string): string {
  return `00000000-0000-4000-8000-${session.padEnd(12, '0')}`;
}

function told(row: Row | undefined): string {
  return `${row?.['backend']}: ${row?.['cached_tokens']} of ${row?.['prompt_tokens']} tokens cached`;
}

type Asked = {
  readonly session: string;
  readonly messages: readonly object[];
  /** Of the handbook in the system prompt, some eight tokens each. */
  readonly lines?: number;
  readonly agent?: string;
  /** What the system prompt begins with, where sessions are to have nothing in common. */
  readonly title?: string;
};

async function ask(daemon: RunningDaemon, { session, messages, lines = 80, agent, title = '' }: Asked) {
  const response = await fetch(`${daemon.url}/v1/messages`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-claude-code-session-id': idOf(session),
      'x-claude-code-prompt-id': `${session} ${messages.length} ${agent}`,
      ...(agent !== undefined && { 'x-claude-code-agent-id': agent }),
    },
    body: JSON.stringify({
      ...{ model: 'claude-anyclaude', max_tokens: 16 },
      system: `${title}You are a coding agent. ${filler(lines, 'handbook')}`,
      messages,
    }),
  });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text) as { readonly content: readonly object[] };
}

async function statusOf(daemon: RunningDaemon): Promise<StatusReport> {
  return (await (await fetch(`${daemon.url}/status`)).json()) as StatusReport;
}

function rowsOf(home: string, table: 'requests' | 'warmups'): readonly Row[] {
  try {
    const database = new Database(databasePath(home), { readonly: true });
    try {
      return database.prepare<[], Row>(`select * from ${table} order by id`).all();
    } finally {
      database.close();
    }
  } catch {
    return [];
  }
}

async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  for (let waited = 0; !(await holds()); waited += 1) {
    if (waited > 1200) throw new Error('It did not come true within a minute.');
    await sleep(50);
  }
}
