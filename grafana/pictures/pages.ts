// What the daemon would have shown at `/metrics` in the course of a day, page by page.

import { createMetrics, type Metrics } from '../../daemon/metrics/metrics.ts';
import type { Outcome } from '../../router/outcome.ts';
import type { Day } from './day.ts';
import { SERVERS } from './server.ts';

type Course = { readonly fromMs: number; readonly toMs: number; readonly stepMs: number };

const BACKENDS = ['mlx-lm', 'lmstudio'] as const;
const MEGABYTE = 1024 * 1024;

/** Each in OpenMetrics, every sample with the time that it is from. */
export async function* playedPages(day: Day, { fromMs, toMs, stepMs }: Course): AsyncGenerator<string> {
  let nowMs = fromMs;
  let written = 0;
  const metrics = metricsOf(day, { now: () => nowMs, written: () => written });
  for (; nowMs <= toMs; nowMs += stepMs) {
    written += happened(metrics, day, { fromMs: nowMs - stepMs, toMs: nowMs });
    const { text } = await metrics.render('application/openmetrics-text');
    yield dated(ofTheProcess(text, nowMs - fromMs), nowMs, day.outcomes);
  }
}

type State = { readonly now: () => number; readonly written: () => number };

function metricsOf(day: Day, { now, written }: State): Metrics {
  return createMetrics({
    ...{ version: '0.1.0', backends: BACKENDS, claudeBackend: 'claude', classifier: 'trained' },
    models: { local: {}, claude: [] },
    sqlite: '3.54.1',
    gauges: () =>
      BACKENDS.map((name) => {
        const running = day.outcomes.filter((one) => one.answeredBy === name && isWithin(one, now())).length;
        const up = day.isUp(name, now());
        const { model } = SERVERS[name];
        // A server that computes is slow to answer a probe.
        const probeMs = up ? 3 + ripple(now(), name.length) * 4 + running * 9 : undefined;
        return {
          ...{ name, up, probeMs },
          inFlight: Math.min(running, 1),
          queued: Math.max(0, running - 1),
          ...(up && { model }),
        };
      }),
    store: () => ({
      queued: 0,
      written: written(),
      dropped: 0,
      sizeBytes: 31 * MEGABYTE + written() * 2_300,
    }),
  });
}

function isWithin({ startedAtMs, durationMs }: Outcome, nowMs: number): boolean {
  return startedAtMs <= nowMs && nowMs < startedAtMs + durationMs;
}

/** Rows written for what ended in this span. */
function happened(metrics: Metrics, day: Day, { fromMs, toMs }: { fromMs: number; toMs: number }): number {
  const isOver = ({ startedAtMs, durationMs }: { startedAtMs: number; durationMs: number }) =>
    startedAtMs + durationMs > fromMs && startedAtMs + durationMs <= toMs;
  const outcomes = day.outcomes.filter(isOver);
  for (const outcome of outcomes) {
    metrics.observe(outcome);
    metrics.storeFlushed(0.6 + ripple(outcome.startedAtMs, 1) ** 4 * 9);
  }
  for (const warmup of day.warmups.filter(isOver)) {
    metrics.warmedUp(warmup);
    metrics.warmupUsed(warmup);
  }
  return outcomes.length;
}

/** The process that writes these pages is no daemon at work: its memory and its lag are made up like the rest. */
function ofTheProcess(page: string, passedMs: number): string {
  const memory = Math.round((92 + ripple(passedMs, 2) * 7 + passedMs / 3_600_000) * MEGABYTE);
  const lag = 0.0104 + ripple(passedMs, 5) ** 6 * 0.006;
  return page
    .replace(/^(anyclaude_process_resident_memory_bytes) .*$/m, `$1 ${memory}`)
    .replace(/^(anyclaude_nodejs_eventloop_lag_p99_seconds) .*$/m, `$1 ${lag}`);
}

/** Prometheus takes a sample's own time before that of the scrape. */
function dated(page: string, nowMs: number, outcomes: readonly Outcome[]): string {
  const endedAt = new Map(outcomes.map((one) => [one.requestId, one.startedAtMs + one.durationMs]));
  return page.replace(/^([^#\n].*?)( # \{request_id="(\w+)"\} \S+) \S+$|^([^#\n].*)$/gm, (...found) => {
    const [, bucket, exemplar, id, plain] = found;
    if (plain !== undefined) return `${plain} ${nowMs / 1000}`;
    return `${bucket} ${nowMs / 1000}${exemplar} ${(endedAt.get(String(id)) ?? nowMs) / 1000}`;
  });
}

/** 0 to 1, never twice alike. */
function ripple(atMs: number, seed: number): number {
  const x = Math.sin(atMs / 9_173 + seed * 78.233) * 43_758.5453;
  return x - Math.floor(x);
}
