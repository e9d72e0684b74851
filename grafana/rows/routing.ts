// Where requests went, and why.

import { list } from '../at-once.ts';
import { REASONS } from '../colors.ts';
import { series } from '../over-time.ts';
import { increase, perMinute, rate, ratio, sumBy } from '../promql.ts';

export function routing() {
  return [
    series(
      {
        title: 'Requests by route',
        description: 'What the requests were taken for. passthrough went to the Claude API unread.',
        unit: 'cpm',
        span: 8,
        queries: [{ expr: `${perMinute('route', 'requests_total')} > 0`, legend: '{{route}}' }],
      },
      { draw: 'stacked-bars', nothing: 'No request came' },
    ),
    series(
      {
        title: 'Why this backend was tried first',
        description:
          'Reasons of the routing decision. task is the ordinary case; backend-down and window-too-small moved a request away.',
        unit: 'cpm',
        span: 8,
        queries: [{ expr: `${perMinute('reason', 'decisions_total')} > 0`, legend: '{{reason}}' }],
      },
      { draw: 'stacked-bars', colors: REASONS, nothing: 'No request was routed' },
    ),
    list(
      {
        title: 'Rules that named the task',
        description:
          'Requests of the last hour by the rule of the classifier. A low confidence means that the words said little.',
        unit: 'short',
        span: 8,
        queries: [
          { expr: `${sumBy('route, rule, confidence', increase('classifications_total'))} > 0`, legend: '' },
        ],
      },
      'requests',
    ),
    series(
      {
        title: 'Classified with low confidence',
        description: 'Share of the requests whose task was close to a guess.',
        unit: 'percentunit',
        span: 8,
        queries: [
          {
            expr: ratio(
              sumBy('', rate('classifications_total', 'confidence="low"')),
              sumBy('', rate('classifications_total')),
            ),
            legend: 'low confidence',
          },
        ],
      },
      { max: 1 },
    ),
    series(
      {
        title: 'Went on to another backend',
        description:
          'Requests a bar that their first backend could not answer, and why: down, busy, an error, an answer that broke off, a broken tool call. The client was shown nothing of it.',
        unit: 'short',
        span: 8,
        queries: [
          {
            expr: `${sumBy('from, to, reason', increase('fallbacks_total'))} > 0`,
            legend: '{{from}} → {{to}}: {{reason}}',
          },
        ],
      },
      { draw: 'stacked-bars', decimals: 0, nothing: 'Every first choice answered' },
    ),
    series(
      {
        title: 'Failed attempts, by HTTP status',
        description: 'Attempts a bar that did not become an answer. none: nothing came, or it broke off.',
        unit: 'short',
        span: 8,
        queries: [
          {
            expr: `${sumBy('backend, code', increase('upstream_responses_total', 'code!="200"'))} > 0`,
            legend: '{{backend}} {{code}}',
          },
        ],
      },
      { draw: 'stacked-bars', decimals: 0, nothing: 'No attempt failed' },
    ),
  ];
}
