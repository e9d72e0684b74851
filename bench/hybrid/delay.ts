// How much longer a request waits for its first token when it comes in the middle of a catch-up, against the bound that
// is promised: one step, and one step of the server.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../daemon/config/config.ts';
import { type RunningDaemon, startDaemon } from '../../daemon/main.ts';
import type { StatusReport } from '../../daemon/status.ts';
import { PREFILL_LIMITS } from '../../router/catch-up.ts';
import { filler, say } from '../../test/engine/ask.ts';
import { type Engine, startMlx } from '../../test/engine/engines.ts';
import type { Measured } from './cancelled.ts';

export type Delays = {
  readonly server: string;
  /** Seconds to the first token of a short edit with nothing else running. */
  readonly aloneS: number;
  /** The same for one that comes in mid-catch-up, at different moments of a step. */
  readonly inCatchUpS: readonly number[];
  /** Longest step, and one step of the server where it has steps. */
  readonly boundS: number;
};

type Server = Measured & { readonly serverStepS?: number };

export async function measureDelays(server: Server, times: number): Promise<Delays> {
  const [questions, edits] = [await startMlx(), await server.start()];
  const home = await mkdtemp(join(tmpdir(), 'anyclaude-hybrid-'));
  const delays: Delay[] = [];
  try {
    // Each with a daemon of its own, which knows of no other conversations that a full cache would have to keep; the
    // speeds that were learned are kept in its folder.
    for (let at = 0; at < times; at += 1)
      delays.push(await measureOne(server, { home, questions, edits, at }));
  } finally {
    await rm(home, { recursive: true, force: true });
    await questions.stop();
    await edits.stop();
  }
  return {
    server: server.name,
    aloneS: Math.min(...delays.map(({ aloneS }) => aloneS)),
    inCatchUpS: delays.map(({ inCatchUpS }) => inCatchUpS),
    boundS: PREFILL_LIMITS.stepSeconds + (server.serverStepS ?? 0),
  };
}

type Delay = { readonly aloneS: number; readonly inCatchUpS: number };
type Scene = {
  readonly home: string;
  readonly questions: Engine;
  readonly edits: Engine;
  readonly at: number;
};

async function measureOne(server: Server, { home, questions, edits, at }: Scene): Promise<Delay> {
  const daemon = await startDaemon({
    config: configFor(home, questions, edits),
    version: '0.0.0',
    logStream: { write: () => {} },
    pauses: { settleMs: 20, power: async () => 'mains' },
  });
  try {
    return await measure(daemon, server, at);
  } finally {
    await daemon.close();
  }
}

function configFor(home: string, questions: Engine, edits: Engine) {
  const text = JSON.stringify({
    mode: 'task',
    port: 0,
    drainMs: 500,
    backends: { 'mlx-lm': { url: questions.url, contextWindow: 131_072 }, lmstudio: { url: edits.url } },
  });
  return loadConfig({ flags: {}, env: { ANYCLAUDE_HOME: home }, file: { path: 'config.json', text } });
}

async function measure(daemon: RunningDaemon, server: Server, at: number): Promise<Delay> {
  await until(daemon, ({ backends }) => backends.every(({ state }) => state === 'up'));
  // The first of them is what the speed is learned from.
  await shortEdit(daemon, `first-${at}`);
  const aloneS = await shortEdit(daemon, `alone-${at}`);
  await ask(daemon, { session: `long-${at}`, prompt: question(at), system: filler(server.units, `s${at}`) });
  await until(daemon, ({ keeper }) => keeper.state === 'running');
  // Not always at the same moment of a step, nor always in the first one.
  await sleep(200 + ((at * 1300) % 3000));
  return { aloneS, inCatchUpS: await shortEdit(daemon, `between-${at}`) };
}

function question(at: number): string {
  return `What does part ${at} of the handbook say? ${say('It says little.')}`;
}

/** Seconds. The answer is one token or a few: the whole of it is the wait for the first one. */
async function shortEdit(daemon: RunningDaemon, session: string): Promise<number> {
  const startedMs = performance.now();
  await ask(daemon, {
    session,
    prompt: `Fix the typo in src/${session}.ts ${say('ok')}`,
    system: 'You code.',
  });
  return (performance.now() - startedMs) / 1000;
}

type Asked = { readonly session: string; readonly prompt: string; readonly system: string };

async function ask({ url }: RunningDaemon, { session, prompt, system }: Asked): Promise<void> {
  const response = await fetch(`${url}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-claude-code-session-id': session },
    body: JSON.stringify({
      ...{ model: 'claude-anyclaude', max_tokens: 32, system },
      messages: [{ role: 'user', content: prompt }],
    }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`The daemon answered ${response.status}: ${text.slice(0, 300)}`);
}

async function until({ url }: RunningDaemon, holds: (status: StatusReport) => boolean): Promise<void> {
  for (let waited = 0; waited < 3000; waited += 1) {
    if (holds((await (await fetch(`${url}/status`)).json()) as StatusReport)) return;
    await sleep(20);
  }
  throw new Error('The daemon did not come to it within a minute.');
}
