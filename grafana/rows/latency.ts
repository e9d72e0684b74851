// What one waits for: the first token, warm and cold, and what comes after it.

import { heat, series } from '../over-time.ts';
import { increase, quantile, rate, ratio, sumBy } from '../promql.ts';

const TTFT = 'time_to_first_token_seconds';
/** What the daemon answers itself takes milliseconds, and would press the rest together. */
const ANSWER = { name: 'request_duration_seconds', matchers: 'route!="daemon"' };

export function latency() {
  return [...firstToken(), ...rest(), ...predicted()];
}

function firstToken() {
  return [
    series(
      {
        title: 'First token by cache result, median',
        description:
          'hit: at least half of the prompt was cached; miss: under a twentieth; unknown: the backend does not tell. Dots are single requests: a click on one leads to its explanation.',
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
        description: 'From arrival to the last byte, of requests that a backend answered whole.',
        unit: 's',
        span: 12,
        queries: [
          {
            expr: quantile(0.5, 'route', ANSWER),
            legend: '{{route}} median',
          },
          { expr: quantile(0.95, 'route', ANSWER), legend: '{{route}} 95 %' },
        ],
      },
      { scale: 'log' },
    ),
  ];
}

function rest() {
  return [
    series({
      title: 'Time per token',
      description: 'Median of the mean time between output tokens, where the first token’s moment is known.',
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
      title: 'Added by the daemon, slowest 1 %',
      description:
        'The 99th percentile of the time the daemon itself took before a request went out. classify: naming the task; translate: writing it in the words of the backend; total: all of it.',
      unit: 's',
      span: 8,
      queries: [{ expr: quantile(0.99, 'phase', { name: 'overhead_seconds' }), legend: '{{phase}}' }],
    }),
  ];
}

/** What the router goes by: it sends a request where it expects the shorter wait. */
function predicted() {
  const mean = (sum: string) =>
    ratio(sumBy('backend', rate(sum)), sumBy('backend', rate('ttft_prediction_ratio_count')));
  const below = (le: string) => sumBy('backend', rate('ttft_prediction_ratio_bucket', `le="${le}"`));
  return [
    series(
      {
        title: 'First token: predicted and actual',
        description:
          'Means of the same requests. Where the lines part, the router goes by a wrong picture of that backend.',
        unit: 's',
        span: 12,
        queries: [
          { expr: mean('ttft_predicted_actual_seconds_total'), legend: '{{backend}}' },
          { expr: mean('ttft_predicted_seconds_total'), legend: '{{backend}} predicted' },
        ],
      },
      { scale: 'log' },
    ),
    series(
      {
        title: 'Predictions that came true',
        description:
          'Share of the predicted first tokens that came within a quarter of what was predicted: between 0.8 and 1.25 times.',
        unit: 'percentunit',
        span: 12,
        queries: [
          {
            expr: ratio(
              `(${below('1.25')} - ${below('0.8')})`,
              sumBy('backend', rate('ttft_prediction_ratio_count')),
            ),
            legend: '{{backend}}',
          },
        ],
      },
      { max: 1 },
    ),
  ];
}
