// Names, labels and bucket bounds: a public contract. Bounds are only ever added, never moved.

import { Counter, Histogram, type Registry } from 'prom-client';

export const TTFT_BUCKETS_SECONDS = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.45, 0.64, 0.9, 1.28, 1.8, 2.56, 5.12, 10.24, 15, 20.48, 25, 30, 35,
  40.96, 60, 81.92, 120,
];
const DURATION_BUCKETS_SECONDS = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 30, 40.96, 60, 81.92, 120, 180,
  300, 600,
];
const TOKEN_TIME_BUCKETS_SECONDS = [
  0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.5, 1,
];
const OVERHEAD_BUCKETS_SECONDS = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1];
const RATIO_BUCKETS = [0.1, 0.25, 0.5, 0.67, 0.8, 0.9, 0.95, 1.05, 1.1, 1.25, 1.5, 2, 4, 10];
const PROMPT_BUCKETS_TOKENS = Array.from({ length: 11 }, (_, i) => 256 * 2 ** i);

export type Catalogue = ReturnType<typeof createCatalogue>;

/** All metrics that outcomes move, in this registry. */
export function createCatalogue(registry: Registry) {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name: `anyclaude_${name}`, help, labelNames, registers });
  const histogram = <L extends string>(
    name: string,
    help: string,
    rest: { labelNames: readonly L[]; buckets: number[] },
  ) => new Histogram({ name: `anyclaude_${name}`, help, registers, ...rest });
  return {
    requests: counter('requests_total', 'Requests by route, backend and how they ended.', [
      'route',
      'backend',
      'outcome',
    ]),
    duration: histogram('request_duration_seconds', 'From arrival to the last byte.', {
      labelNames: ['route', 'backend', 'outcome'],
      buckets: DURATION_BUCKETS_SECONDS,
    }),
    ttft: histogram('time_to_first_token_seconds', 'From arrival to the first content delta.', {
      labelNames: ['route', 'backend', 'cache'],
      buckets: TTFT_BUCKETS_SECONDS,
    }),
    ttftError: histogram(
      'ttft_prediction_ratio',
      'Time to first token as it was expected, divided by what it came to be: 1 is right.',
      { labelNames: ['backend'], buckets: RATIO_BUCKETS },
    ),
    ttftExpected: counter('ttft_predicted_seconds_total', 'Sum of the expected times to first token.', [
      'backend',
    ]),
    ttftActual: counter(
      'ttft_predicted_actual_seconds_total',
      'Sum of what those times to first token came to be.',
      ['backend'],
    ),
    decisions: counter('decisions_total', 'Requests by why they went where they went.', [
      'backend',
      'reason',
    ]),
    tokenTime: histogram('time_per_output_token_seconds', 'Mean time between output tokens of a request.', {
      labelNames: ['route', 'backend'],
      buckets: TOKEN_TIME_BUCKETS_SECONDS,
    }),
    inputTokens: counter('input_tokens_total', 'Prompt tokens by what the prompt cache did for them.', [
      'backend',
      'cache',
    ]),
    outputTokens: counter('output_tokens_total', 'Tokens that backends generated.', ['backend']),
    uncachedPrompt: histogram('uncached_prompt_tokens', 'Prompt tokens that had to be computed.', {
      labelNames: ['backend'],
      buckets: PROMPT_BUCKETS_TOKENS,
    }),
    cacheRequests: counter('prompt_cache_requests_total', 'Requests by cache result and its evidence.', [
      'backend',
      'result',
      'evidence',
    ]),
    classifications: counter('classifications_total', 'Requests by task and the rule that named it.', [
      'route',
      'rule',
    ]),
    fallbacks: counter('fallbacks_total', 'Requests that another backend answered than the first choice.', [
      'from',
      'to',
    ]),
    toolCalls: counter('tool_calls_total', 'Tool calls by whether their arguments were complete.', [
      'backend',
      'result',
    ]),
    queueWait: histogram('queue_wait_seconds', 'Time a request waited at its backend’s gate.', {
      labelNames: ['backend'],
      buckets: DURATION_BUCKETS_SECONDS,
    }),
    overhead: histogram('overhead_seconds', 'Time the daemon took before it opened the backend.', {
      labelNames: [],
      buckets: OVERHEAD_BUCKETS_SECONDS,
    }),
  };
}
