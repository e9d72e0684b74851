// What the prompt caches did, and from where that is known.

import { backendsByEvidence, resultsByEvidence } from '../colors.ts';
import { series } from '../over-time.ts';
import { hitRatio, increase, perMinute, quantile, sumBy } from '../promql.ts';

const UNCACHED = { name: 'uncached_prompt_tokens' };

export function cache() {
  return [...found(), ...worth(), inPauses()];
}

function found() {
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
        queries: [{ expr: `${perMinute('cache', 'input_tokens_total')} > 0`, legend: '{{cache}}' }],
      },
      { draw: 'stacked-bars', nothing: 'No prompt came' },
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
      { draw: 'stacked-bars', colors: resultsByEvidence(), nothing: 'No backend was asked' },
    ),
    series(
      {
        title: 'Prompt that had to be computed',
        description:
          'Prompt tokens of a request that did not come out of the cache. This is what one waits for.',
        unit: 'short',
        span: 8,
        queries: [
          { expr: quantile(0.5, 'backend', UNCACHED), legend: '{{backend}} median' },
          { expr: quantile(0.95, 'backend', UNCACHED), legend: '{{backend}} 95 %' },
        ],
      },
      { scale: 'log' },
    ),
    series(
      {
        title: 'Generated tokens a minute',
        description: 'Output tokens, those of tool calls and of thinking among them.',
        unit: 'short',
        span: 8,
        queries: [{ expr: `${perMinute('backend', 'output_tokens_total')} > 0`, legend: '{{backend}}' }],
      },
      { draw: 'stacked-bars', nothing: 'Nothing was generated' },
    ),
  ];
}

function worth() {
  return [
    series(
      {
        title: 'Waiting saved by the cache, per minute (estimate)',
        description:
          "The wait of the same prompts with nothing cached, as this machine's own cold prompts tell it, less the wait that there was. By where the cached tokens are known from.",
        unit: 's',
        span: 8,
        queries: [
          {
            expr: `${perMinute('backend, evidence', 'cache_saved_seconds_total')} > 0`,
            legend: '{{backend}} ({{evidence}})',
          },
        ],
      },
      { draw: 'stacked-bars', colors: backendsByEvidence(), nothing: 'Nothing was saved' },
    ),
    series(
      {
        title: 'Cache breaks, by cause',
        description:
          'Prompts a bar that did not go on from the one before, or whose server had lost it. `anyclaude explain` names what changed.',
        unit: 'short',
        span: 8,
        queries: [
          {
            expr: `${sumBy('cause', increase('cache_breaks_total'))} > 0`,
            legend: '{{cause}}',
          },
        ],
      },
      { draw: 'stacked-bars', decimals: 0, nothing: 'Nothing broke' },
    ),
    series(
      {
        title: 'Waiting that breaks cost, per minute',
        description: 'The wait after a break, less what the unbroken prompt would have waited.',
        unit: 's',
        span: 8,
        queries: [
          {
            expr: `${perMinute('backend', 'cache_break_seconds_total')} > 0`,
            legend: '{{backend}}',
          },
        ],
      },
      { draw: 'stacked-bars', nothing: 'No break cost anything' },
    ),
  ];
}

/** What was prefilled while nobody waited. */
function inPauses() {
  return series(
    {
      title: 'Prefilled in pauses',
      description:
        'Prompt tokens a minute that a backend computed while nobody waited, by what came of them: the next request found them, or nobody did. It is known once that request has come.',
      unit: 'short',
      span: 8,
      queries: [
        { expr: perMinute('', 'warmup_used_tokens_total'), legend: 'used' },
        { expr: perMinute('', 'warmup_wasted_tokens_total'), legend: 'wasted' },
      ],
    },
    {
      draw: 'stacked-bars',
      colors: { used: 'green', wasted: 'orange' },
      least: 1_000,
    },
  );
}
