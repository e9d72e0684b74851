// POST /v1/messages/count_tokens through a whole daemon, against what a real engine's own tokenizer counts.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../daemon/config/config.ts';
import { type RunningDaemon, startDaemon } from '../../daemon/main.ts';
import { openHome } from '../../daemon/state.ts';
import { type RequestBody, Session } from '../fixture/session.ts';
import { seeded } from '../fixture/words.ts';
import { ensureEngine, startLlama, startMlx, whyNot } from './engines.ts';
import { TEXT_KINDS, type TextKind, type TextSources, textSources } from './texts.ts';

type Sources = Readonly<Record<TextKind, TextSources>>;

const noLlama = (await whyNot('llama', console.error)) ?? false;
const noMlx = noLlama || ((await whyNot('mlx', console.error)) ?? false);

const reads = (number: number) => [{ name: 'Read', input: { file_path: `/home/dev/a${number}` } }];

/** A session with Claude Code's tools, after its first turn; the text has come in as a prompt or a tool's result. */
function sessionWith(text: string, number: number): RequestBody {
  const session = new Session();
  return (number % 2 === 0 ? session.ask(text) : session.useTools(reads(number), { 0: text })).body();
}

/** What Claude Code counts alone: a file, the definition of a tool, a page of memory. */
function onlyText(text: string): RequestBody {
  const body: RequestBody = { model: 'claude-anyclaude', messages: [{ role: 'user', content: text }] };
  return body;
}

type Rig = { readonly url: string; close(): Promise<void> };
type Stoppable = { readonly url: string; stop(): Promise<void> };

/** A daemon of its own over one engine. */
async function startRig(engine: Stoppable): Promise<Rig> {
  try {
    return await startDaemonOver(engine);
  } catch (error) {
    // An engine that is left running would keep this process alive.
    await engine.stop();
    throw error;
  }
}

