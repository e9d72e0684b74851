// What a server keeps of a prefill whose client has left: a whole prompt in one request, cut off half-way, asked again;
// and the same prompt in steps, cut off half-way.

import { setTimeout as sleep } from 'node:timers/promises';
import { cachedTokens, chat, filler, post, promptTokens, say, system, user } from '../../test/engine/ask.ts';
import type { Engine } from '../../test/engine/engines.ts';

export type Measured = {
  readonly name: string;
  readonly start: () => Promise<Engine>;
  /** Lines of about eight tokens. */
  readonly units: number;
};

export type Cancelled = {
  readonly server: string;
  readonly promptTokens: number;
  /** Of a prompt sent as a whole and left half-way: found cached when it was asked again. */
  readonly wholeKeptTokens: number;
  /** Of a prompt sent in four steps and left in the third: found cached when it was asked. */
  readonly stepsKeptTokens: number;
};

const STEPS = 4;

export async function measureCancelled({ name, start, units }: Measured): Promise<Cancelled> {
  const engine = await start();
  try {
    const coldMs = await timeOf(() => ask(engine, filler(units, 'first')));
    const whole = filler(units, 'whole');
    await leave(engine, whole, coldMs / 2);
    const asked = await ask(engine, whole);

    const steps = filler(units, 'steps');
    const upTo = (step: number) => steps.slice(0, Math.floor((steps.length * step) / STEPS));
    await ask(engine, upTo(1));
    await ask(engine, upTo(2));
    await leave(engine, upTo(3), coldMs / STEPS / 2);
    const askedSteps = await ask(engine, steps);
    return {
      server: name,
      promptTokens: promptTokens(asked),
      wholeKeptTokens: cachedTokens(asked) ?? 0,
      stepsKeptTokens: cachedTokens(askedSteps) ?? 0,
    };
  } finally {
    await engine.stop();
  }
}

function request(text: string) {
  return { messages: [system(text), user(`Go on. ${say('yes')}`)], max_tokens: 1 };
}

function ask(engine: Engine, text: string) {
  return chat(engine.url, request(text));
}

/** Streamed, for an answer in one piece is never left by mlx_lm.server. */
async function leave(engine: Engine, text: string, afterMs: number): Promise<void> {
  const client = new AbortController();
  const answer = post(engine.url, { ...request(text), stream: true }, client.signal).then((reply) =>
    reply.text(),
  );
  await Promise.race([answer, sleep(afterMs)]);
  client.abort();
  await answer.catch(() => {});
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}
