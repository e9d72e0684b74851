// The six figures a person looks for first.

import { figure } from '../at-once.ts';
import { UP_OR_DOWN } from '../panel.ts';
import { hitRatio, metric, perMinute, quantile, rate, ratio, sumBy } from '../promql.ts';

const TTFT = 'time_to_first_token_seconds';
const WARM = { name: TTFT, matchers: 'cache="hit"' };
const COLD = { name: TTFT, matchers: 'cache="miss"' };
const FAILED = 'outcome=~"upstream_error|timeout|overloaded"';

export function glance() {
  const outcome = (matchers: string) =>
    ratio(sumBy('', rate('requests_total', matchers)), sumBy('', rate('requests_total')));
  return [
    figure(
      {
        title: 'Cached prompt',
        description:
          'Of the prompt tokens of the last hour whose fate is known, the share that a backend read from its cache instead of computing it.',
        unit: 'percentunit',
        span: 3,
        queries: [{ expr: hitRatio(''), legend: 'from the cache' }],
      },
      {
        steps: [
          { from: null, color: 'red' },
          { from: 0.5, color: 'orange' },
          { from: 0.8, color: 'green' },
        ],
      },
    ),
    figure({
      title: 'First token, warm',
      description: 'Time to the first token in the last hour where at least half of the prompt was cached.',
      unit: 's',
      span: 4,
      queries: [
        { expr: quantile(0.5, '', WARM), legend: 'median' },
        { expr: quantile(0.95, '', WARM), legend: '95 %' },
      ],
    }),
    figure({
      title: 'First token, cold',
      description:
        'Time to the first token in the last hour where hardly anything of the prompt was cached. Unknown caches are in neither figure.',
      unit: 's',
      span: 4,
      queries: [
        { expr: quantile(0.5, '', COLD), legend: 'median' },
        { expr: quantile(0.95, '', COLD), legend: '95 %' },
      ],
    }),
    figure(
      {
        title: 'Requests a minute',
        description:
          'By route, averaged over the last hour. passthrough went to the Claude API; what the daemon answered itself is left out.',
        unit: 'short',
        span: 5,
        queries: [
          { expr: `${perMinute('route', 'requests_total', 'route!="daemon"')} > 0`, legend: '{{route}}' },
        ],
      },
      { decimals: 1 },
    ),
    figure({
      title: 'Failed and cancelled',
      description:
        'Shares of the requests of the last hour: failed at a backend, and left by the client before the end.',
      unit: 'percentunit',
      span: 4,
      queries: [
        { expr: outcome(FAILED), legend: 'failed' },
        { expr: outcome('outcome="client_abort"'), legend: 'cancelled' },
      ],
    }),
    figure(
      {
        title: 'Backends',
        description: 'Whether each backend answers now. One that has not been asked yet is not listed.',
        unit: 'none',
        span: 4,
        queries: [{ expr: `max by (backend) (${metric('backend_up')})`, legend: '{{backend}}' }],
      },
      { mapping: UP_OR_DOWN },
    ),
  ];
}
