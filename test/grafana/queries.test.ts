// The proof that the dashboard and the alerts show something: a real Prometheus, with the configuration that is
// shipped, scrapes a real daemon under load, and every query has to bring figures.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { chromiumIsMissing, openChromium } from '../page/chromium.ts';
import { filledIn, TARGETS } from './dashboard.ts';
import { openSite, type Site } from './load.ts';
import { type Prometheus, prometheusIsMissing, type Sample, startPrometheus } from './prometheus.ts';

const skip = prometheusIsMissing();
/** As long as the whole test may take, so that what happened at its beginning is still within. */
const WINDOW = '5m';

let site: Site;
let prometheus: Prometheus;
let folder: string;

if (!skip) {
  before(async () => {
    site = await openSite();
    folder = await shippedConfiguration(site.address);
    prometheus = await startPrometheus(join(folder, 'prometheus.yml'));
    // Only what rises between two scrapes has a rate.
    await figures('up{job="anyclaude"} == 1');
    await site.load();
    await scraped();
    await site.load();
    await scraped();
  });
  after(async () => {
    await prometheus?.close();
    await site?.close();
    await rm(folder, { recursive: true, force: true });
  });
}

/** A copy of grafana/prometheus for this daemon, in a hurry. */
async function shippedConfiguration(address: string): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'anyclaude-prometheus-config-'));
  const config = parse(await readFile('grafana/prometheus/prometheus.yml', 'utf8'));
  config.global = { scrape_interval: '1s', evaluation_interval: '1s' };
  await writeFile(join(copy, 'prometheus.yml'), stringify(config));
  await writeFile(join(copy, 'rules.yml'), await readFile('grafana/prometheus/rules.yml'));
  await writeFile(join(copy, 'target.yml'), stringify([{ targets: [address] }]));
  return copy;
}

/** Resolves after everything up to now was scraped twice: a rate needs two points. */
async function scraped(): Promise<void> {
  const now = Date.now() / 1000;
  await figures(`timestamp(up{job="anyclaude"}) > ${now + 1.1}`);
}

/** Asks until it brings a figure, for 20 s; the last answer, empty or not. */
async function figures(expression: string): Promise<readonly Sample[]> {
  for (let tries = 0; ; tries += 1) {
    const found = (await prometheus.query(expression)).filter(({ value }) => Number.isFinite(value));
    if (found.length > 0 || tries >= 40) return found;
    await delay(500);
  }
}

for (const { panel, refId, expr } of TARGETS) {
  test(`panel ${panel}, query ${refId}, shows figures`, { skip }, async () => {
    const found = await figures(filledIn(expr, WINDOW));
    assert.notEqual(found.length, 0, expr);
  });
}

test('each alert is loaded and finds figures to compare', { skip }, async () => {
  const { groups } = (await prometheus.get('rules?type=alert')) as {
    groups: { rules: { name: string; query: string; health: string; lastError?: string }[] }[];
  };
  const rules = groups.flatMap((group) => group.rules);
  assert.equal(rules.length, 6);
  for (const { name, query, health, lastError } of rules) {
    assert.equal(health, 'ok', `${name}: ${lastError}`);
    const value = query.replace(/ (?:<|>|==) [\d.]+$/, '');
    assert.notEqual(value, query, `${name} compares with nothing`);
    assert.notEqual((await figures(value)).length, 0, `${name}: ${value}`);
  }
});

test('the dashboard finds jobs and instances to choose from', { skip }, async () => {
  const found = await figures('anyclaude_build_info');
  assert.deepEqual(
    found.map(({ metric }) => [metric['job'], metric['instance']]),
    [['anyclaude', site.address]],
  );
});

