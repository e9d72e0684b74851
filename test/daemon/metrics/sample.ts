// One outcome as it is observed, and the page that comes of it.

import { type BackendGauges, createMetrics, type Metrics } from '../../../daemon/metrics/metrics.ts';
import type { Outcome } from '../../../router/outcome.ts';

export const OUTCOME: Outcome = {
  requestId: 'req_1',
  startedAtMs: 1,
  durationMs: 2500,
  kind: 'main',
  answeredBy: 'mlx-lm',
  model: 'm',
  requestedModel: 'm',
  stream: true,
  classification: { task: 'analysis', probability: 0.8, reason: 'question-words' },
  decision: { targets: [{ backend: 'mlx-lm', model: 'm' }], reason: 'task', detail: '', passedOver: [] },
  attempts: [],
  queueMs: 3,
  ttftMs: 700,
  ...{ overheadMs: 1.5, classifyMs: 0.25, translateMs: 0.5 },
  outputTokens: 10,
  toolCalls: ['Read'],
  invalidToolCalls: 0,
  httpStatus: 200,
  bytesIn: 10,
  bytesOut: 10,
  cache: { evidence: 'reported', promptTokens: 1000, cachedTokens: 900 },
  ending: { result: 'completed' },
};

export const OPENMETRICS = 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5';

export function metrics(gauges?: () => readonly BackendGauges[]): Metrics {
  return createMetrics({
    version: '1.2.3',
    backends: ['mlx-lm', 'lmstudio'],
    claudeBackend: 'claude',
    models: { local: { 'mlx-lm': 'm' }, claude: ['claude-priced'] },
    sqlite: '3.99.1',
    classifier: 'trained',
    gauges:
      gauges ??
      (() => [
        { name: 'mlx-lm', up: true, inFlight: 1, queued: 2, model: 'qwen', probeMs: 12 },
        { name: 'lmstudio', up: undefined, inFlight: 0, queued: 0 },
      ]),
    store: () => ({ queued: 4, written: 5, dropped: 6, sizeBytes: 7 }),
  });
}

export const render = async (m: Metrics, accept?: string): Promise<string> => (await m.render(accept)).text;

export const value = (text: string, series: string): number | undefined => {
  const line = text.split('\n').find((row) => row.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
};

export const series = (text: string): string[] =>
  text.split('\n').flatMap((line) => (line === '' || line.startsWith('#') ? [] : [line.split(' ')[0] ?? '']));
