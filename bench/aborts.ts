// A client that leaves: how soon the backend's connection closes, in each state that a request can be in. And
// the opposite: what a client hears while a backend is silent.

import { setTimeout as sleep } from 'node:timers/promises';
import { type Asked, ask, bodyFor, type Route } from './ask.ts';
import { atMost, type Figure } from './figures.ts';
import { monotonicMs, newOrder, type Order, type Seen } from './order.ts';
import type { Addresses } from './routes.ts';

const GIVE_UP_MS = 2_500;
const GOAL_MS = 50;

type Abort = { readonly state: string; readonly closedAfterMs: number | undefined };

export async function abortFigures(route: Route, at: Addresses): Promise<readonly Figure[]> {
  const json = { ...route, template: route.template.replace('"stream":true', '"stream":false') };
  const aborts: readonly Abort[] = [
    await inQueue(route, at),
    await onBackend({ state: 'before headers', route, order: newOrder('mute') }, at),
    await onBackend({ state: 'in prefill', route, order: newOrder('silent') }, at),
    await onBackend({ state: 'mid-stream', route, order: newOrder('stream', 1_000, 10) }, at),
    await onBackend({ state: 'not streaming', route: json, order: newOrder('stream', 1_000, 10) }, at),
  ];
  const closed = aborts.filter(({ closedAfterMs }) => closedAfterMs !== undefined).length;
  const all = { name: 'aborts that reach the backend', value: closed, unit: `of ${aborts.length}` };
  return [
    { ...all, goal: String(aborts.length), met: closed === aborts.length },
    ...aborts.map(({ state, closedAfterMs }) => abortFigure(state, closedAfterMs)),
  ];
}

function abortFigure(state: string, closedAfterMs: number | undefined): Figure {
  const name = `  client leaves ${state}`;
  if (closedAfterMs === undefined)
    return { name, unit: 'ms', met: false, note: `never within ${GIVE_UP_MS} ms` };
  return atMost(GOAL_MS, { name, value: closedAfterMs, unit: 'ms' });
}

type Trial = { readonly state: string; readonly route: Route; readonly order: Order };

async function onBackend({ state, route, order }: Trial, at: Addresses): Promise<Abort> {
  const asked = ask(route, order, bodyFor(route, order));
  if (!(await until(async () => (await seen(at, order)) !== undefined))) {
    throw new Error(`The request to be left ${state} never reached the backend`);
  }
  // Mid-stream means that tokens flow; in the other states there is nothing to wait for but a moment.
  await sleep(100);
  return { state, closedAfterMs: await leave(asked, async () => (await seen(at, order))?.closedMs) };
}

/** The one slot of `lmstudio` is taken; the second request waits at the gate and must never get through. */
async function inQueue(route: Route, at: Addresses): Promise<Abort> {
  const narrow = { ...route, headers: { ...route.headers, 'x-anyclaude-route': 'lmstudio' } };
  const holding = newOrder('silent');
  const waiting = newOrder('stream');
  const holder = ask(narrow, holding, bodyFor(narrow, holding));
  await until(async () => (await seen(at, holding)) !== undefined);
  const asked = ask(narrow, waiting, bodyFor(narrow, waiting));
  if (!(await until(async () => (await queued(at)) === 1)))
    throw new Error('The second request did not queue');
  const left = await leave(asked, async () => ((await queued(at)) === 0 ? monotonicMs() : undefined));
  holder.request.destroy();
  await until(async () => (await seen(at, holding))?.closedMs !== undefined);
  await sleep(100);
  const cameThrough = (await seen(at, waiting)) !== undefined;
  return { state: 'in the queue', closedAfterMs: cameThrough ? undefined : left };
}

/** Milliseconds from the client's close to the moment that `noticed` gives. */
async function leave(
  { request, reply }: Asked,
  noticed: () => Promise<number | undefined>,
): Promise<number | undefined> {
  const leftMs = monotonicMs();
  request.destroy();
  await reply;
  let atMs: number | undefined;
  await until(async () => {
    atMs = await noticed();
    return atMs !== undefined;
  });
  return atMs === undefined ? undefined : atMs - leftMs;
}

/** The longest time without a byte at the client while the backend says nothing: before headers, and after. */
export async function longestSilence(route: Route, silenceMs: number): Promise<Figure> {
  const gaps = await Promise.all(
    [newOrder('mute'), newOrder('silent')].map(async (order) => {
      const asked = ask(route, order, bodyFor(route, order));
      await sleep(silenceMs);
      asked.request.destroy();
      const { startedMs, arrivals } = await asked.reply;
      const moments = [startedMs, ...arrivals, startedMs + silenceMs];
      return Math.max(...moments.slice(1).map((moment, index) => moment - (moments[index] ?? 0)));
    }),
  );
  return atMost(10, {
    name: 'longest silence on the client wire',
    value: Math.max(...gaps) / 1000,
    unit: 's',
    note: `a backend silent for ${silenceMs / 1000} s, before and after its headers`,
  });
}

async function seen({ backend }: Addresses, { id }: Order): Promise<Seen | undefined> {
  return ((await (await fetch(`${backend}/bench/seen?id=${id}`)).json()) as Seen | null) ?? undefined;
}

async function queued({ daemon }: Addresses): Promise<number> {
  const status = (await (await fetch(`${daemon}/status`)).json()) as {
    backends: readonly { queued: number }[];
  };
  return status.backends.reduce((sum, backend) => sum + backend.queued, 0);
}

async function until(holds: () => Promise<boolean>): Promise<boolean> {
  const deadlineMs = monotonicMs() + GIVE_UP_MS;
  while (monotonicMs() < deadlineMs) {
    if (await holds()) return true;
    await sleep(1);
  }
  return false;
}
