// What the daemon adds for one person at a time: each turn asks both ways in random order.

import { ask, bodyFor, type Route, timeToFirstToken } from './ask.ts';
import { atMost, type Figure, median, percentile } from './figures.ts';
import { newOrder } from './order.ts';
import type { Pair } from './routes.ts';

/** Milliseconds added to the first token. The reply is 20 tokens at once. */
export async function addedTtft(name: string, pair: Pair, goalMs: number, turns = 300): Promise<Figure> {
  const measured = await inTurns(pair, turns, (route) => timeToFirstToken(route, newOrder('stream')));
  const direct = measured.direct;
  const via = measured.daemon;
  return atMost(goalMs, {
    name: `added TTFT, ${name} (${(pair.bytes / 1000).toFixed(1)} kB)`,
    value: median(via) - median(direct),
    p99: percentile(via, 0.99) - percentile(direct, 0.99),
    unit: 'ms',
    note: `direct ${median(direct).toFixed(2)}, through ${median(via).toFixed(2)}, ${turns} turns`,
  });
}

/** Milliseconds between the backend's sending of a token and its arrival here, beyond what it takes directly. */
export async function addedPerFrame(pair: Pair, goalMs: number, turns = 8): Promise<Figure> {
  const measured = await inTurns(pair, turns, lags);
  const direct = measured.direct.flat();
  const via = measured.daemon.flat();
  return atMost(goalMs, {
    name: 'added per frame (50 tokens, 10 ms apart)',
    value: median(via) - median(direct),
    p99: percentile(via, 0.99) - percentile(direct, 0.99),
    unit: 'ms',
    note: `direct ${median(direct).toFixed(2)}, through ${median(via).toFixed(2)}, ${via.length} frames`,
  });
}

async function lags(route: Route): Promise<readonly number[]> {
  const order = newOrder('stream', 50, 10);
  const { tokens } = await ask(route, order, bodyFor(route, order)).reply;
  if (tokens.length !== order.tokens) throw new Error(`${route.url} lost tokens: ${tokens.length} of 50`);
  return tokens.slice(1).map(({ sentMs, receivedMs }) => receivedMs - sentMs);
}

type Both<T> = { readonly direct: T[]; readonly daemon: T[] };

async function inTurns<T>(
  pair: Pair,
  turns: number,
  measure: (route: Route) => Promise<T>,
): Promise<Both<T>> {
  const both: Both<T> = { direct: [], daemon: [] };
  const warmUp = Math.min(20, turns);
  for (let turn = -warmUp; turn < turns; turn += 1) {
    const order: readonly (keyof Both<T>)[] =
      Math.random() < 0.5 ? ['direct', 'daemon'] : ['daemon', 'direct'];
    for (const way of order) {
      const result = await measure(pair[way]);
      if (turn >= 0) both[way].push(result);
    }
  }
  return both;
}
