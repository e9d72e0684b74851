import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runStats, type StatsOptions } from '../../cli/stats.ts';
import { renderStats, type Screen, screenOf } from '../../cli/stats-screen.ts';
import { emptyReport, type StatsReport, type StatsRow, statsReport } from '../../store/report.ts';
import { toEnded } from '../../store/row.ts';
import { parseSince } from '../../store/since.ts';
import { writeRecords } from '../../store/write.ts';
import { freshStore, NOW_MS, openedStore, outcome, temporaryFolder } from '../store/sample.ts';
import { writeWorkingDay } from '../store/working-day.ts';

const WIDE: Screen = { columns: 120, colour: false, unicode: true };
const RANGE = { sinceMs: NOW_MS - 1000, untilMs: NOW_MS };

async function stats(databasePath: string, options: StatsOptions) {
  const out: string[] = [];
  const err: string[] = [];
  const stdout = { write: (text: string) => out.push(text) };
  const stderr = { write: (text: string) => err.push(text) };
  const exitCode = await runStats(options, { stdout, stderr, nowMs: NOW_MS, databasePath, screen: WIDE });
  return { exitCode, stdout: out.join(''), stderr: err.join('') };
}

async function workingDayPath(t: TestContext): Promise<string> {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  await writeWorkingDay(await openedStore(t, path));
  return path;
}

async function workingDay(t: TestContext): Promise<StatsReport> {
  const store = await freshStore(t);
  await writeWorkingDay(store);
  return statsReport(store.db, RANGE, 'route');
}

/** A report of a single row, where only what is given differs from nothing known. */
function reportWith(row: Partial<StatsRow>): StatsReport {
  const empty = emptyReport(RANGE, 'route');
  const known = { ...empty.totals, requests: 1, task: 'edit', backend: 'lmstudio', ...row };
  return { ...empty, totals: { ...empty.totals, requests: 1 }, rows: [known] };
}

function lineWith(text: string, screen: string): string {
  const line = screen.split('\n').find((candidate) => candidate.includes(text));
  assert.ok(line !== undefined, `no line with ${text} in:\n${screen}`);
  return line;
}

test('a span, a day, a time and today are understood', () => {
  const now = new Date(2026, 2, 4, 12, 30).getTime();
  const since = (text: string) => {
    const parsed = parseSince(text, now);
    assert.ok('sinceMs' in parsed, text);
    return parsed.sinceMs;
  };
  assert.equal(since('15m'), now - 15 * 60_000);
  assert.equal(since('24h'), now - 24 * 3_600_000);
  assert.equal(since('7d'), now - 7 * 86_400_000);
  assert.equal(since('today'), new Date(2026, 2, 4).getTime());
  assert.equal(since('2026-03-01'), new Date(2026, 2, 1).getTime());
  assert.equal(since('2026-03-01T08:30'), new Date(2026, 2, 1, 8, 30).getTime());
  assert.equal(since('2026-03-01T08:30Z'), Date.UTC(2026, 2, 1, 8, 30));
});

test('any other form of --since is answered with the forms there are', () => {
  const wrong = [
    '',
    'yesterday',
    '7',
    '7w',
    '0h',
    '-1d',
    '1.5h',
    '2026-02-30',
    '2026-13-01',
    '2026-03-01T99:00',
    '9999999d',
  ];
  for (const text of wrong) {
    const parsed = parseSince(text, NOW_MS);
    assert.ok('problem' in parsed, text);
    assert.match(parsed.problem, /15m, 24h, 7d.*2026-01-31.*today/);
  }
  const future = parseSince('2999-01-01', NOW_MS);
  assert.ok('problem' in future && /still to come/.test(future.problem));
});

test('a wrong --since or --by is a usage error, said on stderr', async (t) => {
  const path = await workingDayPath(t);
  for (const options of [{ since: 'soon' }, { by: 'mood' }]) {
    const { exitCode, stdout, stderr } = await stats(path, options);
    assert.deepEqual([exitCode, stdout], [2, '']);
    assert.match(stderr, /--since takes|--by takes route, backend, model, day, not "mood"/);
  }
});

