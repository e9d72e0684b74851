// Where the figures that are read at each scrape come from: the fleet, the recorder and the database file.

import { statSync } from 'node:fs';
import { CURRENT_MODEL } from '../../backend/probe.ts';
import { SHIPPED } from '../../router/classify.ts';
import type { Recorder } from '../../store/recorder.ts';
import { sqliteVersion } from '../../store/sqlite.ts';
import type { Config } from '../config/config.ts';
import type { Fleet } from '../fleet.ts';
import { databasePath } from '../state.ts';
import { type BackendGauges, createMetrics, type Metrics, type StoreGauges } from './metrics.ts';
import type { ConfiguredModels } from './model-label.ts';

export type MetricSources = {
  readonly config: Config;
  readonly version: string;
  readonly claudeBackend: string;
  readonly fleet: Fleet;
  readonly recorder: Recorder;
};

export function openMetrics({ config, version, claudeBackend, fleet, recorder }: MetricSources): Metrics {
  const path = databasePath(config.home);
  return createMetrics({
    version,
    backends: Object.keys(config.backends),
    claudeBackend,
    models: modelsOf(config),
    sqlite: sqliteVersion(),
    classifier: 'model' in SHIPPED ? 'trained' : 'rules',
    gauges: () => fleet.members.map(({ name, gate }) => backendGauges(name, gate, fleet)),
    store: (): StoreGauges => ({ ...recorder.health, sizeBytes: databaseBytes(path) }),
  });
}

function modelsOf({ backends, prices }: Config): ConfiguredModels {
  const named = Object.entries(backends).flatMap(([name, { model }]) =>
    model === undefined || model === CURRENT_MODEL ? [] : [[name, model] as const],
  );
  return { local: Object.fromEntries(named), claude: Object.keys(prices?.perMillionTokens ?? {}) };
}

function backendGauges(name: string, gate: Fleet['members'][number]['gate'], fleet: Fleet): BackendGauges {
  const { state, model, probeMs } = fleet.status(name);
  const up = state === 'unknown' ? undefined : state === 'up';
  return { name, up, inFlight: gate.inFlight, queued: gate.queued, model, probeMs };
}

/** Undefined before the database exists. */
function databaseBytes(path: string): number | undefined {
  const main = statSync(path, { throwIfNoEntry: false });
  const ahead = statSync(`${path}-wal`, { throwIfNoEntry: false });
  return main && main.size + (ahead?.size ?? 0);
}
