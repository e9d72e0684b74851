// The checked-in dashboard, as far as its pictures look into it.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BoardPanel, Box } from './page/given.ts';

export type Board = { readonly panels: readonly BoardPanel[] };

/** A row of the dashboard becomes one picture: its heading, and the panels below it. */
export type Picture = { readonly file: string; readonly panels: readonly BoardPanel[] };

const ROOT = join(import.meta.dirname, '..', '..');
export const PICTURES = join(ROOT, 'docs', 'grafana');
const DASHBOARD = join(ROOT, 'grafana', 'dashboards', 'anyclaude.json');

export const BOARD_WIDTH = 1408;
export const PANEL_GAP = 8;
const COLUMNS = 24;
const ROW_HEIGHT = 30;

export function readBoard(): Board {
  return JSON.parse(readFileSync(DASHBOARD, 'utf8')) as Board;
}

/** Where Grafana's grid puts it on a board of that width. */
export function boxOf({ gridPos }: BoardPanel): Box {
  const column = (BOARD_WIDTH + PANEL_GAP) / COLUMNS;
  const row = ROW_HEIGHT + PANEL_GAP;
  return {
    left: Math.round(gridPos.x * column),
    top: gridPos.y * row,
    width: Math.round(gridPos.w * column) - PANEL_GAP,
    height: gridPos.h * row - PANEL_GAP,
  };
}

export function picturesOf({ panels }: Board): readonly Picture[] {
  const pictures: { file: string; panels: BoardPanel[] }[] = [];
  for (const panel of panels) {
    if (panel.type === 'row') pictures.push({ file: fileOf(panel.title), panels: [] });
    pictures.at(-1)?.panels.push(panel);
  }
  return pictures;
}

function fileOf(title: string): string {
  return `${title.toLowerCase().replaceAll(/[^a-z]+/g, '-')}.png`;
}

/** What tells that a picture is of an older panel: title → hash of all that the panel says. */
export type Manifest = Readonly<Record<string, { readonly file: string; readonly panelHash: string }>>;

export function manifestOf(board: Board): Manifest {
  const entries = picturesOf(board).flatMap(({ file, panels }) =>
    panels
      .filter(({ type }) => type !== 'row')
      .map((panel) => [panel.title, { file, panelHash: hashOf(panel) }] as const),
  );
  return Object.fromEntries(entries);
}

/** Its number, where it lies and its description, which only a pointer brings up, are in no picture; its size is. */
function hashOf({ id: _id, description: _text, gridPos: { w, h }, ...panel }: BoardPanel): string {
  return createHash('sha256')
    .update(JSON.stringify({ ...panel, w, h }))
    .digest('hex')
    .slice(0, 16);
}
