// Outcomes as Prometheus metrics. prom-client sits behind the metric* files, on a registry of its own; every label
// comes from a closed set or from the configuration.

import { Counter, collectDefaultMetrics, Gauge, type Registry } from 'prom-client';
import type { Outcome } from '../../router/outcome.ts';
import type { Warmup } from '../../router/warmup.ts';
import { createCatalogue, createRegistry } from './catalogue.ts';
import { initialise, type LabelSources } from './labels.ts';
import { type ConfiguredModels, createModelLabels } from './model-label.ts';
import { observeOutcome } from './outcome.ts';
import { type Page, writePage } from './page.ts';
import { observeWarmup, observeWarmupUse } from './warmup.ts';

/** Read at each scrape. */
export type BackendGauges = {
  readonly name: string;
  readonly up: boolean | undefined;
  readonly inFlight: number;
  readonly queued: number;
  readonly model?: string | undefined;
  readonly probeMs?: number | undefined;
};

/** Read at each scrape. */
export type StoreGauges = {
  readonly queued: number;
  readonly written: number;
  readonly dropped: number;
  /** Of the database and what is written ahead of it. */
  readonly sizeBytes?: number | undefined;
};

export type MetricsOptions = Omit<LabelSources, 'models'> & {
  readonly version: string;
  /** Of the SQLite that the store uses; absent where that cannot be loaded. */
  readonly sqlite?: string | undefined;
  readonly models: ConfiguredModels;
  readonly gauges: () => readonly BackendGauges[];
  /** What names the task. */
  readonly classifier: 'trained' | 'rules';
  readonly store: () => StoreGauges;
};

export type Metrics = {
  observe(outcome: Outcome): void;
  /** One transaction of the store took this long. */
  storeFlushed(durationMs: number): void;
  /** A prefill in a pause has ended. */
  warmedUp(warmup: Warmup): void;
  /** It is known what a request had of one. */
  warmupUsed(warmup: Warmup): void;
  /** OpenMetrics where the Accept header names it; the older text otherwise. */
  render(accept?: string): Promise<Page>;
};

export function createMetrics(options: MetricsOptions): Metrics {
  const registry = createRegistry();
  const catalogue = createCatalogue(registry);
  const { backends, claudeBackend } = options;
  const labels = { backends, claudeBackend, models: createModelLabels(options.models, claudeBackend) };
  initialise(catalogue, labels);
  addBackendGauges(registry, options);
  addBuild(registry, options);
  addStoreGauges(registry, options);
  let watchesProcess = false;
  return {
    observe: (outcome) => observeOutcome(catalogue, outcome, labels),
    warmedUp: (warmup) => observeWarmup(catalogue, warmup),
    warmupUsed: (warmup) => observeWarmupUse(catalogue, warmup),
    storeFlushed: (durationMs) => catalogue.storeFlush.observe(durationMs / 1000),
    render(accept = '') {
      // From the first scrape on: the watch over the event loop wakes an idle process a hundred times a second.
      if (!watchesProcess) addProcessMetrics(registry);
      watchesProcess = true;
      return writePage(registry, accept.includes('application/openmetrics-text') ? 'openmetrics' : 'text');
    },
  };
}

function addProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry, prefix: 'anyclaude_' });
  // Gauges that end in _total: three lint errors of prom-client's own set.
  for (const name of ['handles', 'requests', 'resources']) {
    registry.removeSingleMetric(`anyclaude_nodejs_active_${name}_total`);
  }
  // A hundred series that only V8's makers read: the heap as a whole and the lag of the event loop stay.
  for (const space of ['total', 'used', 'available']) {
    registry.removeSingleMetric(`anyclaude_nodejs_heap_space_size_${space}_bytes`);
  }
  registry.removeSingleMetric('anyclaude_nodejs_gc_duration_seconds');
}

/** What is unknown has no sample: it is not 0. */
function addBackendGauges(registry: Registry, { gauges }: MetricsOptions): void {
  const perBackend = (name: string, help: string, read: (backend: BackendGauges) => number | undefined) =>
    gauge(registry, { name, help, labelNames: ['backend'] }, (self) => {
      for (const backend of gauges()) {
        const value = read(backend);
        if (value !== undefined) self.set({ backend: backend.name }, value);
      }
    });
  perBackend('backend_up', '1 where the backend answers, 0 where it does not.', ({ up }) =>
    up === undefined ? undefined : Number(up),
  );
  perBackend('inflight_requests', 'Requests past the gate.', ({ inFlight }) => inFlight);
  perBackend('queued_requests', 'Requests waiting at the gate.', ({ queued }) => queued);
  perBackend('backend_probe_duration_seconds', 'Time the last probe took.', ({ probeMs }) =>
    probeMs === undefined ? undefined : probeMs / 1000,
  );
  const model = { name: 'backend_model_info', help: 'Always 1; the model that the backend serves.' };
  gauge(registry, { ...model, labelNames: ['backend', 'model'] }, (self) => {
    for (const { name, model } of gauges()) if (model) self.set({ backend: name, model }, 1);
  });
}

function addBuild(registry: Registry, { version, sqlite = 'unknown', classifier }: MetricsOptions): void {
  const fallback = {
    name: 'classifier_fallback',
    help: '1 where the trained weights were refused and fixed rules decide.',
  };
  gauge(registry, { ...fallback, labelNames: [] }, (self) => self.set(classifier === 'rules' ? 1 : 0));
  const build = { name: 'build_info', help: 'Always 1.', labelNames: ['version', 'node', 'sqlite'] };
  gauge(registry, build, (self) => self.set({ version, node: process.versions.node, sqlite }, 1));
}

function addStoreGauges(registry: Registry, { store }: MetricsOptions): void {
  const plain = (name: string, help: string, read: () => number | undefined) =>
    gauge(registry, { name, help, labelNames: [] }, (self) => {
      const value = read();
      if (value !== undefined) self.set(value);
    });
  plain('store_queue_depth', 'Rows waiting to be written.', () => store().queued);
  plain('store_size_bytes', 'Size of the database with its write-ahead log.', () => store().sizeBytes);
  const total = (name: string, help: string, read: () => number) =>
    new Counter({
      name: `anyclaude_${name}`,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  total('store_rows_total', 'Rows written to the store.', () => store().written);
  total('store_dropped_total', 'Rows the store could not keep.', () => store().dropped);
}

/** Emptied before each scrape: a backend's old model must not stay. */
function gauge(
  registry: Registry,
  { name, help, labelNames }: { name: string; help: string; labelNames: string[] },
  collect: (self: Gauge) => void,
): void {
  new Gauge({
    name: `anyclaude_${name}`,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      if (labelNames.length === 0) this.remove();
      collect(this);
    },
  });
}
