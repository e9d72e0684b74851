// The rules of Grafana's dashboard-linter, which is a Go program that the tests cannot count on. Whether a query
// is valid PromQL is asked of a real Prometheus, in queries.test.ts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderDashboard } from '../../grafana/dashboard.ts';
import { DASHBOARD, DASHBOARD_TEXT, PANELS, TARGETS, type Variable } from './dashboard.ts';

test('the checked-in dashboard is what its code says; else run node grafana/build.ts', () => {
  assert.equal(DASHBOARD_TEXT, renderDashboard());
});

function variable(name: string): Variable {
  const found = DASHBOARD.templating.list.find((one) => one.name === name);
  assert.ok(found, `there is no variable ${name}`);
  return found;
}

test('the data source can be chosen', () => {
  const { type, label, query } = variable('datasource');
  assert.deepEqual({ type, label, query }, { type: 'datasource', label: 'Data source', query: 'prometheus' });
});

for (const [name, label] of [
  ['job', 'Job'],
  ['instance', 'Instance'],
] as const) {
  test(`the ${name} can be chosen: several, or all, from the chosen data source, read anew with the time range`, () => {
    const found = variable(name);
    assert.equal(found.label, label);
    assert.equal(found.type, 'query');
    assert.equal(found.datasource?.uid, '$datasource');
    assert.ok(found.multi && found.includeAll);
    assert.equal(found.allValue, '.+');
    assert.equal(found.refresh, 2);
    assert.match(found.query, new RegExp(`^label_values\\(anyclaude_build_info(\\{.*\\})?, ${name}\\)$`));
  });
}

test('nobody can edit what the code would overwrite', () => {
  assert.equal(DASHBOARD.editable, false);
});

test('each panel has a title of its own, a description that adds to it, and a query', () => {
  const titles = PANELS.map(({ title }) => title);
  assert.equal(new Set(titles).size, titles.length);
  for (const { title, description = '', targets = [] } of PANELS) {
    assert.ok(title.length > 2);
    assert.ok(description.length > title.length, `${title}: "${description}"`);
    assert.match(description, /[.]$/, title);
    assert.ok(targets.length > 0, title);
  }
});

test('each panel and each query asks the chosen data source', () => {
  const chosen = { type: 'prometheus', uid: '$datasource' };
  for (const { title, datasource } of PANELS) assert.deepEqual(datasource, chosen, title);
  for (const { panel, datasource } of TARGETS) assert.deepEqual(datasource, chosen, panel);
});

/** Of Grafana's own list; what is not on it is shown as a text behind the figure. */
const UNITS = ['s', 'percentunit', 'short', 'none', 'cpm', 'bytes'];

test('each panel has a unit that Grafana knows', () => {
  for (const { title, type, fieldConfig, options } of PANELS) {
    const units = [fieldConfig?.defaults.unit, ...(type === 'heatmap' ? [options?.yAxis?.unit] : [])];
    for (const unit of units) assert.ok(unit !== undefined && UNITS.includes(unit), `${title}: ${unit}`);
  }
});

test('each selector keeps to the chosen job and instance', () => {
  for (const { panel, expr } of TARGETS) {
    const metrics = expr.match(/\banyclaude_\w+/g) ?? [];
    const scoped = expr.match(/\banyclaude_\w+\{job=~"\$job", instance=~"\$instance"[,}]/g) ?? [];
    assert.ok(metrics.length > 0, panel);
    assert.equal(scoped.length, metrics.length, `${panel}: ${expr}`);
  }
});

test('each window of time follows the zoom and the scrape interval', () => {
  for (const { panel, expr } of TARGETS) {
    for (const [window] of expr.matchAll(/\[[^\]]*\]/g)) assert.equal(window, '[$__rate_interval]', panel);
  }
});

// Grafana takes a query's own step for the scrape interval: `$__rate_interval` would be four times as long.
test('no query has a step of its own: an hour would become four', () => {
  for (const { panel, interval } of TARGETS) assert.equal(interval, undefined, panel);
});

test('what says «the last hour» is of one hour, whatever the range of time', () => {
  const atOnce = PANELS.filter(({ targets = [] }) => targets.some(({ instant }) => instant));
  assert.ok(atOnce.length > 5);
  for (const { title, interval, maxDataPoints = 0 } of atOnce) {
    assert.equal(interval, '1h', title);
    assert.ok(maxDataPoints / 24 > 365, title);
  }
});

test('a counter is only ever shown as a rate or an increase', () => {
  for (const { panel, expr } of TARGETS) {
    const counters = expr.match(/\banyclaude_\w+_(total|bucket|sum|count)\b/g) ?? [];
    const rates = expr.match(/\b(rate|irate|increase)\(anyclaude_\w+_(total|bucket|sum|count)\b/g) ?? [];
    assert.equal(rates.length, counters.length, `${panel}: ${expr}`);
  }
});

test('a sum over an axis starts at nothing: an axis that begins elsewhere would lie', () => {
  const stacked = PANELS.filter((panel) => JSON.stringify(panel).includes('"mode":"normal"'));
  assert.ok(stacked.length > 3);
  for (const { title, fieldConfig } of stacked) {
    assert.equal(fieldConfig?.defaults.min, 0, title);
  }
});

test('panels have ids of their own, lie within 24 columns and none covers another', () => {
  assert.equal(new Set(DASHBOARD.panels.map(({ id }) => id)).size, DASHBOARD.panels.length);
  const taken = new Map<string, string>();
  for (const { title, gridPos } of DASHBOARD.panels) {
    assert.ok(gridPos.x + gridPos.w <= 24, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        assert.equal(taken.get(`${x}:${y}`), undefined, `${title} lies on ${taken.get(`${x}:${y}`)}`);
        taken.set(`${x}:${y}`, title);
      }
    }
  }
});
