// What a scrape costs: a page with every series that the most backends a configuration may name make, after traffic
// to all of them; rendered in this process, and asked for over HTTP beside a bare Express route that sends a page of
// the same size. The page is written in one turn of the event loop, so its time is also how long a stream's frame may
// have to wait for it. `npm run bench:metrics`
//
//   --quick  few scrapes, to see that it works
//   --json   figures as JSON on stdout

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { MAX_BACKENDS } from '../daemon/config/schema.ts';
import { createMetrics } from '../daemon/metrics/metrics.ts';
import type { Outcome } from '../router/outcome.ts';
import { readArguments } from './arguments.ts';
import { atMost, type Figure, median, percentile, renderTable } from './figures.ts';

const { values: options } = readArguments({
  options: { quick: { type: 'boolean' }, json: { type: 'boolean' } },
});
const ROUNDS = options.quick ? 1 : 6;
/** A round. */
const SCRAPES = options.quick ? 20 : 200;
const GOAL_MS = 10;
const BACKENDS = Array.from({ length: MAX_BACKENDS }, (_, i) => `backend-${i}`);
const FORMATS = { text: 'text/plain', OpenMetrics: 'application/openmetrics-text' };

const metrics = createMetrics({
  version: '0.0.0',
  backends: BACKENDS,
  claudeBackend: 'claude',
  models: {
    local: Object.fromEntries(BACKENDS.map((name) => [name, `model-of-${name}`])),
    claude: Array.from({ length: 8 }, (_, i) => `claude-${i}`),
  },
  sqlite: '3.99.1',
  classifier: 'trained',
  gauges: () => BACKENDS.map((name) => ({ name, up: true, inFlight: 1, queued: 1, model: name, probeMs: 1 })),
  store: () => ({ queued: 0, written: 0, dropped: 0, sizeBytes: 1 }),
});
for (let i = 0; i < 20_000; i += 1) metrics.observe(outcome(i));

const figures: Figure[] = [];
for (const [name, accept] of Object.entries(FORMATS)) {
  const { text } = await metrics.render(accept);
  const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
  const size = `${series} series, ${Math.round(text.length / 1024)} KiB`;
  figures.push(await timed(`rendered, ${name}`, size, () => metrics.render(accept)));
}
figures.push(...(await overHttp(FORMATS.OpenMetrics)));
if (options.json)
  process.stdout.write(`${JSON.stringify({ node: process.version, figures }, undefined, 2)}\n`);
else process.stdout.write(`${renderTable(figures)}\n`);
process.exit(0);

async function overHttp(accept: string): Promise<readonly Figure[]> {
  const app = express();
  const { text: same } = await metrics.render(accept);
  app.get('/bare', (_request, response) => response.type('text/plain').end(same));
  app.get('/metrics', async (_request, response) => {
    const { contentType, text } = await metrics.render(accept);
    response.set('content-type', contentType).end(Buffer.from(text));
  });
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const get = async (path: string) => (await fetch(`${url}${path}`)).arrayBuffer();
  const scrape = await timed('over HTTP, /metrics', 'the asking in the same process, too', () =>
    get('/metrics'),
  );
  const bare = await timed('over HTTP, a bare route', 'a page of that size', () => get('/bare'));
  const added = scrape.value - bare.value;
  return [scrape, bare, { name: 'added by the metrics', value: added, unit: 'ms' }];
}

/**
 * Of the quietest round, by its 99th percentile: a busy machine makes any of them longer and none shorter. Processor
 * time tells a slow page from a busy machine, too.
 */
async function timed(name: string, what: string, once: () => Promise<unknown>) {
  await round(once);
  const before = process.cpuUsage();
  const rounds: (readonly number[])[] = [];
  for (let i = 0; i < ROUNDS; i += 1) rounds.push(await round(once));
  const { user, system } = process.cpuUsage(before);
  const p99 = Math.min(...rounds.map((times) => percentile(times, 0.99)));
  const quietest = rounds.find((times) => percentile(times, 0.99) === p99) ?? [];
  const cpuMs = (user + system) / 1000 / (ROUNDS * SCRAPES);
  const note = `${what}; processor time ${cpuMs.toFixed(1)} ms each`;
  const { goal = '', met = false } = atMost(GOAL_MS, { name, value: p99, unit: 'ms' });
  return { name, value: median(quietest), p99, unit: 'ms', goal: `${goal} at p99`, met, note };
}

async function round(once: () => Promise<unknown>): Promise<readonly number[]> {
  const times: number[] = [];
  for (let i = 0; i < SCRAPES; i += 1) {
    const startedMs = performance.now();
    await once();
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
    ...{ overheadMs: 1, classifyMs: 0.2, translateMs: 0.3 },
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
