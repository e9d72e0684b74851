// Whether the models' tool calls can be used.

import { series } from '../over-time.ts';
import { perMinute, rate, ratio, sumBy } from '../promql.ts';

const INVALID = { 'mlx-lm invalid': 'red', 'lmstudio invalid': 'dark-red', 'claude invalid': 'light-red' };

export function tools() {
  const calls = (result: string) => `${perMinute('backend', 'tool_calls_total', `result="${result}"`)} > 0`;
  return [
    series(
      {
        title: 'Tool calls a minute',
        description:
          'By whether their arguments were one whole JSON object. An invalid one never reaches the client.',
        unit: 'cpm',
        span: 12,
        queries: [
          { expr: calls('valid'), legend: '{{backend}}' },
          { expr: calls('invalid'), legend: '{{backend}} invalid' },
        ],
      },
      { draw: 'stacked-bars', colors: INVALID, nothing: 'No tool was called' },
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
