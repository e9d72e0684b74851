// Two charts of the chosen period: how long the first content took, warm against cold, and how often the cache hit.
// Each has a table behind it that says the same in words.

import { createChart } from './chart.js';
import { byId } from './dom.js';
import { count, isKnown, percent, seconds } from './format.js';

/** @import { SeriesPoint } from '../../store/series.ts' */

/** @import { Line, Series } from './chart.js' */

/** @type {readonly Line[]} */
const WAITS = [
  { key: 'warm', label: 'warm: most of the prompt was cached', colour: '--warm' },
  { key: 'cold', label: 'cold: next to none was', colour: '--cold', dash: [6, 4] },
];
/** @type {readonly Line[]} */
const HITS = [{ key: 'hit', label: 'hits, of the requests whose cache is known', colour: '--accent' }];

export function createCharts() {
  const waits = createChart(byId('ttft-chart'), {
    title: 'Time to first content, median',
    estimatedTitle: 'Time to first content, median (≈ from hourly sums)',
    lines: WAITS,
    none: 'No request of this period is known to be warm or cold.',
    scale: { distr: 3, log: 10 },
    axis: (value) => (value === null ? '' : seconds(value)),
    read: (point) =>
      `warm ${seconds(point.warmTtftMs)} (${count(point.warmRequests)}) · cold ${seconds(point.coldTtftMs)} (${count(point.coldRequests)})`,
    head: ['warm', 'warm requests', 'cold', 'cold requests'],
    row: (point) => [
      seconds(point.warmTtftMs),
      count(point.warmRequests),
      seconds(point.coldTtftMs),
      count(point.coldRequests),
    ],
    values: [(point) => point.warmTtftMs, (point) => point.coldTtftMs],
    summary: ({ points }) =>
      `Median wait for the first content in ${points.length} steps of time: ${range(
        'warm',
        points.map(({ warmTtftMs }) => warmTtftMs),
      )}; ${range(
        'cold',
        points.map(({ coldTtftMs }) => coldTtftMs),
      )}.`,
  });
  const hits = createChart(byId('hit-chart'), {
    title: 'Cache hits',
    lines: HITS,
    none: 'No backend told of its cache in this period.',
    scale: { range: [0, 104] },
    axis: (value) => (value === null ? '' : `${value} %`),
    read: (point) =>
      `${percent(hitPercent(point))} of ${count(point.cacheKnownRequests)} known · ${count(point.requests)} requests`,
    head: ['hits', 'known', 'requests', 'failed'],
    row: (point) => [
      percent(hitPercent(point)),
      count(point.cacheKnownRequests),
      count(point.requests),
      count(point.failed),
    ],
    values: [hitPercent],
    summary: ({ points }) => {
      const known = points.reduce((sum, point) => sum + point.cacheKnownRequests, 0);
      const hit = points.reduce((sum, point) => sum + point.cacheHitRequests, 0);
      return `Cache hits in ${points.length} steps of time: ${hit} of ${known} requests whose cache is known.`;
    },
  });
  const all = [waits, hits];
  const redraw = () => {
    for (const chart of all) chart.redraw();
  };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  const sized = new ResizeObserver(() => {
    for (const chart of all) chart.resize();
  });
  sized.observe(byId('ttft-chart'));
  return {
    /** @param {Series} series */
    show(series) {
      for (const chart of all) chart.show(series);
    },
    /** @param {string} why */
    clear(why) {
      for (const chart of all) chart.clear(why);
    },
  };
}

/** @param {SeriesPoint} point */
function hitPercent({ cacheHitRequests, cacheKnownRequests }) {
  return cacheKnownRequests === 0 ? null : (100 * cacheHitRequests) / cacheKnownRequests;
}

/** @param {string} name @param {readonly (number | null)[]} values */
function range(name, values) {
  const known = values.filter(isKnown);
  if (known.length === 0) return `${name} unknown`;
  return `${name} between ${seconds(Math.min(...known))} and ${seconds(Math.max(...known))}`;
}
