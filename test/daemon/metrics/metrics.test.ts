import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ending } from '../../../router/outcome.ts';
import type { Warmup } from '../../../router/warmup.ts';
import { sqliteVersion } from '../../../store/sqlite.ts';
import type { Fault } from '../../../wire/error.ts';
import { metrics, OPENMETRICS, OUTCOME, render, series, value } from './sample.ts';

test('one outcome moves every figure that it tells', async () => {
  const m = metrics();
  m.observe(OUTCOME);
  const text = await render(m);
  const at = 'route="analysis",backend="mlx-lm"';
  const warm = 'backend="mlx-lm",cache="hit"';
  const asked = 'backend="mlx-lm",model="m"';
  assert.equal(value(text, `anyclaude_requests_total{${at},model="m",outcome="ok"}`), 1);
  assert.equal(value(text, `anyclaude_request_duration_seconds_sum{${at}}`), 2.5);
  assert.equal(value(text, `anyclaude_time_to_first_token_seconds_count{${warm}}`), 1);
  assert.equal(value(text, `anyclaude_time_to_first_token_seconds_sum{${warm}}`), 0.7);
  assert.equal(value(text, `anyclaude_input_tokens_total{${asked},cache="read"}`), 900);
  assert.equal(value(text, `anyclaude_input_tokens_total{${asked},cache="none"}`), 100);
  assert.equal(value(text, `anyclaude_output_tokens_total{${asked}}`), 10);
  const rule = 'route="analysis",rule="question-words",confidence="high"';
  assert.equal(value(text, `anyclaude_classifications_total{${rule}}`), 1);
  assert.equal(value(text, 'anyclaude_decisions_total{backend="mlx-lm",reason="task"}'), 1);
  assert.equal(value(text, 'anyclaude_tool_calls_total{backend="mlx-lm",result="valid"}'), 1);
  assert.equal(value(text, 'anyclaude_upstream_responses_total{backend="mlx-lm",code="200"}'), 1);
  const phases = ['total', 'classify', 'translate'];
  assert.deepEqual(
    phases.map((phase) => value(text, `anyclaude_overhead_seconds_sum{phase="${phase}"}`)),
    [0.0015, 0.00025, 0.0005],
  );
});

test('a model has a label where the configuration names it, and is other where it does not', async () => {
  const m = metrics();
  const { classification: _, decision: __, ...relayed } = { ...OUTCOME, answeredBy: 'claude' };
  m.observe({ ...OUTCOME, answeredBy: 'lmstudio', model: 'whatever-is-loaded' });
  m.observe({ ...relayed, model: 'claude-priced' });
  m.observe({ ...relayed, model: 'claude-priced-20260131' });
  m.observe({ ...relayed, model: 'claude-"}\n' });
  m.observe({ ...relayed, answeredBy: 'daemon' });
  const text = await render(m);
  const moved = series(text).filter((one) => /^anyclaude_requests_total/.test(one) && value(text, one));
  assert.deepEqual(moved.map((one) => `${one} ${value(text, one)}`).sort(), [
    'anyclaude_requests_total{route="analysis",backend="lmstudio",model="other",outcome="ok"} 1',
    'anyclaude_requests_total{route="daemon",backend="daemon",model="none",outcome="ok"} 1',
    'anyclaude_requests_total{route="passthrough",backend="claude",model="claude-priced",outcome="ok"} 2',
    'anyclaude_requests_total{route="passthrough",backend="claude",model="other",outcome="ok"} 1',
  ]);
});

const LEFT: readonly (readonly [Fault, reason: string])[] = [
  ['connect', 'down'],
  ['dead', 'down'],
  ['queue-full', 'busy'],
  ['overflow', 'overflow'],
  ['rejected', 'refused'],
  ['status', 'error'],
  ['truncated', 'broken-off'],
  ['bad-tool-call', 'bad-tool-call'],
  ['stalled', 'stalled'],
];

for (const [fault, reason] of LEFT) {
  test(`a request that goes on after ${fault} is counted as ${reason}, by its first backend's fault`, async () => {
    const m = metrics();
    const failed = { phase: 'before-first-token', message: '', durationMs: 1 } as const;
    m.observe({
      ...OUTCOME,
      answeredBy: 'claude',
      attempts: [
        { ...failed, backend: 'mlx-lm', fault },
        { ...failed, backend: 'lmstudio', fault: 'reset' },
      ],
    });
    const text = await render(m);
    const counted = series(text).filter((one) => /^anyclaude_fallbacks/.test(one) && value(text, one));
    assert.deepEqual(counted, [`anyclaude_fallbacks_total{from="mlx-lm",to="claude",reason="${reason}"}`]);
  });
}

