// What a scrape costs: a page with every series that eight backends make, after traffic to all of them.
//
//   node bench/metrics.ts

import { createMetrics, type Metrics } from '../daemon/metrics.ts';
import type { Outcome } from '../router/outcome.ts';
import { type Figure, median, percentile, renderTable } from './figures.ts';

const BACKENDS = Array.from({ length: 8 }, (_, i) => `backend-${i}`);
const SCRAPES = 300;

const metrics = createMetrics({
  version: '0.0.0',
  backends: BACKENDS,
  claudeBackend: 'claude',
  classifier: 'trained',
  gauges: () => BACKENDS.map((name) => ({ name, up: true, inFlight: 1, queued: 1, model: name, probeMs: 1 })),
  store: () => ({ queued: 0, written: 0, dropped: 0, sizeBytes: 1 }),
});
for (let i = 0; i < 20_000; i += 1) metrics.observe(outcome(i));

const formats = { text: 'text/plain', OpenMetrics: 'application/openmetrics-text' };
for (const [name, accept] of Object.entries(formats)) await warmUp(metrics, accept, name);
const figures: Figure[] = [];
for (const [name, accept] of Object.entries(formats)) {
  const before = process.cpuUsage();
  const times = await scrape(metrics, accept);
  const { user, system } = process.cpuUsage(before);
  // Tells a slow page from a busy machine.
  const note = `processor time ${((user + system) / 1000 / SCRAPES).toFixed(1)} ms a scrape`;
  const p99 = percentile(times, 0.99);
  const figure = { name: `scrape, ${name}`, value: median(times), p99, unit: 'ms', note };
  figures.push({ ...figure, goal: '≤ 10 at p99', met: p99 <= 10 });
}
console.log(renderTable(figures));

async function warmUp(of: Metrics, accept: string, name: string): Promise<void> {
  const { text } = await of.render(accept);
  const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
  console.log(`${name}: ${series} series, ${Math.round(text.length / 1024)} KiB`);
  for (let i = 0; i < 50; i += 1) await of.render(accept);
}

async function scrape(of: Metrics, accept: string): Promise<readonly number[]> {
  const times: number[] = [];
  for (let i = 0; i < SCRAPES; i += 1) {
    const startedMs = performance.now();
    await of.render(accept);
    times.push(performance.now() - startedMs);
  }
  return times;
}

function outcome(i: number): Outcome {
  const promptTokens = 10_000 + (i % 7) * 1000;
  const backend = BACKENDS[i % BACKENDS.length] ?? '';
  return {
    requestId: `req_${i.toString(16).padStart(32, '0')}`,
    startedAtMs: i,
    durationMs: 500 + (i % 97) * 300,
    kind: 'main',
    answeredBy: backend,
    requestedModel: 'm',
    stream: true,
    classification: { task: i % 3 === 0 ? 'edit' : 'analysis', probability: 0.8, reason: 'default' },
    decision: { targets: [{ backend, model: 'm' }], reason: 'task', detail: '', passedOver: [] },
    attempts: [],
    queueMs: i % 50,
    ttftMs: 400 + (i % 31) * 1000,
    overheadMs: 1,
    outputTokens: 100,
    toolCalls: [],
    invalidToolCalls: 0,
    httpStatus: 200,
    bytesIn: 1,
    bytesOut: 1,
    cache: { evidence: 'reported', promptTokens, cachedTokens: (i % 3) * 3000 },
    ending: { result: 'completed' },
  };
}
