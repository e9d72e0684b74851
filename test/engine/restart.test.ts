// The first request of each project after the daemon, its server or both were started anew, on the real servers: how
// much of it the server itself reports as cached. The table at the end is what the README's claim stands on.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import cron from 'node-cron';
import { table } from '../../cli/terminal.ts';
import { loadConfig } from '../../daemon/config/config.ts';
import { type RunningDaemon, startDaemon } from '../../daemon/main.ts';
import { databasePath } from '../../daemon/state.ts';
import { freePort } from '../cli/anyclaude.ts';
import { filler, say } from './ask.ts';
import { startLlama, startMlx, whyNot } from './engines.ts';
import { closeKeptSite, newKeptSite, startKept } from './kept-mlx.ts';

const noMlx = (await whyNot('mlx', console.error)) ?? false;
const noLlama = (await whyNot('llama', console.error)) ?? false;

const PROJECTS = ['/home/dev/orchard', '/home/dev/mill'] as const;
const WARM = 0.85;
const COLD = 0.1;
/** The runner's own words where the server was found to have it already. */
const RESTORED =
  "select count(distinct project) as n from warmups where purpose = 'restore' and result = 'completed'";

let logged = '';

type Server = { readonly url: string; stop(): Promise<unknown> };
type Kind = {
  readonly name: string;
  readonly skip: string | false;
  /** What it is started with is in its name. */
  readonly open: () => Promise<{ start(): Promise<Server>; close(): Promise<void> }>;
};
type Case = {
  readonly kind: Kind;
  readonly restarted: 'daemon' | 'server' | 'both';
  readonly fronts: 'on disk' | 'not kept';
  readonly expected: 'warm' | 'cold';
  /** Begun by nobody's request: what is waited for before the first one. */
  readonly by: 'the server' | 'the fronts on disk' | 'the warm command' | 'the clock' | 'nothing';
};

const mlx: Kind = { name: 'mlx_lm.server', skip: noMlx, open: () => onPort((port) => startMlx({ port })) };
const servedMlx: Kind = {
  name: 'serve-mlx',
  skip: noMlx,
  async open() {
    const site = await newKeptSite();
    return { start: () => startKept(site), close: () => closeKeptSite(site) };
  },
};
const llama: Kind = {
  name: 'llama.cpp',
  skip: noLlama,
  open: () => onPort((port) => startLlama({ port, contextSize: 4096 })),
};
const llamaSlots: Kind = {
  name: 'llama.cpp --slot-save-path',
  skip: noLlama,
  async open() {
    const folder = mkdtempSync(join(tmpdir(), 'anyclaude-slots-'));
    const options = { slotSavePath: `${folder}/`, parallel: 2, contextSize: 4096, cacheRam: 0 };
    const opened = await onPort((port) => startLlama({ ...options, port }));
    return { ...opened, close: async () => rmSync(folder, { recursive: true }) };
  },
};

const CASES: readonly Case[] = [
  { kind: mlx, restarted: 'daemon', fronts: 'not kept', expected: 'warm', by: 'the server' },
  { kind: mlx, restarted: 'server', fronts: 'not kept', expected: 'cold', by: 'nothing' },
  { kind: mlx, restarted: 'both', fronts: 'not kept', expected: 'cold', by: 'nothing' },
  { kind: mlx, restarted: 'daemon', fronts: 'on disk', expected: 'warm', by: 'the fronts on disk' },
  { kind: mlx, restarted: 'server', fronts: 'on disk', expected: 'warm', by: 'the warm command' },
  { kind: mlx, restarted: 'server', fronts: 'on disk', expected: 'warm', by: 'the clock' },
  { kind: mlx, restarted: 'both', fronts: 'on disk', expected: 'warm', by: 'the fronts on disk' },
  { kind: servedMlx, restarted: 'server', fronts: 'not kept', expected: 'warm', by: 'the server' },
  { kind: servedMlx, restarted: 'both', fronts: 'not kept', expected: 'warm', by: 'the server' },
  { kind: llama, restarted: 'daemon', fronts: 'not kept', expected: 'warm', by: 'the server' },
  { kind: llama, restarted: 'server', fronts: 'not kept', expected: 'cold', by: 'nothing' },
  { kind: llama, restarted: 'both', fronts: 'not kept', expected: 'cold', by: 'nothing' },
  { kind: llama, restarted: 'daemon', fronts: 'on disk', expected: 'warm', by: 'the server' },
  { kind: llama, restarted: 'server', fronts: 'on disk', expected: 'warm', by: 'the clock' },
  { kind: llama, restarted: 'both', fronts: 'on disk', expected: 'warm', by: 'the fronts on disk' },
  { kind: llamaSlots, restarted: 'both', fronts: 'on disk', expected: 'warm', by: 'the server' },
];

const rows: string[][] = [
  ['restarted', 'server', 'fronts', 'by', 'cached tokens of the first request of each project'],
];

describe('the first request after a restart', { timeout: 600_000 }, () => {
  const homes: string[] = [];
  after(() => {
    for (const home of homes) rmSync(home, { recursive: true, force: true });
    console.log(table(rows));
  });

  for (const one of CASES) {
    const { kind, restarted, fronts, expected, by } = one;
    const what = restarted === 'both' ? 'daemon and server' : `the ${restarted}`;
    it(`is ${expected} on ${kind.name}, ${what} restarted, fronts ${fronts}, by ${by}`, {
      skip: kind.skip,
    }, async () => {
      const home = mkdtempSync(join(tmpdir(), 'anyclaude-restart-'));
      homes.push(home);
      const shares = await play(one, home);
      rows.push([
        restarted,
        kind.name,
        fronts,
        by,
        shares.map(({ cached, prompt }) => `${cached} of ${prompt}`).join(', '),
      ]);
      for (const { cached, prompt } of shares) {
        const share = cached / prompt;
        assert.ok(expected === 'warm' ? share > WARM : share < COLD, `${cached} of ${prompt} were cached`);
      }
    });
  }
});