test('the build names its own version, that of Node and that of SQLite', async () => {
  const build = `version="1.2.3",node="${process.versions.node}",sqlite="3.99.1"`;
  assert.equal(value(await render(metrics()), `anyclaude_build_info{${build}}`), 1);
  assert.match(sqliteVersion() ?? '', /^3\.\d+\.\d+$/);
});

test('the time per token is that of tokens after the first, where its moment is known', async () => {
  const m = metrics();
  const at = 'anyclaude_time_per_output_token_seconds';
  const labels = '{route="analysis",backend="mlx-lm"}';
  m.observe(OUTCOME);
  assert.equal(value(await render(m), `${at}_count${labels}`), 0);
  m.observe({ ...OUTCOME, firstTokenMs: 700 });
  const text = await render(m);
  assert.equal(value(text, `${at}_count${labels}`), 1);
  assert.equal(value(text, `${at}_sum${labels}`), 0.2);
});

test('an unknown cache counts as unknown and never as a miss', async () => {
  const m = metrics();
  m.observe({ ...OUTCOME, cache: { evidence: 'none', promptTokens: 1000 } });
  const text = await render(m);
  assert.equal(value(text, 'anyclaude_input_tokens_total{backend="mlx-lm",model="m",cache="unknown"}'), 1000);
  assert.equal(value(text, 'anyclaude_input_tokens_total{backend="mlx-lm",model="m",cache="none"}'), 0);
  const labels = 'backend="mlx-lm",result="unknown",evidence="none"';
  assert.equal(value(text, `anyclaude_prompt_cache_requests_total{${labels}}`), 1);
});

test('a failed attempt counts by the status it got, and the answer by its own', async () => {
  const m = metrics();
  const failed = { backend: 'mlx-lm', phase: 'before-first-token', message: '', durationMs: 1 } as const;
  m.observe({
    ...OUTCOME,
    answeredBy: 'lmstudio',
    attempts: [
      { ...failed, fault: 'status', httpStatus: 500 },
      { ...failed, fault: 'connect' },
      { ...failed, fault: 'status', httpStatus: 418 },
      { ...failed, fault: 'queue-full' },
    ],
  });
  const text = await render(m);
  const counted = series(text).filter(
    (name) => name.startsWith('anyclaude_upstream_responses_total') && value(text, name) === 1,
  );
  assert.deepEqual(counted.sort(), [
    'anyclaude_upstream_responses_total{backend="lmstudio",code="200"}',
    'anyclaude_upstream_responses_total{backend="mlx-lm",code="500"}',
    'anyclaude_upstream_responses_total{backend="mlx-lm",code="none"}',
    'anyclaude_upstream_responses_total{backend="mlx-lm",code="other"}',
  ]);
  assert.equal(value(text, 'anyclaude_fallbacks_total{from="mlx-lm",to="lmstudio",reason="error"}'), 1);
});

test('a relayed answer counts by the status of the Claude API, a lost connection by none', async () => {
  const m = metrics();
  const { classification: _, decision: __, ...rest } = OUTCOME;
  const relayed = { ...rest, answeredBy: 'claude', toolCalls: [] };
  const refused = { result: 'failed', phase: 'before-first-token' } as const;
  m.observe(relayed);
  m.observe({ ...relayed, httpStatus: 429, ending: { ...refused, fault: 'rate-limited' } });
  m.observe({ ...relayed, httpStatus: 502, ending: { ...refused, fault: 'connect' } });
  const text = await render(m);
  for (const code of ['200', '429', 'none']) {
    assert.equal(value(text, `anyclaude_upstream_responses_total{backend="claude",code="${code}"}`), 1, code);
  }
  assert.equal(value(text, 'anyclaude_upstream_responses_total{backend="claude",code="502"}'), 0);
  const passed = 'route="passthrough",backend="claude",model="other"';
  assert.equal(value(text, `anyclaude_requests_total{${passed},outcome="ok"}`), 1);
});

const INTERRUPTED: readonly (readonly [side: string, ending: Ending])[] = [
  ['client', { result: 'cancelled', phase: 'mid-stream' }],
  ['upstream', { result: 'failed', phase: 'mid-stream', fault: 'reset' }],
  ['idle', { result: 'failed', phase: 'mid-stream', fault: 'stalled' }],
  ['daemon', { result: 'failed', phase: 'mid-stream', fault: 'draining' }],
];

for (const [side, ending] of INTERRUPTED) {
  test(`a stream that ${side} broke off is counted so, and one that had not begun is not`, async () => {
    const m = metrics();
    m.observe({ ...OUTCOME, ending });
    m.observe({ ...OUTCOME, ending: { ...ending, phase: 'queued' } as Ending });
    const text = await render(m);
    assert.equal(value(text, `anyclaude_stream_interruptions_total{backend="mlx-lm",side="${side}"}`), 1);
    const at = 'route="analysis",backend="mlx-lm"';
    assert.equal(
      value(text, `anyclaude_request_duration_seconds_count{${at}}`),
      0,
      'it was not answered whole',
    );
  });
}

