// What one waits for: the first token, warm and cold, and what comes after it.

import { heat, series } from '../panel.ts';
import { increase, quantile, sumBy } from '../promql.ts';

const TTFT = 'time_to_first_token_seconds';

export function latency() {
  return [
    series(
      {
        title: 'First token by cache result, median',
        description:
          'hit: at least half of the prompt was cached; miss: under a twentieth; unknown: the backend does not tell. Dots are single requests, with their id.',
        unit: 's',
        span: 12,
        queries: [{ expr: quantile(0.5, 'cache', { name: TTFT }), legend: '{{cache}}', exemplars: 'shown' }],
      },
      { scale: 'log' },
    ),
    series(
      {
        title: 'First token by cache result, slowest 5 %',
        description: 'The 95th percentile: what a person remembers of a cold prompt.',
        unit: 's',
        span: 12,
        queries: [{ expr: quantile(0.95, 'cache', { name: TTFT }), legend: '{{cache}}' }],
      },
      { scale: 'log' },
    ),
    heat({
      title: 'First tokens, all of them',
      description: 'How many requests waited how long. Two bands are usual: warm below, cold above.',
      unit: 's',
      span: 12,
      queries: [{ expr: sumBy('le', increase(`${TTFT}_bucket`)), legend: '{{le}}' }],
    }),
    series(
      {
        title: 'Whole answer by route',
        description: 'From arrival to the last byte, of requests that were answered whole.',
        unit: 's',
        span: 12,
        queries: [
          {
            expr: quantile(0.5, 'route', { name: 'request_duration_seconds' }),
            legend: '{{route}} median',
          },
          { expr: quantile(0.95, 'route', { name: 'request_duration_seconds' }), legend: '{{route}} 95 %' },
        ],
      },
      { scale: 'log' },
    ),
    series({
      title: 'Time per token',
      description: 'Median of the mean time between output tokens, of answers in text.',
      unit: 's',
      span: 8,
      queries: [
        { expr: quantile(0.5, 'backend', { name: 'time_per_output_token_seconds' }), legend: '{{backend}}' },
      ],
    }),
    series({
      title: 'Waiting at the gate',
      description: 'The 95th percentile of the time a request waited for its turn at a backend.',
      unit: 's',
      span: 8,
      queries: [{ expr: quantile(0.95, 'backend', { name: 'queue_wait_seconds' }), legend: '{{backend}}' }],
    }),
    series({
      title: 'Added by the daemon',
      description: 'The 99th percentile of the time the daemon itself took before it opened the backend.',
      unit: 's',
      span: 8,
      queries: [{ expr: quantile(0.99, '', { name: 'overhead_seconds' }), legend: '99 %' }],
    }),
  ];
}