/** Both projects are asked once, then come the restarts, then each is asked again by a new session. */
async function play(one: Case, home: string) {
  const { kind, restarted, by } = one;
  logged = '';
  const before = new Set(cron.getTasks().keys());
  const { start, close } = await kind.open();
  let server = await start();
  let daemon = await open(home, server.url, one);
  try {
    for (const project of PROJECTS) await ask(daemon, project, { session: 'first', tools: toolsFor(kind) });
    if (restarted !== 'server') await daemon.close();
    if (restarted !== 'daemon') {
      await server.stop();
      if (restarted === 'server') await untilState(daemon, 'down');
      server = await start();
    }
    if (restarted !== 'server') daemon = await open(home, server.url, one);
    if (by === 'the fronts on disk') await untilRestored(home);
    // It may have looked while nothing was there, and then looks again after a while.
    if (restarted === 'server') await untilState(daemon, 'up');
    if (by === 'the warm command') await warm(daemon);
    if (by === 'the clock') await clockTicks(before);
    if (kind === llamaSlots)
      while ((logged.match(/a slot was restored/g) ?? []).length < PROJECTS.length) await sleep(50);
    const shares = [];
    for (const project of PROJECTS)
      shares.push(await ask(daemon, project, { session: 'second', tools: toolsFor(kind) }));
    return shares;
  } finally {
    await daemon.close();
    await server.stop();
    await close();
  }
}

async function open(home: string, url: string, { fronts, by }: Case): Promise<RunningDaemon> {
  mkdirSync(home, { recursive: true });
  const backends = { 'mlx-lm': { url, contextWindow: 100_000, maxConcurrent: 1 }, lmstudio: null };
  const routes = { analysis: 'mlx-lm', edit: 'mlx-lm' };
  const settings = {
    mode: 'mlx-lm',
    port: 0,
    backends,
    routes,
    persistPrefixes: fronts === 'on disk',
    // The clock ticks while the test runs: what is shown of the others is not to be its work.
    catchUp: { enabled: by === 'the clock' || by === 'the fronts on disk' },
    drainMs: 1000,
  };
  const file = { path: 'config.json', text: JSON.stringify(settings) };
  const config = loadConfig({ flags: {}, env: { ANYCLAUDE_HOME: home }, file });
  return startDaemon({ config, version: '0.0.0', logStream: { write: (line) => (logged += line) } });
}

type Asked = { readonly session: string; readonly tools: readonly object[] };

/** SmolLM2 would call it, and take its time. */
function toolsFor({ name }: Kind): readonly object[] {
  const read = {
    name: 'Read',
    description: 'Reads a file',
    input_schema: { type: 'object', properties: {} },
  };
  return name.startsWith('llama') ? [] : [read];
}

/** As Claude Code would: a billing block that differs each time, the project's rules, then the person's words. */
async function ask(daemon: RunningDaemon, project: string, { session, tools }: Asked) {
  const rules = `<system-reminder>\n# claudeMd\nThe rules of ${project}. ${filler(20, project)}\n</system-reminder>`;
  const texts = (all: readonly string[]) => all.map((text) => ({ type: 'text', text }));
  const body = {
    model: 'claude-anyclaude',
    max_tokens: 4,
    system: texts([
      `x-anthropic-billing-header: cch=${session}${project.length};`,
      `Agent of ${project}. ${filler(40, 'book')}`,
    ]),
    tools,
    messages: [
      { role: 'user', content: texts([rules, `What does the ${session} step do?${say('It counts.')}`]) },
    ],
  };
  const response = await fetch(`${daemon.url}/v1/messages`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-anyclaude-project': project,
      'x-claude-code-session-id': `${session}-${project}`,
    },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  const { usage } = JSON.parse(text);
  const cached: number = usage.cache_read_input_tokens ?? 0;
  return { cached, prompt: cached + usage.input_tokens };
}

async function onPort(start: (port: number) => Promise<Server>) {
  const port = await freePort();
  return { start: () => start(port), close: async () => {} };
}

async function untilRestored(home: string): Promise<void> {
  for (let count = 0; count < PROJECTS.length; await sleep(50)) {
    try {
      const database = new Database(databasePath(home), { readonly: true });
      count = database.prepare<[], { n: number }>(RESTORED).get()?.n ?? 0;
      database.close();
    } catch {
      // Its tables are made a moment after the start.
    }
  }
}

async function warm({ url }: RunningDaemon): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/api/warm`, { method: 'POST', headers, body: '{}' });
  assert.equal(response.status, 200, await response.text());
}

/** Each job that the daemon gave to node-cron, once, in its order. */
async function clockTicks(before: ReadonlySet<string>): Promise<void> {
  const tasks = [...cron.getTasks()].filter(([id]) => !before.has(id)).map(([, task]) => task);
  assert.ok(tasks.length > 0);
  for (const task of tasks) await task.execute();
}

async function untilState({ url }: RunningDaemon, state: string): Promise<void> {
  for (;;) {
    const { backends } = (await (await fetch(`${url}/status`)).json()) as { backends: { state: string }[] };
    if (backends[0]?.state === state) return;
    await sleep(100);
  }
}
