// The series as a whole: how many there are, that none can be added, and that they are documented.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { MAX_BACKENDS } from '../../../daemon/config/schema.ts';
import { TTFT_BUCKETS_SECONDS } from '../../../daemon/metrics/catalogue.ts';
import { createMetrics, type Metrics } from '../../../daemon/metrics/metrics.ts';
import { BREAK_CAUSES } from '../../../router/breaks.ts';
import { CLASSIFY_REASONS, DECISION_REASONS } from '../../../router/decision.ts';
import type { CacheReport, Ending, Outcome } from '../../../router/outcome.ts';
import { promtool, promtoolIsMissing } from '../../grafana/prometheus.ts';
import { metrics, OPENMETRICS, OUTCOME, render, series } from './sample.ts';

/** As many backends as a configuration may name. */
const MOST = Array.from({ length: MAX_BACKENDS }, (_, i) => `backend-${i}`);

function fullMetrics(): Metrics {
  return createMetrics({
    version: '1.2.3',
    backends: MOST,
    claudeBackend: 'claude',
    models: {
      local: Object.fromEntries(MOST.map((name) => [name, `model-of-${name}`])),
      claude: Array.from({ length: 20 }, (_, i) => `claude-${i}`),
    },
    sqlite: '3.99.1',
    classifier: 'trained',
    gauges: () =>
      MOST.map((name) => ({
        name,
        up: true,
        inFlight: 0,
        queued: 0,
        model: `model-of-${name}`,
        probeMs: 1,
      })),
    store: () => ({ queued: 0, written: 0, dropped: 0, sizeBytes: 1 }),
  });
}

test('with all six backends there are fewer than 3,000 series, in either format', async () => {
  const m = fullMetrics();
  for (const accept of ['text/plain', OPENMETRICS]) {
    const names = series(await render(m, accept));
    assert.equal(new Set(names).size, names.length);
    assert.ok(names.length > 1500 && names.length < 3000, `${names.length} series`);
  }
});

test('no outcome that can be adds a series: each is there at 0 before the first request', async () => {
  const m = metrics();
  const own = (text: string) => series(text).filter((name) => !/^anyclaude_(nodejs|process)_/.test(name));
  const before = new Set(own(await render(m)));
  assert.ok(
    before.has(
      'anyclaude_requests_total{route="edit",backend="lmstudio",model="other",outcome="client_abort"}',
    ),
  );
  for (const outcome of everyOutcome()) m.observe(outcome);
  assert.deepEqual(
    own(await render(m)).filter((name) => !before.has(name)),
    [],
  );
});

function* everyOutcome(): Generator<Outcome> {
  const { classification: _, decision: __, ...bare } = OUTCOME;
  for (const ending of everyEnding()) {
    yield { ...bare, answeredBy: 'daemon', ending };
    yield { ...bare, answeredBy: 'claude', ending };
    yield { ...bare, answeredBy: 'claude', model: 'claude-priced', ending };
    for (const answeredBy of ['mlx-lm', 'lmstudio', 'claude', 'daemon']) {
      // What the daemon ends after it has been given a task, it refuses or drops: it answers such a request never.
      if (answeredBy === 'daemon' && ending.result === 'completed') continue;
      for (const cache of CACHES) {
        const isOurGuess = cache.evidence === 'progress' || cache.evidence === 'inferred';
        // Nobody looks at the progress of the Claude API, or guesses what it had cached.
        if (answeredBy !== 'claude' || !isOurGuess) yield { ...classified(answeredBy), cache, ending };
      }
    }
  }
  for (const cause of BREAK_CAUSES) {
    const cacheBreak = { cause, segment: 'tools', detail: '', lostTokens: 1, lostSeconds: 1 } as const;
    const basis = 'measured' as const;
    const saved = { seconds: 1, lowSeconds: 1, highSeconds: 1, basis, coldSamples: 1 };
    for (const answeredBy of ['mlx-lm', 'lmstudio']) {
      for (const cache of CACHES) yield { ...classified(answeredBy), cache, cacheBreak, saved };
    }
  }
  for (const reason of DECISION_REASONS) {
    const targets = [{ backend: 'lmstudio', model: 'm' }] as const;
    yield { ...OUTCOME, decision: { targets, reason, detail: '', passedOver: [] } };
  }
  for (const reason of CLASSIFY_REASONS) {
    for (const task of ['analysis', 'edit'] as const) {
      for (const probability of [0.5, 0.99]) {
        yield { ...OUTCOME, toolCalls: [], classification: { task, probability, reason } };
      }
    }
  }
}

const CACHES: readonly CacheReport[] = [
  { evidence: 'none' },
  ...(['reported', 'progress', 'inferred'] as const).flatMap((evidence) =>
    [0, 100, 900].map((cachedTokens) => ({ evidence, cachedTokens, promptTokens: 1000 })),
  ),
  { evidence: 'reported', cachedTokens: 0, promptTokens: 0 },
];

