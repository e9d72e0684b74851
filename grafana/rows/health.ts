// Whether everything is well: the backends, and the daemon itself.

import { figure, list, series } from '../panel.ts';
import { metric, perMinute, quantile, sumBy } from '../promql.ts';

export function health() {
  return [...backends(), ...daemon()];
}

function backends() {
  return [
    series(
      {
        title: 'Backends up',
        description: '1 while a backend answers, 0 while it does not.',
        unit: 'none',
        span: 8,
        queries: [{ expr: `max by (backend) (${metric('backend_up')})`, legend: '{{backend}}' }],
      },
      { max: 1 },
    ),
    series({
      title: 'Load',
      description: 'Requests past the gate of a backend, and those that wait at it.',
      unit: 'short',
      span: 8,
      queries: [
        { expr: sumBy('backend', metric('inflight_requests')), legend: '{{backend}} running' },
        { expr: sumBy('backend', metric('queued_requests')), legend: '{{backend}} waiting' },
      ],
    }),
    series(
      {
        title: 'Streams that broke off',
        description:
          'After their first token. client: Claude Code left; upstream: the backend; idle: silence; daemon: it was stopped.',
        unit: 'cpm',
        span: 8,
        queries: [
          {
            expr: `${perMinute('backend, side', 'stream_interruptions_total')} > 0`,
            legend: '{{backend}} {{side}}',
          },
        ],
      },
      { draw: 'stacked-bars', nothing: 'No stream broke off' },
    ),
    series({
      title: 'Answer to a probe',
      description: 'Time a backend took to answer the last probe. A rising line is a backend under pressure.',
      unit: 's',
      span: 8,
      queries: [
        { expr: `max by (backend) (${metric('backend_probe_duration_seconds')})`, legend: '{{backend}}' },
      ],
    }),
  ];
}

function daemon() {
  return [
    series({
      title: 'Store: waiting and dropped rows',
      description:
        'Rows that wait to be written, and rows a minute that could not be kept. Both should be 0.',
      unit: 'short',
      span: 8,
      queries: [
        { expr: sumBy('', metric('store_queue_depth')), legend: 'waiting' },
        { expr: perMinute('', 'store_dropped_total'), legend: 'dropped a minute' },
      ],
    }),
    series({
      title: 'Store: time to write',
      description: 'The 99th percentile of the time that one transaction took. It is in no request’s way.',
      unit: 's',
      span: 8,
      queries: [{ expr: quantile(0.99, '', { name: 'store_flush_duration_seconds' }), legend: '99 %' }],
    }),
    series({
      title: 'Event-loop lag',
      description: 'The 99th percentile by which the daemon came late to its own work, between two scrapes.',
      unit: 's',
      span: 8,
      queries: [
        { expr: `max by (instance) (${metric('nodejs_eventloop_lag_p99_seconds')})`, legend: '{{instance}}' },
      ],
    }),
    series({
      title: 'Memory and database',
      description: 'Resident memory of the daemon, and the size of its database with the write-ahead log.',
      unit: 'bytes',
      span: 8,
      queries: [
        { expr: sumBy('', metric('process_resident_memory_bytes')), legend: 'memory' },
        { expr: sumBy('', metric('store_size_bytes')), legend: 'database' },
      ],
    }),
    list(
      {
        title: 'Models',
        description: 'The model that each backend serves now, as far as it tells.',
        unit: 'none',
        span: 5,
        queries: [{ expr: `max by (backend, model) (${metric('backend_model_info')})`, legend: '' }],
      },
      'served',
    ),
    figure({
      title: 'Version',
      description: 'Versions of anyclaude that were scraped.',
      unit: 'none',
      span: 3,
      queries: [{ expr: `count by (version) (${metric('build_info')})`, legend: '{{version}}' }],
    }),
  ];
}
