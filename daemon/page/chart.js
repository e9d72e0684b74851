// One chart over time with a table behind it that says the same in words. uPlot draws, colours come from the style sheet.

import { el, fill, write } from './dom.js';
import { exactTime } from './format.js';
import uPlot from './uplot.js';

/** @import { SeriesPoint } from '../../store/series.ts' */

/** @typedef {{ range: { sinceMs: number, untilMs: number, stepMs: number }, percentiles: 'exact' | 'estimated',
 *   points: readonly SeriesPoint[] }} Series */
/** @typedef {{ key: string, label: string, colour: string, dash?: number[] }} Line */

const HEIGHT = 220;
/** How a moment is written on the time axis: steps of so many seconds, the form, and the form where a day begins. */
const TIME_AXIS = [
  [86_400, '{MM}-{DD}', null, null, null, null, null, null, 1],
  [60, '{HH}:{mm}', '\n{MM}-{DD}', null, '\n{MM}-{DD}', null, null, null, 1],
];

/**
 * @typedef {object} ChartOptions
 * @property {string} title
 * @property {string} [estimatedTitle] The same where the medians come from hourly sums.
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
export function createChart(figure, options) {
  const title = el('strong', {}, options.title);
  const readout = el('p', { class: 'readout' }, '\u00a0');
  const plot = el('div', { class: 'plot', role: 'img', 'aria-label': options.title });
  const none = el('p', { class: 'none' }, 'Reading the record …');
  const table = el('div', { class: 'scroll', tabindex: 0 });
  const details = el('details', {}, el('summary', {}, 'As a table'), table);
  fill(figure, [el('figcaption', {}, title, legend(options.lines)), plot, none, readout, details]);
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
      const { estimatedTitle = options.title } = options;
      write(title, series.percentiles === 'estimated' ? estimatedTitle : options.title);
      draw();
      fill(table, [tableOf(series.points, options)]);
    },
    /** Nothing is drawn, for this reason. @param {string} why */
    clear(why) {
      shown = undefined;
      draw();
      write(title, options.title);
      write(readout, '\u00a0');
      write(none, why);
      none.hidden = false;
      plot.setAttribute('aria-label', why);
      fill(table, []);
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
      { ...axes, space: 70, values: TIME_AXIS },
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