// ---- Gauges and formats -------------------------------------------------------------------------------

test('what is unknown of a backend has no sample, and what is known has one', async () => {
  const text = await render(metrics());
  assert.equal(value(text, 'anyclaude_backend_up{backend="mlx-lm"}'), 1);
  assert.equal(value(text, 'anyclaude_backend_up{backend="lmstudio"}'), undefined);
  assert.equal(value(text, 'anyclaude_backend_probe_duration_seconds{backend="mlx-lm"}'), 0.012);
  assert.equal(value(text, 'anyclaude_backend_probe_duration_seconds{backend="lmstudio"}'), undefined);
  assert.equal(value(text, 'anyclaude_inflight_requests{backend="mlx-lm"}'), 1);
  assert.equal(value(text, 'anyclaude_queued_requests{backend="mlx-lm"}'), 2);
  assert.equal(value(text, 'anyclaude_store_dropped_total'), 6);
  assert.equal(value(text, 'anyclaude_store_size_bytes'), 7);
});

test('a backend that loads another model is shown with that model alone', async () => {
  let model = 'old';
  const m = metrics(() => [{ name: 'mlx-lm', up: true, inFlight: 0, queued: 0, model }]);
  await m.render();
  model = 'new';
  const shown = series(await render(m)).filter((name) => name.startsWith('anyclaude_backend_model_info'));
  assert.deepEqual(shown, ['anyclaude_backend_model_info{backend="mlx-lm",model="new"}']);
});

test('a model may be called anything: its name cannot break the page', async () => {
  const model = 'a"b\\c\nanyclaude_up 1';
  const text = await render(metrics(() => [{ name: 'mlx-lm', up: true, inFlight: 0, queued: 0, model }]));
  const shown = text.split('\n').filter((line) => line.startsWith('anyclaude_backend_model_info{'));
  assert.deepEqual(shown, [
    String.raw`anyclaude_backend_model_info{backend="mlx-lm",model="a\"b\\c\nanyclaude_up 1"} 1`,
  ]);
});

test('a slow first token names its request in OpenMetrics, and a scrape in one format leaves the other whole', async () => {
  const m = metrics();
  m.observe({ ...OUTCOME, requestId: 'req_slow', ttftMs: 31_000 });
  const open = await m.render(OPENMETRICS);
  assert.match(open.contentType, /^application\/openmetrics-text/);
  assert.match(
    open.text,
    /first_token_seconds_bucket\{le="35",backend="mlx-lm",cache="hit"\} 1 # \{request_id="req_slow"\} 31 /,
  );
  assert.ok(open.text.endsWith('# EOF\n'));
  const text = await m.render('text/plain');
  assert.match(text.contentType, /^text\/plain/);
  assert.doesNotMatch(text.text, /req_slow|# EOF/);
  const [again, old] = [await render(m, OPENMETRICS), await render(m, 'text/plain')];
  for (const page of [again, old]) {
    const asked = 'route="analysis",backend="mlx-lm",model="m"';
    assert.equal(value(page, `anyclaude_requests_total{${asked},outcome="ok"}`), 1);
  }
});

test('a prefill in a pause counts when it has ended, and its tokens as used or wasted once that is known', async () => {
  const m = metrics();
  const warmup: Warmup = {
    ...{ warmupId: 'w', purpose: 'catch-up', backend: 'lmstudio', model: 'm', startedAtMs: 1 },
    ...{ durationMs: 2500, result: 'cancelled', steps: 2, computedTokens: 900 },
  };
  const before = series(await render(m));
  m.warmedUp(warmup);
  m.warmupUsed({ ...warmup, use: { result: 'used', requestId: 'r', tokens: 700, savedSeconds: 1.5 } });
  m.warmupUsed({ ...warmup, use: { result: 'wasted' } });
  m.warmupUsed({ ...warmup, use: { result: 'unknown', requestId: 'r' } });
  const text = await render(m);
  const own = 'purpose="catch-up",backend="lmstudio",result="cancelled"';
  const of = (name: string) => value(text, `anyclaude_warmup_${name}_total{backend="lmstudio"}`);
  assert.equal(value(text, `anyclaude_warmups_total{${own}}`), 1);
  const took = 'anyclaude_warmup_duration_seconds_bucket';
  assert.equal(value(text, `${took}{le="2",backend="lmstudio"}`), 0);
  assert.equal(value(text, `${took}{le="5",backend="lmstudio"}`), 1);
  assert.deepEqual(
    ['computed_tokens', 'seconds', 'used_tokens', 'wasted_tokens', 'saved_seconds'].map(of),
    [900, 2.5, 700, 1100, 1.5],
  );
  const ownSeries = (names: readonly string[]) => names.filter((name) => name.includes('warmup'));
  assert.deepEqual(ownSeries(series(text)), ownSeries(before));
});
