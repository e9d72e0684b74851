// Two charts of the chosen period: how long the first content took, warm against cold, and how often the cache hit.
// Each has a table behind it that says the same in words.

import { byId, el, fill, write } from './dom.js';
import { count, exactTime, isKnown, percent, seconds } from './format.js';
import uPlot from './uplot.js';

/** @import { SeriesPoint } from '../../store/series.ts' */

/** @typedef {{ range: { sinceMs: number, untilMs: number, stepMs: number }, points: readonly SeriesPoint[] }} Series */
/** @typedef {{ key: string, label: string, colour: string, dash?: number[] }} Line */

const HEIGHT = 220;

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
    scale: { range: [0, 100] },
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

/**
 * @typedef {object} ChartOptions
 * @property {string} title
 * @property {readonly Line[]} lines
 * @property {string} none Said where there is nothing to draw.
 * @property {import('uplot').Scale} scale
 * @property {(value: number | null) => string} axis
 * @property {(point: SeriesPoint) => string} read What is said of the step under the pointer.
 * @property {readonly string[]} head
 * @property {(point: SeriesPoint) => readonly string[]} row
 * @property {readonly ((point: SeriesPoint) => number | null)[]} values One for each line.
 * @property {(series: Series) => string} summary
 */

/** @param {HTMLElement} figure @param {ChartOptions} options */
function createChart(figure, options) {
  const readout = el('p', { class: 'readout' }, '\u00a0');
  const plot = el('div', { class: 'plot', role: 'img', 'aria-label': options.title });
  const none = el('p', { class: 'none' }, 'Reading the record …');
  const table = el('div', { class: 'scroll', tabindex: 0 });
  const details = el('details', {}, el('summary', {}, 'As a table'), table);
  fill(figure, [
    el('figcaption', {}, el('strong', {}, options.title), legend(options.lines)),
    plot,
    none,
    readout,
    details,
  ]);
  /** @type {uPlot | undefined} */
  let chart;
  /** @type {Series | undefined} */
  let shown;

  function draw() {
    chart?.destroy();
    chart = undefined;
    if (shown === undefined) return;
    const { points, range } = shown;
    const isEmpty = points.every((point) => options.values.every((value) => value(point) === null));
    none.hidden = !isEmpty;
    write(none, options.none);
    plot.setAttribute('aria-label', isEmpty ? options.none : options.summary(shown));
    if (isEmpty) return;
    const at = [...steps(range)];
    const byStart = new Map(points.map((point) => [point.startMs, point]));
    const values = options.values.map((value) => at.map((ms) => valueAt(byStart.get(ms), value)));
    chart = new uPlot(
      plotOptions(options, plot.clientWidth, (index) => tellStep(byStart.get(at[index ?? -1] ?? 0))),
      /** @type {import('uplot').AlignedData} */ ([at.map((ms) => ms / 1000), ...values]),
      plot,
    );
  }

  /** @param {SeriesPoint | undefined} point */
  function tellStep(point) {
    write(
      readout,
      point === undefined ? '\u00a0' : `${exactTime(point.startMs).slice(0, 16)} · ${options.read(point)}`,
    );
  }

  return {
    /** @param {Series} series */
    show(series) {
      shown = series;
      draw();
      fill(table, [tableOf(series.points, options)]);
    },
    redraw: draw,
    resize() {
      if (chart !== undefined && chart.width !== plot.clientWidth)
        chart.setSize({ width: plot.clientWidth, height: HEIGHT });
    },
  };
}

/** Every step of the range, those without a request too: a gap is seen as a gap. @param {Series['range']} range */
function* steps({ sinceMs, untilMs, stepMs }) {
  for (let ms = sinceMs; ms <= untilMs; ms += stepMs) yield ms;
}

/** @param {SeriesPoint | undefined} point @param {(point: SeriesPoint) => number | null} value */
function valueAt(point, value) {
  return point === undefined ? null : value(point);
}

/**
 * @param {ChartOptions} options
 * @param {number} width
 * @param {(index: number | null | undefined) => void} onStep
 * @returns {import('uplot').Options}
 */
function plotOptions({ lines, scale, axis }, width, onStep) {
  const css = getComputedStyle(document.documentElement);
  const colour = (/** @type {string} */ name) => css.getPropertyValue(name).trim();
  const axes = {
    stroke: colour('--quiet'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { size: 8 }, drag: { setScale: false, x: false, y: false } },
    scales: { y: scale },
    axes: [
      { ...axes, space: 70 },
      { ...axes, size: 58, values: (_chart, values) => values.map(axis) },
    ],
    series: [
      {},
      ...lines.map(({ label, colour: name, dash }) => ({
        label,
        stroke: colour(name),
        width: 2,
        points: { show: true, size: 6, fill: colour(name) },
        ...(dash && { dash }),
      })),
    ],
    hooks: { setCursor: [({ cursor }) => onStep(cursor.idx)] },
  };
}

/** @param {readonly Line[]} lines */
function legend(lines) {
  return el(
    'span',
    { class: 'legend' },
    ...lines.map(({ key, label }) => el('span', { class: `key ${key}` }, label)),
  );
}

/** @param {readonly SeriesPoint[]} points @param {ChartOptions} options */
function tableOf(points, { title, head, row }) {
  const rows = points
    .toReversed()
    .map((point) =>
      el(
        'tr',
        {},
        el('th', { scope: 'row' }, exactTime(point.startMs).slice(0, 16)),
        ...row(point).map((cell) => el('td', {}, cell)),
      ),
    );
  return el(
    'table',
    {},
    el('caption', { class: 'unseen' }, title),
    el(
      'thead',
      {},
      el(
        'tr',
        {},
        el('th', { scope: 'col' }, 'from'),
        ...head.map((name) => el('th', { scope: 'col' }, name)),
      ),
    ),
    el('tbody', {}, ...rows),
  );
}
