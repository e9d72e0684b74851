// The chosen period: its figures and its charts, asked for anew as requests end.

import { getJson } from './api.js';
import { clearBreaks, newestBreaks, showBreaks } from './breaks.js';
import { createCharts } from './charts.js';
import { byId, write } from './dom.js';
import { showFigures } from './figures.js';
import { exactTime } from './format.js';

/** How often the figures of a period are asked for anew, at most, while requests end. */
const REFRESH_MS = { '1h': 5_000, '24h': 15_000, '7d': 60_000, '30d': 120_000 };
/** @typedef {keyof typeof REFRESH_MS} Period */
/** What stands where a period's figures would, and cannot be had. */
const NOT_READ = 'Not known now.';

export function createPeriodView() {
  const charts = createCharts();
  const radios = [...document.querySelectorAll('#period input')].filter(
    (each) => each instanceof HTMLInputElement,
  );
  const given = new URLSearchParams(location.search).get('since');
  for (const radio of radios) radio.checked = radio.value === (isPeriod(given) ? given : '24h');
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  let loadedMs = 0;
  let asked = 0;
  /** What the figures are of. @type {{ period: Period, atMs: number } | undefined} */
  let shown;

  /** @returns {Period} */
  function period() {
    const value = radios.find(({ checked }) => checked)?.value ?? null;
    return isPeriod(value) ? value : '24h';
  }

  async function load() {
    clearTimeout(waiting);
    waiting = undefined;
    loadedMs = Date.now();
    const mine = ++asked;
    const wanted = period();
    try {
      const [stats, series] = await Promise.all([
        getJson(`/api/stats?since=${wanted}`),
        getJson(`/api/series?since=${wanted}`),
      ]);
      const { breaks } = stats.kvCache;
      const newest = breaks.count === 0 ? [] : await newestBreaks(wanted);
      if (mine !== asked) return;
      shown = { period: wanted, atMs: Date.now() };
      write(byId('period-problem'), '');
      showFigures(stats);
      charts.show(series);
      showBreaks(breaks, newest);
    } catch (error) {
      if (mine === asked) fail(wanted, error);
    }
  }

  /**
   * Figures of this very period stay, with their age; those of another one would be taken for it.
   * @param {Period} wanted
   * @param {unknown} error
   */
  function fail(wanted, error) {
    const message = error instanceof Error ? error.message : String(error);
    if (shown?.period === wanted) {
      write(byId('period-problem'), `From ${exactTime(shown.atMs).slice(11)}. ${message}`);
      return;
    }
    shown = undefined;
    showFigures(undefined);
    charts.clear(NOT_READ);
    clearBreaks(NOT_READ);
    write(byId('period-problem'), message);
  }

  /** Not more often than is worth it: a long period changes slowly and costs more to read. */
  function soon() {
    if (document.visibilityState === 'hidden') {
      loadedMs = 0;
      return;
    }
    waiting ??= setTimeout(load, Math.max(300, loadedMs + REFRESH_MS[period()] - Date.now()));
  }

  byId('period').addEventListener('change', () => {
    const search = new URLSearchParams(location.search);
    search.set('since', period());
    history.replaceState(null, '', `${location.pathname}?${search}${location.hash}`);
    void load();
  });
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible' && loadedMs === 0) void load();
  });
  showFigures(undefined);
  return { load, soon };
}

/** @param {string | null} value @returns {value is Period} */
function isPeriod(value) {
  return value !== null && Object.hasOwn(REFRESH_MS, value);
}
