// What the upkeep costs whoever shares its event loop.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { keepUp } from '../../store/upkeep.ts';
import { type Figure, percentile } from '../figures.ts';
import type { BenchStore } from './bench-store.ts';

export async function keptUp({ db }: BenchStore, nowMs: number): Promise<readonly Figure[]> {
  const stepsMs: number[] = [];
  const loop = monitorEventLoopDelay({ resolution: 1 });
  const startedMs = performance.now();
  loop.enable();
  const { rolledHours } = await keepUp(db, {
    nowMs,
    rest: setImmediate,
    retention: { requestDays: 3650, rollupDays: 3650 },
    onStep: (durationMs) => stepsMs.push(durationMs),
  });
  loop.disable();
  const ms = (nanoseconds: number) => nanoseconds / 1e6;
  return [
    { name: 'hours that were rolled up', value: rolledHours, unit: 'hours' },
    { name: 'upkeep, all of it', value: (performance.now() - startedMs) / 1000, unit: 's' },
    { name: 'an hour of it', value: percentile(stepsMs, 0.5), p99: percentile(stepsMs, 0.99), unit: 'ms' },
    {
      ...{ name: 'event loop held up at once', value: ms(loop.percentile(50)), p99: ms(loop.percentile(99)) },
      ...{ unit: 'ms', note: `longest ${ms(loop.max).toFixed(1)} ms, timer of 1 ms included` },
    },
  ];
}
