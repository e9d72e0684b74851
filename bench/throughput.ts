// How much the daemon can take: requests in a closed loop on one core, and many streams side by side.

import { availableParallelism } from 'node:os';
import { ask, bodyFor, type Route, timeToFirstToken } from './ask.ts';
import { atLeast, type Figure, median } from './figures.ts';
import { monotonicMs, newOrder } from './order.ts';
import { pin } from './processes.ts';

export type ClosedLoop = { readonly goal: number; readonly rounds: number; readonly roundMs: number };

const IN_FLIGHT = 8;
const STREAMS = 50;
const TOKENS = 100;

/** Completed requests a second with the daemon on one core and everything else beside it. */
export async function largeRequestsPerSecond(
  route: Route,
  pids: { readonly daemon: number; readonly backend: number },
  { goal, rounds, roundMs }: ClosedLoop,
): Promise<Figure> {
  const last = availableParallelism() - 1;
  const pinned = last > 0 && pin(pids.daemon, '0');
  if (pinned) for (const pid of [pids.backend, process.pid]) pin(pid, `1-${last}`);
  const rates: number[] = [];
  for (let round = 0; round < rounds; round += 1) rates.push(await closedLoop(route, roundMs));
  if (pinned) for (const pid of [pids.daemon, pids.backend, process.pid]) pin(pid, `0-${last}`);
  return atLeast(goal, {
    name: `large requests a second (closed loop of ${IN_FLIGHT})`,
    value: median(rates),
    unit: '1/s',
    note: `${pinned ? 'daemon on one core' : 'not pinned: no taskset here'}; rounds ${rates.map((rate) => rate.toFixed(0)).join(', ')}`,
  });
}

async function closedLoop(route: Route, roundMs: number): Promise<number> {
  const untilMs = monotonicMs() + roundMs;
  let completed = 0;
  const worker = async () => {
    while (monotonicMs() < untilMs) {
      await timeToFirstToken(route, newOrder('stream'));
      completed += 1;
    }
  };
  const startedMs = monotonicMs();
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  return completed / ((monotonicMs() - startedMs) / 1000);
}

/** 50 streams at once: every token of each, in its order. */
export async function streamsAtOnce(route: Route): Promise<Figure> {
  const orders = Array.from({ length: STREAMS }, () => newOrder('stream', TOKENS, 10));
  const replies = await Promise.all(orders.map((order) => ask(route, order, bodyFor(route, order)).reply));
  const arrived = replies.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const inOrder = replies.every(({ tokens }) =>
    tokens.every(({ sentMs }, at) => sentMs >= (tokens[at - 1]?.sentMs ?? 0)),
  );
  const ended = replies.filter(({ text }) => text.includes('event: message_stop')).length;
  return {
    name: `${STREAMS} streams at once: frames that arrived`,
    value: arrived,
    unit: 'frames',
    goal: `${STREAMS * TOKENS}`,
    met: arrived === STREAMS * TOKENS && inOrder && ended === STREAMS,
    note: `${ended} of ${STREAMS} ended properly, ${inOrder ? 'all in order' : 'NOT in order'}`,
  };
}
