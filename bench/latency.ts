// What the daemon adds for one person at a time: each turn asks every way once, in random order.

import { ask, bodyFor, type Route, timeToFirstToken } from './ask.ts';
import { atMost, type Figure, median, percentile } from './figures.ts';
import { newOrder } from './order.ts';
import type { Ways } from './routes.ts';

type Aim = { readonly goalMs: number; readonly turns: number };

/** Milliseconds added to the first token. The reply is 20 tokens at once. */
export async function addedTtft(name: string, ways: Ways, { goalMs, turns }: Aim): Promise<Figure> {
  const taken = await inTurns(ways, turns, async (route) => [
    await timeToFirstToken(route, newOrder('stream')),
  ]);
  const kB = (ways.daemon.template.length / 1000).toFixed(1);
  return added(`added TTFT, ${name} (${kB} kB)`, taken, goalMs);
}

/** Milliseconds between the backend's sending of a token and its arrival here, beyond what it takes directly. */
export async function addedPerFrame(ways: Ways, { goalMs, turns }: Aim): Promise<Figure> {
  return added('added per frame (50 tokens, 10 ms apart)', await inTurns(ways, turns, lags), goalMs);
}

async function lags(route: Route): Promise<readonly number[]> {
  const order = newOrder('stream', 50, 10);
  const { tokens } = await ask(route, order, bodyFor(route, order)).reply;
  if (tokens.length !== order.tokens) throw new Error(`${route.url} lost tokens: ${tokens.length} of 50`);
  return tokens.slice(1).map(({ sentMs, receivedMs }) => receivedMs - sentMs);
}

function added(name: string, { direct, forwarder, daemon }: Taken, goalMs: number): Figure {
  const over = (values: readonly number[], share: number) =>
    percentile(values, share) - percentile(direct, share);
  const value = median(daemon) - median(direct);
  const bare = (median(forwarder) - median(direct)).toFixed(2);
  const note = `direct ${median(direct).toFixed(2)}; a proxy that only forwards adds ${bare}; ${daemon.length} samples`;
  return atMost(goalMs, { name, value, p99: over(daemon, 0.99), unit: 'ms', note });
}

type Way = keyof Ways;
type Taken = Readonly<Record<Way, number[]>>;

const WAYS: readonly Way[] = ['direct', 'forwarder', 'daemon'];
/** A daemon runs for days: what it costs is what it costs once its code has been compiled. */
const WARM_UP = 200;

async function inTurns(
  ways: Ways,
  turns: number,
  measure: (route: Route) => Promise<readonly number[]>,
): Promise<Taken> {
  const taken: Taken = { direct: [], forwarder: [], daemon: [] };
  for (let turn = -Math.min(WARM_UP, turns); turn < turns; turn += 1) {
    for (const way of shuffled(WAYS)) {
      const values = await measure(ways[way]);
      if (turn >= 0) taken[way].push(...values);
    }
  }
  return taken;
}

function shuffled<T>(items: readonly T[]): readonly T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
