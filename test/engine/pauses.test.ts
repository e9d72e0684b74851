// Pauses on the real servers: mlx_lm.server answers the questions, llama.cpp makes the edits.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { loadConfig } from '../../daemon/config.ts';
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
  /** Warmups that have ended, by backend and result. */
  warmups(): Promise<readonly Row[]>;
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
      warmups: async () => rowsOf(home, 'warmups'),
      requests: () => rowsOf(home, 'requests'),
    };
    open.push(made);
    await until(async () => (await statusOf(daemon)).backends.every(({ state }) => state === 'up'));
    return made;
  }

  it('after a question and a pause, the first edit finds nine tenths of its prompt in llama.cpp', async () => {
    const { daemon, warmups, requests } = await site();
    const first = { role: 'user', content: `What does the handbook say? ${say('It says little.')}` };
    const answer = await ask(daemon, 'one', [first], 'q1');
    await until(async () => (await warmups()).some(({ result }) => result === 'completed'));
    const history = [first, { role: 'assistant', content: answer.content }];
    await ask(daemon, 'one', [...history, { role: 'user', content: 'Fix the typo in src/a.ts' }], 'q2');
    await until(async () => (await warmups()).some(({ use }) => use !== null));
    const edit = requests().at(-1);
    assert.equal(edit?.['backend'], 'lmstudio');
    const [cached, prompt] = [Number(edit?.['cached_tokens']), Number(edit?.['prompt_tokens'])];
    assert.ok(cached >= 0.9 * prompt, `${cached} of ${prompt}`);
    console.log(cached, prompt, await warmups());
  });
});

async function ask(daemon: RunningDaemon, session: string, messages: readonly object[], promptId: string) {
  const response = await fetch(`${daemon.url}/v1/messages`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-claude-code-session-id': `00000000-0000-4000-8000-0000000000${session.length}`,
      'x-claude-code-prompt-id': `${session} ${promptId}`,
    },
    body: JSON.stringify({
      model: 'claude-anyclaude',
      max_tokens: 32,
      system: `You are a coding agent. ${filler(80, 'handbook')}`,

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

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let waited = 0; !(await holds()); waited += 1) {
    if (waited > 1200) throw new Error('It did not come true within a minute.');
    await sleep(50);
  }
}
