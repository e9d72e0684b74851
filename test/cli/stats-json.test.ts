// docs/stats-json.md is a promise: real output has each of its keys with its type, and no other.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { STATS_BY, statsReport } from '../../store/report.ts';
import { toEnded } from '../../store/row.ts';
import { statsDocument } from '../../store/stats-document.ts';
import { toWarmupRow, writeWarmups } from '../../store/warmups.ts';
import { writeRecords } from '../../store/write.ts';
import { writeMany } from '../store/many-requests.ts';
import { freshStore, NOW_MS, outcome } from '../store/sample.ts';
import { writeWorkingDay } from '../store/working-day.ts';

const RANGE = { sinceMs: NOW_MS - 3_600_000, untilMs: NOW_MS };
const PRICES = {
  asOf: '2026-03-01',
  currency: 'USD',
  perMillionTokens: { 'claude-test-large': { input: 1, output: 2, cacheWrite: 3, cacheRead: 4 } },
};

type Types = Map<string, Set<string>>;

function pathsOf(value: unknown, path: string, found: Types): Types {
  if (Array.isArray(value)) {
    note(found, path, 'array');
    for (const each of value) pathsOf(each, `${path}[]`, found);
  } else if (typeof value === 'object' && value !== null) {
    note(found, path, 'object');
    for (const [key, each] of Object.entries(value))
      pathsOf(each, path === '' ? key : `${path}.${key}`, found);
  } else note(found, path, value === null ? 'null' : typeof value);
  return found;
}

function note(found: Types, path: string, type: string): void {
  found.set(path, (found.get(path) ?? new Set()).add(type));
}

/** Path → types, as the two tables of the page say. */
function documented(): ReadonlyMap<string, readonly string[]> {
  const page = readFileSync(join(import.meta.dirname, '../../docs/stats-json.md'), 'utf8');
  const [first = '', second = ''] = page.split('`totals` and each row have:');
  const rows = (text: string) =>
    [...text.matchAll(/^\| (`.*?`) \| ([a-z ]+) \|/gm)].flatMap(([, keys = '', types = '']) =>
      [...keys.matchAll(/`([^`]+)`/g)].map(([, key = '']) => [key, types.split(' or ')] as const),
    );
  const each = rows(second);
  return new Map([
    ...rows(first),
    ...['totals.', 'rows[].'].flatMap((prefix) =>
      each.map(([key, types]) => [`${prefix}${key}`, types] as const),
    ),
  ]);
}

test('every key of real output is documented with its type, and every documented key is in real output', async (t) => {
  const store = await freshStore(t);
  await writeMany(store, { count: 300, fromMs: RANGE.sinceMs, untilMs: NOW_MS });
  await writeWorkingDay(store);
  const silent = { answeredBy: 'claude', model: 'claude-test-other', cache: { evidence: 'none' } } as const;
  await writeRecords(store.db, [toEnded(outcome('silent', silent), 'd-1')]);
  const run = { purpose: 'warm', backend: 'mlx-lm', model: 'qwen-test', result: 'completed' } as const;
  const warmup = { ...run, warmupId: 'one', startedAtMs: NOW_MS, durationMs: 10, steps: 1 };
  await writeWarmups(store.db, [toWarmupRow(warmup, 'd-1')]);
  const found: Types = new Map();
  const none = await statsReport((await freshStore(t)).db, RANGE, 'route');
  pathsOf(statsDocument(none, NOW_MS), '', found);
  for (const by of STATS_BY) {
    const report = await statsReport(store.db, RANGE, by);
    for (const prices of [PRICES, undefined]) pathsOf(statsDocument(report, NOW_MS, prices), '', found);
  }
  const page = documented();
  const inner = [...found.keys()].filter((path) =>
    [...found.keys()].some((other) => other.startsWith(`${path}.`) || other.startsWith(`${path}[]`)),
  );
  const leaves = [...found.keys()].filter((path) => path !== '' && (page.has(path) || !inner.includes(path)));
  assert.deepEqual(leaves.toSorted(), [...page.keys()].toSorted());
  for (const path of leaves) {
    for (const type of found.get(path) ?? [])
      assert.ok(page.get(path)?.includes(type), `${path} is a ${type}`);
  }
});

test('the document has at least what the first version promised', async (t) => {
  const document = statsDocument(await statsReport((await freshStore(t)).db, RANGE, 'route'), NOW_MS);
  for (const key of ['schema', 'generatedAt', 'range', 'totals', 'rows'] as const)
    assert.ok(key in document, key);
  for (const key of [
    ...(['requests', 'completed', 'failed', 'cancelled', 'refused', 'interrupted'] as const),
    ...(['promptTokens', 'cacheKnownPromptTokens', 'cachedTokens', 'cacheUnknownRequests'] as const),
  ])
    assert.ok(key in document.totals, key);
});
