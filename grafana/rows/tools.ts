// Whether the models' tool calls can be used.

import { series } from '../over-time.ts';
import { perMinute, rate, ratio, sumBy } from '../promql.ts';

export function tools() {
  return [
    series(
      {
        title: 'Tool calls a minute',
        description:
          'By whether their arguments were one whole JSON object. An invalid one never reaches the client.',
        unit: 'cpm',
        span: 12,
        queries: [
          {
            expr: `${perMinute('backend, result', 'tool_calls_total')} > 0`,
            legend: '{{backend}} {{result}}',
          },
        ],
      },
      { draw: 'stacked-bars', nothing: 'No tool was called' },
    ),
    series(
      {
        title: 'Invalid tool calls',
        description:
          'Share of the tool calls of a backend that came out broken. Above the dashed line, 5 %, the model is not up to it.',
        unit: 'percentunit',
        span: 12,
        queries: [
          {
            expr: ratio(
              sumBy('backend', rate('tool_calls_total', 'result="invalid"')),
              sumBy('backend', rate('tool_calls_total')),
            ),
            legend: '{{backend}}',
          },
        ],
      },
      { limit: 0.05, least: 0.1 },
    ),
  ];
}