test('what the load did is what the figures say', { skip }, async () => {
  const one = async (expression: string) => (await figures(expression))[0]?.value;
  const count = (name: string, labels: string) => one(`sum(anyclaude_${name}{${labels}})`);
  assert.equal(await count('requests_total', 'route="analysis",backend="mlx-lm",outcome="ok"'), 12);
  assert.equal(await count('requests_total', 'route="edit",backend="lmstudio",outcome="ok"'), 4);
  assert.equal(await count('requests_total', 'outcome="client_abort"'), 2);
  assert.equal(await count('requests_total', 'route="passthrough",outcome="ok"'), 2);
  assert.equal(await count('requests_total', 'route="daemon",outcome="invalid_request"'), 2);
  assert.equal(await count('fallbacks_total', 'from="mlx-lm",to="lmstudio",reason="error"'), 2);
  assert.equal(await count('fallbacks_total', 'from="mlx-lm",to="claude",reason="busy"'), 2);
  assert.equal(await count('fallbacks_total', 'reason="bad-tool-call"'), 2);
  // What goes to the Claude API after two others was put into their words before.
  const phases = ['classify', 'translate', 'total'];
  const timed = phases.map((phase) => count('overhead_seconds_count', `phase="${phase}"`));
  assert.deepEqual(await Promise.all(timed), [24, 24, 24]);
  for (const phase of phases) assert.ok(((await count('overhead_seconds_sum', `phase="${phase}"`)) ?? 0) > 0);
  assert.equal(await count('tool_calls_total', 'backend="mlx-lm",result="valid"'), 4);
  assert.equal(await count('upstream_responses_total', 'backend="mlx-lm",code="500"'), 2);
  assert.equal(await count('upstream_responses_total', 'code="503"'), 4);
  assert.equal(await count('stream_interruptions_total', 'side="client"'), 2);
  assert.equal(await count('prompt_cache_requests_total', 'backend="mlx-lm",result="partial"'), 2);
  assert.equal(await count('store_rows_total', ''), 26);
  assert.equal(await count('cache_breaks_total', 'backend="mlx-lm",cause="tools-added"'), 2);
});

test('the query that names loaded models, as grafana/README.md shows it, finds them', { skip }, async () => {
  const readme = await readFile('grafana/README.md', 'utf8');
  const [, query = ''] = readme.match(/`(anyclaude_output_tokens_total \* [^`]+)`/) ?? [];
  const found = (await figures(query)).map(({ metric }) => `${metric['backend']}: ${metric['loaded']}`);
  assert.deepEqual(found.sort(), ['lmstudio: qwen', 'mlx-lm: /models/qwen']);
});

test('Prometheus keeps the request behind a first token, and the daemon explains it', { skip }, async () => {
  const ids = await requestsBehindDots();
  assert.ok(ids.length > 0);
  for (const id of ids) {
    assert.match(id, /^req_[0-9a-f]{32}$/);
    const { status } = await fetch(`http://${site.address}/api/requests/${id}`);
    assert.equal(status, 200, id);
  }
});

test('the link of a dot opens the explanation, though it stands on a page of another port', {
  skip: skip || chromiumIsMissing(),
}, async () => {
  const [id = ''] = await requestsBehindDots();
  const { datasources } = parse(await readFile('grafana/provisioning/datasources/anyclaude.yml', 'utf8'));
  const { url } = datasources[0].jsonData.exemplarTraceIdDestinations[0];
  const link = url.replace('127.0.0.1:4784', site.address).replace('$${__value.raw}', id);
  const browser = await openChromium();
  try {
    const page = await browser.newPage();
    // Where Grafana's own would be: another port of the same machine.
    await page.goto(`${prometheus.url}/-/ready`);
    await page.evaluate(`document.body.innerHTML = '<a href="${link}">why</a>'`);
    await page.click('a');
    await page.waitForSelector(`dialog[open] >> text=${id}`);
  } finally {
    await browser.close();
  }
});

/** As Grafana asks for them. */
async function requestsBehindDots(): Promise<readonly string[]> {
  const [shown, ...others] = TARGETS.filter(({ exemplar }) => exemplar);
  assert.ok(shown && others.length === 0);
  const query = new URLSearchParams({
    query: filledIn(shown.expr, WINDOW),
    start: String(Date.now() / 1000 - 300),
    end: String(Date.now() / 1000 + 1),
  });
  const found = (await prometheus.get(`query_exemplars?${query}`)) as {
    exemplars: { labels: { request_id: string } }[];
  }[];
  return found.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels.request_id));
}
