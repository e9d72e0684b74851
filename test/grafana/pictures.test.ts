// The pictures of the panels are drawn by hand, for that takes minutes and Grafana's components: here is only looked
// whether they are there and of the present dashboard.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Manifest, manifestOf, PICTURES, readBoard } from '../../grafana/pictures/board.ts';

const drawn = JSON.parse(readFileSync(join(PICTURES, 'pictures.json'), 'utf8')) as Manifest;
const board = readBoard();
const present = manifestOf(board);

test('each panel has a picture of what it is now; else run npm run grafana:pictures, and look at it', () => {
  const changed = Object.keys(present).filter(
    (title) => drawn[title]?.panelHash !== present[title]?.panelHash,
  );
  assert.deepEqual(changed, []);
  assert.deepEqual(Object.keys(drawn).toSorted(), Object.keys(present).toSorted());
});

test('a panel that changes in what it asks or how it looks is told from its picture', () => {
  const [row, first] = board.panels;
  assert.ok(row?.type === 'row' && first?.targets);
  const hashOf = (panel: typeof first) => manifestOf({ panels: [row, panel] })[first.title]?.panelHash;
  const asksElse = { ...first, targets: first.targets.map((target) => ({ ...target, expr: 'up' })) };
  const moved = { ...first, id: 99, gridPos: { ...first.gridPos, y: 99 } };
  assert.notEqual(hashOf(asksElse), hashOf(first));
  assert.notEqual(hashOf({ ...first, options: {} }), hashOf(first));
  assert.equal(hashOf(moved), hashOf(first));
});

test('the pictures are those of the manifest, small, and all are shown', () => {
  const files = [...new Set(Object.values(drawn).map(({ file }) => file))].toSorted();
  const found = readdirSync(PICTURES).filter((name) => name.endsWith('.png'));
  assert.deepEqual(found.toSorted(), files);
  assert.ok(files.reduce((bytes, name) => bytes + statSync(join(PICTURES, name)).size, 0) < 1.5e6);
  const readme = readFileSync('grafana/README.md', 'utf8');
  for (const file of files) assert.ok(readme.includes(`](../docs/grafana/${file})`), file);
});
