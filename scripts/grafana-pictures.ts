// `npm run grafana:pictures`: every panel of the dashboard, drawn from a real Prometheus with Grafana's own components.

import { askAll } from '../grafana/pictures/ask.ts';
import { readBoard } from '../grafana/pictures/board.ts';
import { drawAll, installComponents } from '../grafana/pictures/draw.ts';
import { openHistory } from '../grafana/pictures/history.ts';

const HOUR_MS = 3_600_000;
/** As long as the dashboard shows by default; the clock in the pictures is that of the world. */
const toMs = Date.parse('2026-01-31T15:30:00Z');

installComponents();
const board = readBoard();
const range = { fromMs: toMs - 6 * HOUR_MS, toMs };
const prometheus = await openHistory(toMs);
try {
  await drawAll(board, await askAll(prometheus, board, range), range);
} finally {
  await prometheus.close();
}
