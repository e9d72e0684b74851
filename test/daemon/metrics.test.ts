import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TTFT_BUCKETS_SECONDS } from '../../daemon/metric-catalogue.ts';
import { createMetrics } from '../../daemon/metrics.ts';
import type { Outcome } from '../../router/outcome.ts';

const OUTCOME: Outcome = {
  requestId: 'req_1',
  startedAtMs: 1,
  durationMs: 2500,
  kind: 'main',
  answeredBy: 'mlx-lm',
  model: 'm',
  requestedModel: 'm',
  stream: true,
  classification: { task: 'analysis', probability: 0.8, reason: 'question-words' },
  attempts: [],
  queueMs: 3,
  ttftMs: 700,
  overheadMs: 1.5,
  outputTokens: 10,
  toolCalls: ['Read'],
  invalidToolCalls: 0,
  httpStatus: 200,
  bytesIn: 10,
  bytesOut: 10,
  cache: { evidence: 'reported', promptTokens: 1000, cachedTokens: 900 },
  ending: { result: 'completed' },
};

function metrics() {
  return createMetrics({
    version: '1.2.3',
    backends: ['mlx-lm', 'lmstudio'],
    claudeBackend: 'claude',
    classifier: 'trained',
    gauges: () => [
      { name: 'mlx-lm', up: true, inFlight: 1, queued: 2 },
      { name: 'lmstudio', up: undefined, inFlight: 0, queued: 0 },
    ],
    store: () => ({ queued: 4, written: 5, dropped: 6 }),
  });
}

const value = (text: string, series: string): number | undefined => {
  const line = text.split('\n').find((row) => row.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
};

test('one outcome moves every figure that it tells', async () => {
  const m = metrics();
  m.observe(OUTCOME);
  const text = await m.render();
  const at = 'route="analysis",backend="mlx-lm"';
  assert.equal(value(text, `anyclaude_requests_total{${at},outcome="ok"}`), 1);
  assert.equal(value(text, `anyclaude_time_to_first_token_seconds_count{${at},cache="hit"}`), 1);
  assert.equal(value(text, `anyclaude_time_to_first_token_seconds_sum{${at},cache="hit"}`), 0.7);
  const perToken = `anyclaude_time_per_output_token_seconds_count{${at}}`;
  assert.equal(
    value(text, perToken),
    0,
    'a tool call is shown when it is whole: it tells nothing of the speed',
  );
  m.observe({ ...OUTCOME, toolCalls: [] });
  const again = await m.render();
  assert.equal(value(again, perToken), 1);
  assert.equal(value(again, `anyclaude_time_per_output_token_seconds_sum{${at}}`), 0.2);
  assert.equal(value(text, 'anyclaude_input_tokens_total{backend="mlx-lm",cache="read"}'), 900);
  assert.equal(value(text, 'anyclaude_input_tokens_total{backend="mlx-lm",cache="none"}'), 100);
  assert.equal(value(text, 'anyclaude_output_tokens_total{backend="mlx-lm"}'), 10);
  assert.equal(value(text, 'anyclaude_classifications_total{route="analysis",rule="question-words"}'), 1);
  assert.equal(value(text, 'anyclaude_tool_calls_total{backend="mlx-lm",result="valid"}'), 1);
});

test('an unknown cache counts as unknown and never as a miss', async () => {
  const m = metrics();
  m.observe({ ...OUTCOME, cache: { evidence: 'none', promptTokens: 1000 } });
  const text = await m.render();
  assert.equal(value(text, 'anyclaude_input_tokens_total{backend="mlx-lm",cache="unknown"}'), 1000);
  assert.equal(value(text, 'anyclaude_input_tokens_total{backend="mlx-lm",cache="none"}'), 0);
  const labels = 'backend="mlx-lm",result="unknown",evidence="none"';
  assert.equal(value(text, `anyclaude_prompt_cache_requests_total{${labels}}`), 1);
});

test('every label set that can occur is there at 0 before the first request', async () => {
  const text = await metrics().render();
  assert.equal(
    value(text, 'anyclaude_requests_total{route="edit",backend="lmstudio",outcome="client_abort"}'),
    0,
  );
  assert.equal(value(text, 'anyclaude_fallbacks_total{from="mlx-lm",to="lmstudio"}'), 0);
  const before = text.split('\n').filter((line) => !line.startsWith('#')).length;
  assert.ok(before < 3000, `${before} series`);
});

test('a request adds no series, whatever it names its model, session or project', async () => {
  const m = metrics();
  const count = (text: string) => text.split('\n').filter((line) => line.startsWith('anyclaude_')).length;
  const before = count(await m.render());
  for (let i = 0; i < 200; i += 1) {
    m.observe({
      ...OUTCOME,
      requestedModel: `m${i}`,
      sessionId: `s${i}`,
      project: `/p/${i}`,
      model: `m${i}`,
    });
  }
  assert.equal(count(await m.render()), before);
});

test('a backend of unknown state has no backend_up sample', async () => {
  const text = await metrics().render();
  assert.equal(value(text, 'anyclaude_backend_up{backend="mlx-lm"}'), 1);
  assert.equal(value(text, 'anyclaude_backend_up{backend="lmstudio"}'), undefined);
  assert.equal(value(text, 'anyclaude_inflight_requests{backend="mlx-lm"}'), 1);
  assert.equal(value(text, 'anyclaude_queued_requests{backend="mlx-lm"}'), 2);
  assert.equal(value(text, 'anyclaude_store_dropped_total'), 6);
});

test('the bounds for the first token tell a cold prefill of 30 s from one of 60 s', () => {
  const between = TTFT_BUCKETS_SECONDS.filter((bound) => bound > 10 && bound <= 60);
  assert.ok(between.length >= 7);
  assert.deepEqual(
    TTFT_BUCKETS_SECONDS.toSorted((a, b) => a - b),
    TTFT_BUCKETS_SECONDS,
  );
});
