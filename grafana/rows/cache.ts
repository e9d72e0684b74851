// What the prompt caches did, and from where that is known.

import { series } from '../panel.ts';
import { hitRatio, perMinute, quantile, rate, sumBy } from '../promql.ts';

export function cache() {
  return [
    series(
      {
        title: 'Prompt tokens from the cache, by backend',
        description: 'Of the prompt tokens whose fate is known. A backend that tells nothing has no line.',
        unit: 'percentunit',
        span: 8,
        queries: [{ expr: hitRatio('backend'), legend: '{{backend}}' }],
      },
      { max: 1 },
    ),
    series(
      {
        title: 'Prompt tokens a minute',
        description:
          'read: from the cache; write: computed and kept by the Claude API; none: computed; unknown: the backend did not tell.',
        unit: 'short',
        span: 8,
        queries: [{ expr: perMinute('cache', 'input_tokens_total'), legend: '{{cache}}' }],
      },
      { draw: 'stacked-bars' },
    ),
    series(
      {
        title: 'Cache results and where they are known from',
        description:
          'reported: the backend said so; progress: read from its prefill progress; inferred: a guess of ours; none: nobody told.',
        unit: 'cpm',
        span: 8,
        queries: [
          {
            expr: `${perMinute('result, evidence', 'prompt_cache_requests_total')} > 0`,
            legend: '{{result}} ({{evidence}})',
          },
        ],
      },
      { draw: 'stacked-bars', nothing: 'No backend was asked' },
    ),
    series({
      title: 'Prompt that had to be computed',
      description:
        'Prompt tokens of a request that did not come out of the cache. This is what one waits for.',
      unit: 'short',
      span: 8,
      queries: [
        { expr: quantile(0.5, 'backend', { name: 'uncached_prompt_tokens' }), legend: '{{backend}} median' },
        { expr: quantile(0.95, 'backend', { name: 'uncached_prompt_tokens' }), legend: '{{backend}} 95 %' },
      ],
    }),
    series(
      {
        title: 'Waiting saved by the cache, per minute (estimate)',
        description:
          'Warm requests times the difference of the mean first token of cold and of warm requests in the same window. No figure where a window holds none of either.',
        unit: 's',
        span: 8,
        queries: [{ expr: savedPerMinute(), legend: '{{backend}}' }],
      },
      { draw: 'stacked-bars', nothing: 'No window with both warm and cold requests' },
    ),
    series({
      title: 'Generated tokens a minute',
      description: 'Output tokens, those of tool calls and of thinking among them.',
      unit: 'short',
      span: 8,
      queries: [{ expr: perMinute('backend', 'output_tokens_total'), legend: '{{backend}}' }],
    }),
  ];
}

function savedPerMinute(): string {
  const of = (part: string, result: string) =>
    sumBy('backend', rate(`time_to_first_token_seconds_${part}`, `cache="${result}"`));
  const mean = (result: string) => `${of('sum', result)} / ${of('count', result)}`;
  return `60 * ${of('count', 'hit')} * (${mean('miss')} - ${mean('hit')}) > 0`;
}