function classified(answeredBy: string): Outcome {
  const first = answeredBy === 'mlx-lm' ? 'lmstudio' : 'mlx-lm';
  const fault = { fault: 'status', phase: 'queued', message: '', durationMs: 1 } as const;
  const statuses = [undefined, 400, 404, 500, 503, 599, 302];
  return {
    ...OUTCOME,
    answeredBy,
    requestedModel: `asked-${answeredBy}`,
    sessionId: `session-${answeredBy}`,
    project: '/somewhere',
    attempts:
      answeredBy === 'daemon'
        ? []
        : statuses.map((httpStatus) => ({ ...fault, backend: first, ...(httpStatus && { httpStatus }) })),
  };
}

function* everyEnding(): Generator<Ending> {
  const faults = ['stalled', 'overflow', 'rejected', 'queue-full', 'draining', 'reset', 'internal'] as const;
  yield { result: 'completed' };
  for (const refusal of ['no-backend', 'overflow', 'unsupported', 'bad-request'] as const) {
    yield { result: 'refused', refusal };
  }
  for (const phase of ['queued', 'before-first-token', 'mid-stream'] as const) {
    yield { result: 'cancelled', phase };
    for (const fault of faults) yield { result: 'failed', phase, fault };
  }
}

test('the table of grafana/README.md names every metric with its labels, and no other', async () => {
  const listed = readFileSync('grafana/README.md', 'utf8').matchAll(/^\| `(\w+)` \| ([\w, ]*)\|/gm);
  const documented = [...listed].map(([, name, labels = '']) => `${name}: ${labels.trim()}`);
  const labelsOf = new Map<string, string>();
  for (const line of series(await render(fullMetrics()))) {
    const [, name = '', labels = ''] = line.match(/^anyclaude_(\w+)(?:\{(.*)\})?$/) ?? [];
    const names = [...labels.matchAll(/(\w+)="/g)]
      .map(([, label]) => label)
      .filter((label) => label !== 'le');
    if (!/^(process|nodejs)_/.test(name))
      labelsOf.set(name.replace(/_(bucket|sum|count)$/, ''), names.join(', '));
  }
  const served = [...labelsOf].map(([name, labels]) => `${name}: ${labels}`);
  assert.deepEqual(documented.sort(), served.sort());
});

test('grafana/README.md is right about how many series there are', async () => {
  const readme = readFileSync('grafana/README.md', 'utf8');
  const [, two, most] =
    readme.match(/about ([\d,]+) with two backends, under ([\d,]+) with six, the most there may be/) ?? [];
  assert.equal(MAX_BACKENDS, 6);
  const number = (text = '') => Number(text.replace(',', ''));
  const withTwo = series(await render(metrics())).length;
  assert.ok(Math.abs(withTwo - number(two)) < 50, `${withTwo} with two backends`);
  assert.ok(series(await render(fullMetrics())).length < number(most));
});

test('promtool finds nothing to mend in the metrics', { skip: promtoolIsMissing() }, async () => {
  const m = fullMetrics();
  m.observe({ ...OUTCOME, answeredBy: 'backend-0' });
  const { status, output } = promtool(['check', 'metrics'], await render(m));
  assert.equal(output, '');
  assert.equal(status, 0);
});

// ---- Bounds -------------------------------------------------------------------------------------------

for (const coldShare of [0.03, 0.2]) {
  test(`with ${coldShare * 100} % cold prompts the histogram is within 10 % of the true first tokens`, () => {
    const seconds = firstTokens(coldShare).toSorted((a, b) => a - b);
    for (const share of [0.5, 0.9, 0.95, 0.99]) {
      const truth = seconds[Math.floor(share * seconds.length)] ?? 0;
      const shown = histogramQuantile(share, seconds);
      assert.ok(Math.abs(shown / truth - 1) < 0.1, `${share}: ${shown} s for ${truth} s`);
    }
  });
}

/** Warm ones around half a second, cold ones around half a minute; always the same. */
function firstTokens(coldShare: number): readonly number[] {
  const COUNT = 20_000;
  return Array.from({ length: COUNT }, (_, i) => {
    const isCold = i < coldShare * COUNT;
    const rank = isCold
      ? (i + 0.5) / (coldShare * COUNT)
      : (i + 0.5 - coldShare * COUNT) / COUNT / (1 - coldShare);
    // The logistic curve stands in for the normal one: it has an inverse, and longer tails.
    const logit = Math.log(rank / (1 - rank));
    return isCold ? 30 * Math.exp(0.06 * logit) : 0.55 * Math.exp(0.22 * logit);
  });
}

/** As Prometheus does it: a straight line within the bucket. */
function histogramQuantile(share: number, sorted: readonly number[]): number {
  const wanted = share * sorted.length;
  let [below, countBelow] = [0, 0];
  for (const bound of TTFT_BUCKETS_SECONDS) {
    const count = sorted.filter((seconds) => seconds <= bound).length;
    if (count >= wanted) return below + ((bound - below) * (wanted - countBelow)) / (count - countBelow);
    [below, countBelow] = [bound, count];
  }
  return below;
}