test('stats --json has the keys of schema 1, with units in their names', async (t) => {
  const { exitCode, stdout, stderr } = await stats(await workingDayPath(t), { json: true, since: '15m' });
  assert.deepEqual([exitCode, stderr], [0, '']);
  const document = JSON.parse(stdout);
  assert.deepEqual(Object.keys(document), [
    'schema',
    'generatedAt',
    'range',
    'by',
    'totals',
    'answeredHere',
    'rows',
    'timeSaved',
    'kvCache',
  ]);
  assert.equal(document.schema, 1);
  assert.equal(document.generatedAt, '2026-03-04T12:00:00.000Z');
  assert.deepEqual(document.range, { since: '2026-03-04T11:45:00.000Z', until: '2026-03-04T12:00:00.000Z' });
  const counts = ['requests', 'completed', 'failed', 'cancelled', 'refused', 'interrupted', 'sessions'];
  const figures = [
    'okPercent',
    'promptTokens',
    'outputTokens',
    'cacheKnownRequests',
    'cacheInferredRequests',
    'cacheUnknownRequests',
    'cacheHitRequests',
    'hitPercent',
    'cacheKnownPromptTokens',
    'cachedTokens',
    'cachedPercent',
    'outputTokensPerS',
    'ttftMs',
  ];
  assert.deepEqual(Object.keys(document.totals).sort(), [...counts, 'running', ...figures].sort());
  assert.deepEqual(Object.keys(document.rows[0]), ['task', 'backend', ...counts, ...figures]);
  assert.deepEqual(Object.keys(document.rows[0].ttftMs), ['all', 'warm', 'cold']);
  assert.deepEqual(document.rows[0].ttftMs.warm, { n: 5, p50: 600, p95: 780 });
  assert.deepEqual(Object.keys(document.timeSaved), ['estimate', 'savedMs', 'backends']);
  assert.deepEqual(Object.keys(document.timeSaved.backends[0]), [
    'backend',
    'warmRequests',
    'coldRequests',
    'savedMs',
  ]);
  assert.equal(document.rows[1].cachedTokens, null);
  assert.equal(document.totals.okPercent, 84.211);
});

test('by day, model and backend, the rows carry that key', async (t) => {
  const path = await workingDayPath(t);
  for (const by of ['day', 'model', 'backend']) {
    const { stdout } = await stats(path, { json: true, by });
    assert.equal(Object.keys(JSON.parse(stdout).rows[0])[0], by);
    const screen = (await stats(path, { by })).stdout;
    assert.match(screen, new RegExp(`^${by.toUpperCase()} `, 'm'));
  }
});

test('before anything was recorded there is an empty report, a friendly line and no new file', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const json = await stats(path, { json: true });
  assert.equal(json.exitCode, 0);
  assert.equal(JSON.parse(json.stdout).totals.requests, 0);
  const screen = await stats(path, {});
  assert.equal(screen.exitCode, 0);
  assert.match(screen.stdout, /No requests yet/);
  assert.match(screen.stderr, /anyclaude start/);
  assert.equal(existsSync(path), false);
});

test('a damaged database is a failure in one sentence', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  writeFileSync(path, 'no database at all '.repeat(1000));
  const { exitCode, stdout, stderr } = await stats(path, {});
  assert.deepEqual([exitCode, stdout], [1, '']);
  assert.match(stderr, /damaged.*moves it aside/);
});

test('the screen shows how each task fared on each backend', async (t) => {
  const screen = renderStats(await workingDay(t), WIDE);
  assert.match(
    screen,
    /21 requests · 2 sessions · 16 completed · 1 failed · 1 cancelled · 1 refused · 1 interrupted/,
  );
  assert.match(screen, /1 running · 2 answered by the daemon itself/);
  assert.match(
    lineWith('TASK', screen),
    /^TASK +BACKEND +REQS +OK% +HIT% +CACHED% +TTFT s +WARM s +COLD s +TOK\/S +OUT$/,
  );
  const mlx =
    /^analysis +mlx-lm +12 +92 +45 +29 +5\.00\/13\.5\* +0\.60\/0\.78\* +12\.0\/13\.8\* +50\.0 +1100$/;
  assert.match(lineWith('analysis', screen), mlx);
  assert.match(lineWith('edit', screen), /^edit +lmstudio +4 +100 +– +– +0\.20\/0\.20\* +– +– +40\.0 +120$/);
  assert.match(screen, /4600 of 16\.0k from the cache; 3 requests without a cache report/);
  assert.match(screen, /an estimate: 57\.0 s = warm requests \(5 on mlx-lm\) × \(cold p50 − warm p50\)/);
  assert.match(screen, /\* fewer than 20 values/);
  assert.match(screen, /– not known/);
});

