// What Grafana asks Prometheus for to draw each panel: its variables filled in, its windows and steps worked out by
// the same rules.

import { filledIn } from '../../test/grafana/dashboard.ts';
import type { Prometheus } from '../../test/grafana/prometheus.ts';
import { type Board, boxOf, PANEL_GAP } from './board.ts';
import type { Answer, BoardPanel, BoardTarget, Box, Dot, Drawable, Range, Series } from './page/given.ts';

/** The data source's, in ../provisioning. */
const SCRAPE_MS = 15_000;

export function askAll(prometheus: Prometheus, board: Board, range: Range): Promise<readonly Drawable[]> {
  const asked = board.panels.map(async (panel) => {
    const box = boxOf(panel);
    const targets = panel.targets ?? [];
    const answers = await Promise.all(
      targets.map((target) => ask(prometheus, target, { range, ...timing(panel, box, range) })),
    );
    return { panel, box, answers };
  });
  return Promise.all(asked);
}

type Timing = { readonly stepMs: number; readonly rateMs: number };

/** A point a pixel, but never closer than the panel's own minimum; a rate reaches one scrape further. */
function timing({ interval, maxDataPoints }: BoardPanel, box: Box, { fromMs, toMs }: Range): Timing {
  const points = maxDataPoints ?? box.width - PANEL_GAP;
  const shortest = interval === undefined ? SCRAPE_MS : milliseconds(interval);
  const stepMs = Math.max(Math.ceil((toMs - fromMs) / points / 1000) * 1000, shortest);
  return { stepMs, rateMs: Math.max(stepMs + SCRAPE_MS, 4 * SCRAPE_MS) };
}

/** The range of time, as Grafana moves it onto whole steps. */
async function ask(
  prometheus: Prometheus,
  { refId, expr, legendFormat = '', instant, exemplar }: BoardTarget,
  { range, stepMs, rateMs }: Timing & { range: Range },
): Promise<Answer> {
  const query = filledIn(expr, `${rateMs / 1000}s`);
  const start = (Math.floor(range.fromMs / stepMs) * stepMs) / 1000;
  const end = (Math.floor(range.toMs / stepMs) * stepMs) / 1000;
  const path = instant
    ? `query?${search({ query, time: range.toMs / 1000 })}`
    : `query_range?${search({ query, start, end, step: stepMs / 1000 })}`;
  const { result } = (await prometheus.get(path)) as { result: readonly Series[] };
  const dots = exemplar ? shown(await dotsOf(prometheus, query, range), stepMs) : [];
  return { refId, legend: legendFormat, series: result, stepMs, dots };
}

async function dotsOf(
  prometheus: Prometheus,
  query: string,
  { fromMs, toMs }: Range,
): Promise<readonly Dot[]> {
  const path = `query_exemplars?${search({ query, start: fromMs / 1000, end: toMs / 1000 })}`;
  const found = (await prometheus.get(path)) as { exemplars: { value: string; timestamp: number }[] }[];
  return found.flatMap(({ exemplars }) =>
    exemplars.map(({ value, timestamp }) => ({ atMs: timestamp * 1000, value: Number(value) })),
  );
}

/** Grafana shows the slowest request of each step, and of the others those that lie far below the one shown before. */
function shown(dots: readonly Dot[], stepMs: number): readonly Dot[] {
  const mean = dots.reduce((sum, { value }) => sum + value, 0) / dots.length;
  const squares = dots.reduce((sum, { value }) => sum + (value - mean) ** 2, 0);
  const far = 2 * Math.sqrt(squares / (dots.length - 1));
  const last = new Map<number, number>();
  return dots
    .toSorted((a, b) => b.value - a.value)
    .filter(({ atMs, value }) => {
      const step = Math.floor(atMs / stepMs);
      if ((last.get(step) ?? Number.POSITIVE_INFINITY) - value <= far) return false;
      last.set(step, value);
      return true;
    });
}

function search(parameters: Readonly<Record<string, string | number>>): URLSearchParams {
  return new URLSearchParams(
    Object.entries(parameters).map(([name, value]): [string, string] => [name, String(value)]),
  );
}

function milliseconds(interval: string): number {
  const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };
  const unit = units[interval.slice(-1)];
  if (unit === undefined)
    throw new Error(`The interval ${interval} has no unit that is known here: s, m or h.`);
  return Number(interval.slice(0, -1)) * unit;
}