async function startDaemonOver(engine: Stoppable): Promise<Rig> {
  const home = await mkdtemp(join(tmpdir(), 'anyclaude-count-'));
  const settings = {
    port: 0,
    backends: { 'mlx-lm': { url: engine.url }, lmstudio: null },
    routes: { analysis: 'mlx-lm', edit: 'mlx-lm' },
  };
  const config = loadConfig({
    flags: {},
    env: { HOME: home, ANYCLAUDE_HOME: join(home, 'state') },
    file: { path: 'config.json', text: JSON.stringify(settings) },
  });
  openHome(config.home);
  const daemon: RunningDaemon = await startDaemon({
    config,
    version: '0.0.0',
    logStream: { write: () => {} },
  });
  await met(daemon.url);
  return {
    url: daemon.url,
    async close() {
      await daemon.close();
      await engine.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** The daemon has asked its backend who it is. */
async function met(url: string): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const status = (await (await fetch(`${url}/status`)).json()) as { backends: { state: string }[] };
    if (status.backends.every(({ state }) => state === 'up')) return;
    await sleep(50);
  }
  throw new Error('the daemon did not find its backend up within ten seconds');
}

async function post(url: string, body: unknown): Promise<Record<string, unknown>> {
  const headers = { 'content-type': 'application/json' };
  const reply = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  const answer = (await reply.json()) as Record<string, unknown>;
  assert.equal(reply.status, 200, JSON.stringify(answer));
  return answer;
}

async function counted({ url }: Rig, body: RequestBody): Promise<number> {
  const { model, messages, tools, system } = body;
  const answer = await post(`${url}/v1/messages/count_tokens`, { model, messages, tools, system });
  assert.deepEqual(Object.keys(answer), ['input_tokens']);
  return Number(answer['input_tokens']);
}

/** What the engine says it was given. */
async function measured({ url }: Rig, body: RequestBody): Promise<number> {
  const { usage } = await post(`${url}/v1/messages`, { ...body, stream: false, max_tokens: 2 });
  const { input_tokens, cache_read_input_tokens = 0 } = usage as Record<string, number>;
  return Number(input_tokens) + Number(cache_read_input_tokens);
}

const BOUND: Readonly<Record<TextKind, number>> = { prose: 0.05, code: 0.05, json: 0.05, cjk: 0.1 };
/** Sessions of a first day: in each every kind of text comes by once, so that 160 requests bring a new text. */
const SESSIONS = 40;

type Random = () => number;
/** About 1,000 to 5,000 tokens, as tools return them. */
const learnable = (sources: Sources, kind: TextKind, random: Random) =>
  sources[kind].learn((kind === 'cjk' ? 500 : 4_000) * 5 ** random(), random);
/** About 1,500 to 12,000 tokens, out of other packages. */
const unseen = (sources: Sources, kind: TextKind, random: Random) =>
  sources[kind].unseen((kind === 'cjk' ? 700 : 6_000) * 8 ** random(), random);
const manyUnseen = (count: number, ...how: Parameters<typeof unseen>) =>
  Array.from({ length: count }, () => unseen(...how));

function within(t: TestContext, kind: TextKind, errors: readonly number[]): void {
  const sorted = errors.map(Math.abs).sort((left, right) => left - right);
  const percent = (error = 1) => `${(100 * error).toFixed(1)} %`;
  const worst = sorted.at(-1);
  t.diagnostic(
    `${kind}: off by ${percent(sorted[Math.floor(sorted.length / 2)])} in the median, ${percent(worst)} at worst`,
  );
  assert.ok((worst ?? 1) <= BOUND[kind], `one of ${sorted.length} is off by ${percent(worst)}`);
}

describe('count_tokens of mlx_lm.server, which has no endpoint for it', { skip: noMlx }, () => {
  const random = seeded(11);
  let sources: Sources;
  let rig: Rig;
  before(async () => {
    sources = textSources(await ensureEngine('mlx'));
    rig = await startRig(await startMlx({ realVocabulary: true }));
    for (let number = 0; number < SESSIONS; number += 1) {
      const session = new Session({ prompt: `Begin the work of round ${number}.` });
      await measured(rig, session.body());
      for (const kind of TEXT_KINDS) {
        const text = learnable(sources, kind, random);
        await measured(rig, session.useTools(reads(number), { 0: text }).body());
      }
    }
  });
  after(() => rig?.close());

  const errorsOf = async (bodies: readonly RequestBody[]) => {
    // All are counted before any is sent, so that none is known.
    const estimates: number[] = [];
    for (const body of bodies) estimates.push(await counted(rig, body));
    const errors: number[] = [];
    for (const [at, body] of bodies.entries()) {
      errors.push((estimates[at] ?? 0) / (await measured(rig, body)) - 1);
    }
    return errors;
  };

  for (const kind of TEXT_KINDS) {
    it(`is within ${100 * BOUND[kind]} % of the server's own count for every ${kind} text alone`, async (t) => {
      within(t, kind, await errorsOf(manyUnseen(16, sources, kind, random).map(onlyText)));
    });
    it(`is within ${100 * BOUND[kind]} % for every session with a ${kind} text in it`, async (t) => {
      within(t, kind, await errorsOf(manyUnseen(6, sources, kind, random).map(sessionWith)));
    });
  }
});

describe('count_tokens of llama.cpp, which counts itself', { skip: noLlama }, () => {
  it('is the very number of tokens that the server then reports', async () => {
    const rig = await startRig(await startLlama({ contextSize: 8192 }));
    try {
      const sources = textSources();
      const random = seeded(5);
      for (const kind of TEXT_KINDS) {
        const body = onlyText(sources[kind].unseen(kind === 'cjk' ? 200 : 600, random));
        const count = await counted(rig, body);
        assert.equal(count, await measured(rig, body), kind);
      }
    } finally {
      await rig.close();
    }
  });
});
