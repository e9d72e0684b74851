// The figures of the chosen period, in one row.

import { byId, el, fill } from './dom.js';
import { count, percent, seconds, share, span, tokens, UNKNOWN } from './format.js';

/** Percentiles of fewer values are marked: with 19 values a p95 is the largest of them. */
const FEWEST_FOR_PERCENTILE = 20;

/**
 * As much of the document of /api/stats as is shown here.
 * @typedef {{ n: number, p50: number | null, p95: number | null }} Spread
 * @typedef {object} Stats
 * @property {'exact' | 'estimated'} percentiles
 * @property {{ requests: number, completed: number, failed: number, cancelled: number, refused: number,
 *   okPercent: number | null, hitPercent: number | null, cacheKnownRequests: number, cacheUnknownRequests: number,
 *   cacheInferredRequests: number, cachedTokens: number | null, cacheKnownPromptTokens: number,
 *   outputTokensPerS: number | null, ttftMs: { warm: Spread, cold: Spread, all: Spread } }} totals
 * @property {{ requests: number }} answeredHere
 * @property {{ saved: { seconds: number, lowSeconds: number, highSeconds: number, requests: number } | null,
 *   breaks: { count: number, tokens: number, seconds: number | null, causes: readonly { cause: string, count: number }[] } }} kvCache
 */

/** @param {Stats | undefined} stats */
export function showFigures(stats) {
  fill(byId('figures'), stats === undefined ? UNKNOWN_FIGURES() : figuresOf(stats).map(figure));
}

/** @param {Stats} stats @returns {readonly Figure[]} */
function figuresOf({ totals, kvCache, percentiles }) {
  const mark = percentiles === 'estimated' ? '≈ ' : '';
  const { warm, cold } = totals.ttftMs;
  const known = totals.cacheKnownRequests;
  const inferred = totals.cacheInferredRequests > 0 ? `, ${totals.cacheInferredRequests} inferred` : '';
  return [
    {
      name: 'Cache hits',
      value: percent(totals.hitPercent),
      note:
        known === 0
          ? 'no backend told of its cache'
          : `of ${count(known)} known${inferred}, ${count(totals.cacheUnknownRequests)} unknown`,
    },
    {
      name: 'Prompt from cache',
      value: share(totals.cachedTokens, totals.cacheKnownPromptTokens),
      note:
        known === 0
          ? 'nothing is known of it'
          : `${tokens(totals.cachedTokens)} of ${tokens(totals.cacheKnownPromptTokens)} tokens`,
    },
    ttft('First content, warm', warm, mark),
    ttft('First content, cold', cold, mark),
    savedFigure(kvCache.saved),
    {
      name: 'Requests',
      value: count(totals.requests),
      note:
        totals.requests === 0
          ? 'none in this period'
          : `${percent(totals.okPercent)} ok, ${count(totals.failed)} failed`,
    },
  ];
}

/** That nothing was saved is no estimate. @param {Stats['kvCache']['saved']} saved @returns {Figure} */
function savedFigure(saved) {
  const name = 'Saved by the cache';
  if (saved === null) return { name, value: UNKNOWN, note: 'no request tells' };
  if (saved.seconds <= 0) return { name, value: '0 s', note: 'nothing was saved' };
  const bounds = `${span(1000 * saved.lowSeconds)} to ${span(1000 * saved.highSeconds)}`;
  return { name, value: `≈ ${span(1000 * saved.seconds)}`, note: `estimate, ${bounds}` };
}

/** @param {string} name @param {Spread} spread @param {string} mark @returns {Figure} */
function ttft(name, { n, p50, p95 }, mark) {
  const few = n < FEWEST_FOR_PERCENTILE ? ' (few)' : '';
  return {
    name,
    value: p50 === null ? UNKNOWN : `${mark}${seconds(p50)}`,
    note: n === 0 ? 'none' : `${count(n)} requests${few}, p95\u00a0${mark}${seconds(p95)}`,
  };
}

/** @typedef {{ name: string, value: string, note: string }} Figure */

/** @param {Figure} figure */
function figure({ name, value, note }) {
  return el(
    'div',
    { class: 'figure' },
    el('dt', {}, name),
    el('dd', { class: 'value' }, value),
    el('dd', { class: 'note' }, note),
  );
}

const NAMES = [
  'Cache hits',
  'Prompt from cache',
  'First content, warm',
  'First content, cold',
  'Saved by the cache',
  'Requests',
];
const UNKNOWN_FIGURES = () => NAMES.map((name) => figure({ name, value: UNKNOWN, note: '\u00a0' }));
