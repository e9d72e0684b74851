// Names, labels and bucket bounds: a public contract. Names are only ever added, and so are bounds.

import { Counter, Histogram, Registry } from 'prom-client';

/** What the histogram of first tokens counts: its bounds tell a warm prompt (0.5 s) and a cold one (30 s) apart. */
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
/** A prefill is sent in steps of a few seconds; a whole cold prompt takes half a minute and more. */
const WARMUP_BUCKETS_SECONDS = [0.5, 1, 2, 5, 10, 20, 40, 80, 160];
const QUEUE_BUCKETS_SECONDS = [0.01, 0.04, 0.16, 0.64, 2.56, 10.24, 30, 60, 120, 300];
const FLUSH_BUCKETS_SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5];
const RATIO_BUCKETS = [0.1, 0.25, 0.5, 0.67, 0.8, 0.9, 0.95, 1.05, 1.1, 1.25, 1.5, 2, 4, 10];
const PROMPT_BUCKETS_TOKENS = Array.from({ length: 11 }, (_, i) => 256 * 2 ** i);

export type Catalogue = ReturnType<typeof createCatalogue>;

/** An empty registry that takes exemplars: prom-client refuses them to one that does not call itself OpenMetrics. */
export function createRegistry(): Registry {
  const registry = new Registry();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
  return registry;
}

/** All metrics that outcomes move, in this registry. */
export function createCatalogue(registry: Registry) {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name: `anyclaude_${name}`, help, labelNames, registers });
  const histogram = <L extends string>(
    name: string,
    help: string,
    rest: { labelNames: readonly L[]; buckets: number[]; enableExemplars?: boolean },
  ) => new Histogram({ name: `anyclaude_${name}`, help, registers, ...rest });
  return {
    ...requestMetrics(counter, histogram),
    ...tokenMetrics(counter, histogram),
    ...backendMetrics(counter, histogram),
    ...warmupMetrics(counter, histogram),
    overhead: histogram('overhead_seconds', 'Time the daemon itself took before a request went out.', {
      labelNames: ['phase'],
      buckets: OVERHEAD_BUCKETS_SECONDS,
    }),
    storeFlush: histogram('store_flush_duration_seconds', 'Time one transaction of the store took.', {
      labelNames: [],
      buckets: FLUSH_BUCKETS_SECONDS,
    }),
  };
}

type NewCounter = <L extends string>(name: string, help: string, labelNames: readonly L[]) => Counter<L>;
type NewHistogram = <L extends string>(
  name: string,
  help: string,
  rest: { labelNames: readonly L[]; buckets: number[]; enableExemplars?: boolean },
) => Histogram<L>;

function requestMetrics(counter: NewCounter, histogram: NewHistogram) {
  // Named loosely, for prom-client's types know no label of an exemplar that is none of the metric.
  const ttft = histogram<string>('time_to_first_token_seconds', 'From arrival to the first content delta.', {
    labelNames: ['backend', 'cache'],
    buckets: TTFT_BUCKETS_SECONDS,
    enableExemplars: true,
  });
  return {
    requests: counter('requests_total', 'Requests by route, backend and how they ended.', [
      'route',
      'backend',
      'model',
      'outcome',
    ]),
    duration: histogram('request_duration_seconds', 'From arrival to the last byte, of completed requests.', {
      labelNames: ['route', 'backend'],
      buckets: DURATION_BUCKETS_SECONDS,
    }),
    ttft,
    /** The slow dot on the dashboard names its request. */
    observeTtft(labels: { backend: string; cache: string }, value: number, requestId: string): void {
      ttft.observe({ labels, value, exemplarLabels: { request_id: requestId } });
    },
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
    tokenTime: histogram('time_per_output_token_seconds', 'Mean time between output tokens of a request.', {
      labelNames: ['route', 'backend'],
      buckets: TOKEN_TIME_BUCKETS_SECONDS,
    }),
    classifications: counter('classifications_total', 'Requests by task and the rule that named it.', [
      'route',
      'rule',
      'confidence',
    ]),
    decisions: counter('decisions_total', 'Requests by the backend chosen first and why.', [
      'backend',
      'reason',
    ]),
    fallbacks: counter('fallbacks_total', 'Requests that went on to another backend than the first choice.', [
      'from',
      'to',
      'reason',
    ]),
    interruptions: counter('stream_interruptions_total', 'Streams that broke off after their first token.', [
      'backend',
      'side',
    ]),
  };
}

function tokenMetrics(counter: NewCounter, histogram: NewHistogram) {
  return {
    inputTokens: counter('input_tokens_total', 'Prompt tokens by what the prompt cache did for them.', [
      'backend',
      'model',
      'cache',
    ]),
    outputTokens: counter('output_tokens_total', 'Tokens that backends generated.', ['backend', 'model']),
    uncachedPrompt: histogram('uncached_prompt_tokens', 'Prompt tokens that had to be computed.', {
      labelNames: ['backend'],
      buckets: PROMPT_BUCKETS_TOKENS,
    }),
    cacheRequests: counter('prompt_cache_requests_total', 'Requests by cache result and its evidence.', [
      'backend',
      'result',
      'evidence',
    ]),
    cacheBreaks: counter('cache_breaks_total', 'Prompts that lost what a backend had computed, by cause.', [
      'backend',
      'cause',
    ]),
    cacheBreakTokens: counter('cache_break_tokens_total', 'Tokens computed again because of such breaks.', [
      'backend',
    ]),
    cacheBreakSeconds: counter('cache_break_seconds_total', 'Time that such breaks took, as far as known.', [
      'backend',
    ]),
    savedSeconds: counter('cache_saved_seconds_total', 'Waiting that the prompt cache saved, estimated.', [
      'backend',
      'evidence',
    ]),
    toolCalls: counter('tool_calls_total', 'Tool calls by whether their arguments were complete.', [
      'backend',
      'result',
    ]),
  };
}

/** Prefills that no request asked for. */
function warmupMetrics(counter: NewCounter, histogram: NewHistogram) {
  const labels = ['backend'] as const;
  return {
    warmups: counter('warmups_total', 'Prefills in pauses by how they ended.', [
      'purpose',
      'backend',
      'result',
    ]),
    warmupTokens: counter('warmup_computed_tokens_total', 'Prompt tokens that they computed.', labels),
    warmupSeconds: counter('warmup_seconds_total', 'Time that they took.', labels),
    warmupDuration: histogram('warmup_duration_seconds', 'Time that one of them took.', {
      labelNames: labels,
      buckets: WARMUP_BUCKETS_SECONDS,
    }),
    warmupUsed: counter('warmup_used_tokens_total', 'Of these tokens, found cached by a request.', labels),
    warmupWasted: counter('warmup_wasted_tokens_total', 'Of these tokens, used by nobody.', labels),
    warmupSaved: counter('warmup_saved_seconds_total', 'Time that requests waited less for it.', labels),
  };
}

function backendMetrics(counter: NewCounter, histogram: NewHistogram) {
  return {
    responses: counter('upstream_responses_total', 'Attempts at a backend by the HTTP status it answered.', [
      'backend',
      'code',
    ]),
    queueWait: histogram('queue_wait_seconds', 'Time a request waited at the gate of its backend.', {
      labelNames: ['backend'],
      buckets: QUEUE_BUCKETS_SECONDS,
    }),
  };
}
