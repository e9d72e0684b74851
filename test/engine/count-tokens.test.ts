// POST /v1/messages/count_tokens through a whole daemon, against what a real engine's own tokenizer counts.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../daemon/config.ts';
import { type RunningDaemon, startDaemon } from '../../daemon/main.ts';
import { openHome } from '../../daemon/state.ts';
import { createTokenEstimator } from '../../wire/count.ts';
import { type RequestBody, Session } from '../fixture/session.ts';
import { seeded } from '../fixture/words.ts';
import { type Engine, startLlama, startMlx, whyNot } from './engines.ts';
import { TEXT_KINDS, type TextKind, textSources } from './texts.ts';

const noMlx = (await whyNot('mlx', console.error)) ?? false;
const noLlama = (await whyNot('llama', console.error)) ?? false;

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

const percentages = (errors: readonly number[]) =>
  `off by ${errors.map((error) => (100 * error).toFixed(1)).join(' ')} %`;

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

describe('count_tokens of mlx_lm.server, which has no endpoint for it', { skip: noMlx }, () => {
  const REPORTS = 12;
  const SAMPLES = 12;
  const BOUND: Readonly<Record<TextKind, number>> = { prose: 0.05, code: 0.05, json: 0.05, cjk: 0.1 };
  const sources = textSources();
  const random = seeded(11);
  const chars = (kind: TextKind) => (kind === 'cjk' ? 1_500 : 8_000) * (1 + 3 * random());
  let rig: Rig;
  before(async () => {
    rig = await startRig(await startMlx());
    // A working day's beginning: sessions in which every kind of text comes by once, read by a tool.
    for (let report = 0; report < REPORTS; report += 1) {
      const session = new Session({ prompt: `Begin the work of round ${report}.` });
      await measured(rig, session.body());
      for (const kind of TEXT_KINDS) {
        const text = sources[kind].learn(chars(kind) / 2, random);
        await measured(rig, session.useTools(reads(report), { 0: text }).body());
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
      errors.push(Math.abs((estimates[at] ?? 0) / (await measured(rig, body)) - 1));
    }
    return errors.sort((left, right) => left - right);
  };
  const unseen = (kind: TextKind) =>
    Array.from({ length: SAMPLES }, () => sources[kind].unseen(chars(kind), random));

  for (const kind of TEXT_KINDS) {
    it(`is within ${100 * BOUND[kind]} % of the server's own count for sessions with ${kind} in them`, async (t) => {
      const errors = await errorsOf(unseen(kind).map(sessionWith));
      t.diagnostic(percentages(errors));
      const [last = 1, worst = 1] = errors.slice(-2);
      assert.ok(last <= BOUND[kind], `more than one in ${SAMPLES} is beyond the bound`);
      assert.ok(worst <= 2 * BOUND[kind], `one is off by ${(100 * worst).toFixed(1)} %`);
    });

    // The scripted model's vocabulary is a tenth of a small real one's and was taken from one library, so that
    // single texts are far off for reasons that no real tokenizer has; see the next test for one.
    it(`is mostly within 10 % for ${kind} alone`, async (t) => {
      const errors = await errorsOf(unseen(kind).map(onlyText));
      t.diagnostic(percentages(errors));
      const median = errors[Math.floor(errors.length / 2)] ?? 1;
      assert.ok(median <= 0.1, `the median is off by ${(100 * median).toFixed(1)} %`);
    });
  }
});

describe('the estimate, on the vocabulary of a real model', { skip: noLlama }, () => {
  const SAMPLES = 40;
  let engine: Engine;
  before(async () => {
    engine = await startLlama({ contextSize: 512 });
  });
  after(() => engine?.stop());

  const tokensOf = async (content: string): Promise<number> => {
    const { tokens } = await post(`${engine.url}/tokenize`, { content });
    return (tokens as unknown[]).length;
  };

  it('is within 5 % for nearly every text once each kind came by twenty times', async (t) => {
    const sources = textSources();
    const random = seeded(21);
    const estimator = createTokenEstimator();
    const text = (kind: TextKind, source: 'learn' | 'unseen') =>
      sources[kind][source]((kind === 'cjk' ? 1_500 : 8_000) * (1 + 3 * random()), random);
    const segment = (content: string) => [{ hash: content, text: content }];
    for (let report = 0; report < 20; report += 1) {
      for (const kind of TEXT_KINDS) {
        const content = text(kind, 'learn');
        estimator.learn('m', segment(content), await tokensOf(content));
      }
    }
    for (const kind of TEXT_KINDS) {
      const errors: number[] = [];
      for (let sample = 0; sample < SAMPLES; sample += 1) {
        const content = text(kind, 'unseen');
        errors.push(Math.abs(estimator.estimate('m', segment(content)) / (await tokensOf(content)) - 1));
      }
      errors.sort((left, right) => left - right);
      t.diagnostic(`${kind}: ${percentages(errors)}`);
      assert.ok((errors[Math.floor(0.9 * SAMPLES)] ?? 1) <= 0.05, `${kind}: ${percentages(errors)}`);
      assert.ok((errors.at(-1) ?? 1) <= 0.15, `${kind}: ${percentages(errors)}`);
    }
  });
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
