// Outcomes as Prometheus metrics. prom-client sits behind this file and metric-catalogue.ts, on a registry of its
// own; every label comes from a closed set or from the configuration, and every label set that the configuration
// makes possible exists from the first scrape on.

import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { cacheResult } from '../router/cache.ts';
import { CLASSIFY_REASONS, DECISION_REASONS } from '../router/decision.ts';
import type { CacheReport, Outcome } from '../router/outcome.ts';
import { type Catalogue, createCatalogue } from './metric-catalogue.ts';

const ROUTES = ['analysis', 'edit', 'passthrough', 'daemon'] as const;
const OUTCOMES = [
  'ok',
  'client_abort',
  'upstream_error',
  'timeout',
  'invalid_request',
  'overloaded',
] as const;
const CACHE_RESULTS = ['hit', 'partial', 'miss', 'unknown'] as const;
const EVIDENCE = ['reported', 'progress', 'inferred', 'none'] as const;

/** Read at each scrape. */
export type BackendGauges = {
  readonly name: string;
  readonly up: boolean | undefined;
  readonly inFlight: number;
  readonly queued: number;
};

export type MetricsOptions = {
  readonly version: string;
  readonly backends: readonly string[];
  readonly claudeBackend: string;
  readonly gauges: () => readonly BackendGauges[];
  /** What names the task. */
  readonly classifier: 'trained' | 'rules';
  readonly store: () => { readonly queued: number; readonly written: number; readonly dropped: number };
};

export type Metrics = {
  observe(outcome: Outcome): void;
  render(): Promise<string>;
  readonly contentType: string;
};