test('columns stand under their titles', async (t) => {
  const lines = renderStats(await workingDay(t), WIDE).split('\n');
  const from = lines.findIndex((line) => line.startsWith('TASK'));
  const widths = lines.slice(from, from + 4).map((line) => line.length);
  assert.equal(new Set(widths).size, 1, String(widths));
});

test('a percentile of twenty values bears no mark, one of nineteen does', () => {
  const spread = (n: number) => ({ n, p50: 600, p95: 1500 });
  const unknown = { n: 0, p50: null, p95: null };
  const shown = (n: number) =>
    renderStats(reportWith({ ttftMs: { all: spread(n), warm: unknown, cold: unknown } }), WIDE);
  assert.match(lineWith('lmstudio', shown(20)), /0\.60\/1\.50 /);
  assert.doesNotMatch(shown(20), /\*/);
  assert.match(lineWith('lmstudio', shown(19)), /0\.60\/1\.50\*/);
});

test('figures that were inferred say so', () => {
  const reported = renderStats(reportWith({ hitPercent: 80, cachedPercent: 70 }), WIDE);
  assert.doesNotMatch(reported, /~/);
  const inferred = renderStats(
    reportWith({ hitPercent: 80, cachedPercent: 70, cacheInferredRequests: 1 }),
    WIDE,
  );
  assert.match(lineWith('lmstudio', inferred), / ~80 +~70 /);
  assert.match(inferred, /~ partly inferred/);
});

test('only all of them is 100 %', () => {
  assert.match(lineWith('lmstudio', renderStats(reportWith({ okPercent: 99.9 }), WIDE)), / 99 /);
});

test('a narrow terminal gets fewer columns, and what matters most stays', async (t) => {
  const report = await workingDay(t);
  for (const columns of [100, 80, 60, 40]) {
    const screen = renderStats(report, { ...WIDE, columns });
    assert.ok(lineWith('TASK', screen).length <= columns, `${columns}`);
    assert.match(lineWith('TASK', screen), /^TASK +BACKEND +REQS +OK%/);
  }
  assert.match(lineWith('TASK', renderStats(report, { ...WIDE, columns: 60 })), /WARM s/);
});

test('without Unicode the screen is ASCII, and without colour it has no escape codes', async (t) => {
  const report = await workingDay(t);
  const plain = renderStats(report, { ...WIDE, unicode: false });
  assert.equal(
    [...plain].find((character) => character > '~'),
    undefined,
  );
  assert.equal(
    [...plain].find((character) => character < ' ' && character !== '\n'),
    undefined,
  );
  assert.ok(renderStats(report, { ...WIDE, colour: true }).includes('\u001b[1m'));
});

test('a name from a server cannot move the cursor', () => {
  const screen = renderStats(reportWith({ backend: 'evil\u001b[2J\nname' }), WIDE);
  assert.match(screen, /evil\?\[2J\?name/);
  assert.ok(!screen.includes('\u001b'));
});

test('COLUMNS, NO_COLOR, FORCE_COLOR and the locale are respected', () => {
  const terminal = { isTTY: true, columns: 80 };
  assert.deepEqual(screenOf(terminal, { LANG: 'en_GB.UTF-8' }), { columns: 80, colour: true, unicode: true });
  assert.deepEqual(screenOf(terminal, { COLUMNS: '60', NO_COLOR: '1', LANG: 'C' }), {
    columns: 60,
    colour: false,
    unicode: false,
  });
  assert.equal(screenOf({}, {}).colour, false);
  assert.equal(screenOf({}, { FORCE_COLOR: '1' }).colour, true);
  assert.equal(screenOf(terminal, { LC_ALL: 'C', LANG: 'en_GB.UTF-8' }).unicode, false);
  assert.equal(screenOf(terminal, { COLUMNS: 'wide' }).columns, 80);
});

test('requests that never reached a backend leave a screen without a table', async (t) => {
  const store = await freshStore(t);
  await writeRecords(store.db, [toEnded(outcome('title', { answeredBy: 'daemon', kind: 'title' }), 'd-1')]);
  const screen = renderStats(await statsReport(store.db, RANGE, 'route'), WIDE);
  assert.match(screen, /1 answered by the daemon itself/);
  assert.match(screen, /No request has gone to a backend/);
});
