// Whether everything is well: the backends, and the daemon itself.

import { figure, list } from '../at-once.ts';
import { series, states } from '../over-time.ts';
import { highest, increase, metric, perMinute, quantile, sumBy } from '../promql.ts';

/** As two or three backends need it. */
const SERVED_HEIGHT = 6;

export function health() {
  return [...backends(), ...served(), ...daemon()];
}

function backends() {
  return [
    states({
      title: 'Backends up',
      description: 'Green while a backend answered its probes, red while it did not.',
      unit: 'none',
      span: 8,
      queries: [
        {
          expr: `min by (backend) (min_over_time(${metric('backend_up')}[$__rate_interval]))`,
          legend: '{{backend}}',
        },
      ],
    }),
    series(
      {
        title: 'Load, at its highest',
        description: 'Most requests at once past the gate of a backend, and most that waited at it.',
        unit: 'short',
        span: 8,
        queries: [
          { expr: highest('backend', 'inflight_requests'), legend: '{{backend}} running' },
          { expr: highest('backend', 'queued_requests'), legend: '{{backend}} waiting' },
        ],
      },
      { draw: 'stacked-bars', decimals: 0, least: 2 },
    ),
    series(
      {
        title: 'Streams that broke off',
        description:
          'Requests a bar, after their first token. client: Claude Code left; upstream: the backend; idle: silence; daemon: it was stopped.',
        unit: 'short',
        span: 8,
        queries: [
          {
            expr: `${sumBy('backend, side', increase('stream_interruptions_total'))} > 0`,
            legend: '{{backend}} {{side}}',
          },
        ],
      },
      { draw: 'stacked-bars', decimals: 0, nothing: 'No stream broke off' },
    ),
  ];
}

function served() {
  return [
    series({
      title: 'Answer to a probe, at its slowest',
      description: 'Time a backend took to answer a probe. A rising line is a backend under pressure.',
      unit: 's',
      span: 8,
      height: SERVED_HEIGHT,
      queries: [{ expr: highest('backend', 'backend_probe_duration_seconds'), legend: '{{backend}}' }],
    }),
    list({
      title: 'Models',
      description: 'The model that each backend serves now, as far as it tells.',
      unit: 'none',
      span: 12,
      height: SERVED_HEIGHT,
      queries: [{ expr: `max by (backend, model) (${metric('backend_model_info')})`, legend: '' }],
    }),
    figure(
      {
        title: 'Version',
        description: 'Versions of anyclaude that were scraped.',
        unit: 'none',
        span: 4,
        height: SERVED_HEIGHT,
        queries: [{ expr: `count by (version) (${metric('build_info')})`, legend: '{{version}}' }],
      },
      { shows: 'names' },
    ),
  ];
}

function daemon() {
  return [
    series(
      {
        title: 'Store: waiting and dropped rows',
        description:
          'Most rows at once that waited to be written, and rows a minute that could not be kept. Dropped should be 0.',
        unit: 'short',
        span: 6,
        queries: [
          { expr: highest('instance', 'store_queue_depth'), legend: 'waiting' },
          { expr: perMinute('', 'store_dropped_total'), legend: 'dropped a minute' },
        ],
      },
      { least: 2 },
    ),
    series({
      title: 'Store: time to write',
      description: 'The 99th percentile of the time that one transaction took. It is in no request’s way.',
      unit: 's',
      span: 6,
      queries: [{ expr: quantile(0.99, '', { name: 'store_flush_duration_seconds' }), legend: '99 %' }],
    }),
    series({
      title: 'Event-loop lag',
      description:
        'The 99th percentile by which the daemon came late to its own work, between two scrapes; about 10 ms are the clock’s own.',
      unit: 's',
      span: 6,
      queries: [{ expr: highest('instance', 'nodejs_eventloop_lag_p99_seconds'), legend: '{{instance}}' }],
    }),
    series({
      title: 'Memory and database',
      description: 'Resident memory of the daemon, and the size of its database with the write-ahead log.',
      unit: 'bytes',
      span: 6,
      queries: [
        { expr: sumBy('', metric('process_resident_memory_bytes')), legend: 'memory' },
        { expr: sumBy('', metric('store_size_bytes')), legend: 'database' },
      ],
    }),
  ];
}