export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'anyclaude_' });
  // Gauges that end in _total: three lint errors of prom-client's own set.
  for (const name of ['handles', 'requests', 'resources']) {
    registry.removeSingleMetric(`anyclaude_nodejs_active_${name}_total`);
  }
  const catalogue = createCatalogue(registry);
  initialise(catalogue, options);
  addGauges(registry, options);
  return {
    observe: (outcome) => observe(catalogue, outcome, options),
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

function initialise(catalogue: Catalogue, { backends, claudeBackend }: MetricsOptions): void {
  const all = [...backends, claudeBackend];
  for (const backend of all) {
    for (const cache of ['read', 'write', 'none', 'unknown'])
      catalogue.inputTokens.inc({ backend, cache }, 0);
    catalogue.outputTokens.inc({ backend }, 0);
    catalogue.uncachedPrompt.zero({ backend });
    catalogue.queueWait.zero({ backend });
    for (const reason of DECISION_REASONS) catalogue.decisions.inc({ backend, reason }, 0);
    for (const result of ['valid', 'invalid']) catalogue.toolCalls.inc({ backend, result }, 0);
    for (const to of all) if (to !== backend) catalogue.fallbacks.inc({ from: backend, to }, 0);
    for (const result of CACHE_RESULTS) {
      for (const evidence of EVIDENCE) {
        if ((evidence === 'none') === (result === 'unknown')) {
          catalogue.cacheRequests.inc({ backend, result, evidence }, 0);
        }
      }
    }
  }
  for (const backend of backends) {
    catalogue.ttftError.zero({ backend });
    catalogue.ttftExpected.inc({ backend }, 0);
    catalogue.ttftActual.inc({ backend }, 0);
  }
  for (const { route, backend } of routePairs(backends, claudeBackend)) {
    for (const outcome of OUTCOMES) {
      catalogue.requests.inc({ route, backend, outcome }, 0);
      catalogue.duration.zero({ route, backend, outcome });
    }
    for (const cache of CACHE_RESULTS) catalogue.ttft.zero({ route, backend, cache });
    catalogue.tokenTime.zero({ route, backend });
  }
  for (const route of ['analysis', 'edit'] as const) {
    for (const rule of CLASSIFY_REASONS) catalogue.classifications.inc({ route, rule }, 0);
  }
  catalogue.overhead.zero({});
}

function routePairs(backends: readonly string[], claudeBackend: string) {
  return [
    ...backends.flatMap((backend) => ROUTES.slice(0, 2).map((route) => ({ route, backend }))),
    ...ROUTES.slice(0, 2).map((route) => ({ route, backend: 'daemon' })),
    { route: 'passthrough' as const, backend: claudeBackend },
    { route: 'daemon' as const, backend: 'daemon' },
  ];
}

function addGauges(registry: Registry, { version, gauges, store, classifier }: MetricsOptions): void {
  const registers = [registry];
  const gauge = (name: string, help: string, labelNames: string[], collect: (self: Gauge) => void) =>
    new Gauge({
      name: `anyclaude_${name}`,
      help,
      labelNames,
      registers,
      collect() {
        collect(this);
      },
    });
  gauge('backend_up', '1 where the backend answers, 0 where it does not.', ['backend'], (self) => {
    self.reset(); // an unknown state has no sample: it is not 0
    for (const { name, up } of gauges()) if (up !== undefined) self.set({ backend: name }, up ? 1 : 0);
  });
  gauge('inflight_requests', 'Requests past the gate.', ['backend'], (self) => {
    for (const { name, inFlight } of gauges()) self.set({ backend: name }, inFlight);
  });
  gauge('queued_requests', 'Requests waiting at the gate.', ['backend'], (self) => {
    for (const { name, queued } of gauges()) self.set({ backend: name }, queued);
  });
  gauge('store_queue_depth', 'Rows waiting to be written.', [], (self) => self.set(store().queued));
  gauge(
    'classifier_fallback',
    '1 where the trained weights were refused and fixed rules decide.',
    [],
    (self) => self.set(classifier === 'rules' ? 1 : 0),
  );
  gauge('build_info', 'Always 1.', ['version', 'node'], (self) =>
    self.set({ version, node: process.versions.node }, 1),
  );
  const total = (name: string, help: string, read: () => number) =>
    new Counter({
      name: `anyclaude_${name}`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  total('store_rows_total', 'Rows written to the store.', () => store().written);
  total('store_dropped_total', 'Rows the store could not keep.', () => store().dropped);
}

function observe(catalogue: Catalogue, outcome: Outcome, { claudeBackend }: MetricsOptions): void {
  const backend = outcome.answeredBy;
  const route = routeLabel(outcome, claudeBackend);
  const labels = { route, backend, outcome: outcomeLabel(outcome) };
  catalogue.requests.inc(labels);
  catalogue.duration.observe(labels, outcome.durationMs / 1000);
  if (outcome.overheadMs !== undefined) catalogue.overhead.observe(outcome.overheadMs / 1000);
  if (outcome.classification) {
    const { task, reason } = outcome.classification;
    catalogue.classifications.inc({ route: task, rule: reason });
  }
  const { decision } = outcome;
  if (decision) catalogue.decisions.inc({ backend: decision.targets[0].backend, reason: decision.reason });
  if (backend === 'daemon') return;

  observePrediction(catalogue, outcome);
  const cache = cacheResult(outcome.cache);
  if (outcome.ttftMs !== undefined) {
    catalogue.ttft.observe({ route, backend, cache }, outcome.ttftMs / 1000);
    observeTokenTime(catalogue, { route, backend }, outcome);
  }
  if (outcome.queueMs !== undefined) catalogue.queueWait.observe({ backend }, outcome.queueMs / 1000);
  if (outcome.outputTokens !== undefined) catalogue.outputTokens.inc({ backend }, outcome.outputTokens);
  const first = outcome.attempts[0]?.backend;
  if (first !== undefined && first !== backend) catalogue.fallbacks.inc({ from: first, to: backend });
  catalogue.toolCalls.inc({ backend, result: 'valid' }, outcome.toolCalls.length);
  catalogue.toolCalls.inc({ backend, result: 'invalid' }, outcome.invalidToolCalls);
  catalogue.cacheRequests.inc({ backend, result: cache, evidence: outcome.cache.evidence });
  observePrompt(catalogue, backend, outcome.cache);
}

/** Only where the backend that was predicted for has answered at once: what a failed one took was in nobody's forecast. */
function observePrediction(catalogue: Catalogue, outcome: Outcome): void {
  const { decision, attempts, answeredBy: backend, firstTokenMs } = outcome;
  const predicted = decision?.predicted;
  if (predicted?.backend !== backend || attempts.length > 0 || !firstTokenMs) return;
  catalogue.ttftError.observe({ backend }, (predicted.ttftSeconds * 1000) / firstTokenMs);
  catalogue.ttftExpected.inc({ backend }, predicted.ttftSeconds);
  catalogue.ttftActual.inc({ backend }, firstTokenMs / 1000);
}

function observePrompt(catalogue: Catalogue, backend: string, cache: CacheReport): void {
  if (cache.evidence === 'none') {
    if (cache.promptTokens !== undefined) {
      catalogue.inputTokens.inc({ backend, cache: 'unknown' }, cache.promptTokens);
    }
    return;
  }
  const written = cache.writtenTokens ?? 0;
  catalogue.inputTokens.inc({ backend, cache: 'read' }, cache.cachedTokens);
  catalogue.inputTokens.inc({ backend, cache: 'write' }, written);
  catalogue.inputTokens.inc(
    { backend, cache: 'none' },
    Math.max(0, cache.promptTokens - cache.cachedTokens - written),
  );
  catalogue.uncachedPrompt.observe({ backend }, cache.promptTokens - cache.cachedTokens);
}

function observeTokenTime(
  catalogue: Catalogue,
  labels: { route: string; backend: string },
  { ttftMs, durationMs, outputTokens, toolCalls }: Outcome,
): void {
  if (ttftMs === undefined || outputTokens === undefined || outputTokens < 2) return;
  // A tool call is shown when it is whole: its tokens were generated before the first one was seen.
  if (toolCalls.length > 0) return;
  catalogue.tokenTime.observe(labels, (durationMs - ttftMs) / 1000 / (outputTokens - 1));
}

function routeLabel(outcome: Outcome, claudeBackend: string): (typeof ROUTES)[number] {
  if (outcome.answeredBy === claudeBackend) return 'passthrough';
  return outcome.classification?.task ?? 'daemon';
}

function outcomeLabel({ ending }: Outcome): (typeof OUTCOMES)[number] {
  switch (ending.result) {
    case 'completed':
      return 'ok';
    case 'cancelled':
      return 'client_abort';
    case 'refused':
      return ending.refusal === 'no-backend' ? 'upstream_error' : 'invalid_request';
    case 'failed':
      if (ending.fault === 'stalled') return 'timeout';
      if (ending.fault === 'overflow' || ending.fault === 'rejected') return 'invalid_request';
      if (ending.fault === 'queue-full' || ending.fault === 'draining') return 'overloaded';
      return 'upstream_error';
    default:
      return ending satisfies never;
  }
}
