import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { penOf, type Screen, screenOf, wrapped } from '../../cli/screen.ts';
import { shownSpan, shownTokens } from '../../cli/shown.ts';
import { runStats, type StatsOptions } from '../../cli/stats.ts';
import { renderStats } from '../../cli/stats-screen.ts';
import { csvCell } from '../../cli/stats-table.ts';
import { emptyReport, type StatsReport, type StatsRow, statsReport } from '../../store/report.ts';
import { toEnded } from '../../store/row.ts';
import { parsePeriod, parseSince } from '../../store/since.ts';
import { claudeApi } from '../../store/stats-document.ts';
import { writeRecords } from '../../store/write.ts';
import { writeMany } from '../store/many-requests.ts';
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

function drawn(report: StatsReport, screen: Screen): string {
  return renderStats(report, claudeApi(report.claudeApi, undefined), { ...screen, format: 'screen' });
}

/** A report of a single row, where only what is given differs from nothing known. */
function reportWith(row: Partial<StatsRow>): StatsReport {
  const empty = emptyReport(RANGE, 'route');
  const known = {
    ...empty.totals,
    requests: 1,
    task: 'edit',
    backend: 'lmstudio',
    kvCache: empty.kvCache,
    ...row,
  };
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
    '999999d',
    '99999999m',
  ];
  for (const text of wrong) {
    const parsed = parseSince(text, NOW_MS);
    assert.ok('problem' in parsed, text);
    assert.match(parsed.problem, /15m, 24h, 7d.*2026-01-31.*today/);
  }
  const ages = parseSince('36526d', NOW_MS);
  assert.ok('problem' in ages && /A span is 100 years at most/.test(ages.problem));
  assert.ok('sinceMs' in parseSince('36525d', NOW_MS));
  const future = parseSince('2999-01-01', NOW_MS);
  assert.ok('problem' in future && /still to come/.test(future.problem));
});

test('a wrong --since or --by is a usage error, said on stderr', async (t) => {
  const path = await workingDayPath(t);
  for (const options of [{ since: 'soon' }, { by: 'mood' }]) {
    const { exitCode, stdout, stderr } = await stats(path, options);
    assert.deepEqual([exitCode, stdout], [2, '']);
    assert.match(
      stderr,
      /--since takes|--by takes route, backend, model, session, project, day, hour, reason, not "mood"/,
    );
  }
});

test('stats --json says when it was made, of which time, and rounds to three decimals', async (t) => {
  const { exitCode, stdout, stderr } = await stats(await workingDayPath(t), { json: true, since: '15m' });
  assert.deepEqual([exitCode, stderr], [0, '']);
  const document = JSON.parse(stdout);
  assert.equal(document.schema, 3);
  assert.equal(document.generatedAt, '2026-03-04T12:00:00.000Z');
  assert.deepEqual(document.range, { since: '2026-03-04T11:45:00.000Z', until: '2026-03-04T12:00:00.000Z' });
  assert.deepEqual(document.rows[0].ttftMs.warm, { n: 5, p50: 600, p95: 780 });
  assert.equal(document.rows[1].cachedTokens, null);
  assert.equal(document.totals.okPercent, 84.211);
});

test('--until ends the period, a day at its end, and has the forms of --since', async (t) => {
  const now = new Date(2026, 2, 4, 12, 30).getTime();
  const untilOf = (until: string) => {
    const period = parsePeriod({ since: '30d', until }, now);
    assert.ok('range' in period, until);
    return period.range.untilMs;
  };
  assert.equal(untilOf('24h'), now - 24 * 3_600_000);
  assert.equal(untilOf('2026-03-01'), new Date(2026, 2, 2).getTime() - 1);
  assert.equal(untilOf('2026-03-01T08:30'), new Date(2026, 2, 1, 8, 30).getTime());
  const wrong = parsePeriod({ since: '1h', until: 'noon' }, now);
  assert.ok('problem' in wrong && /--until takes a span \(15m, 24h, 7d\), .*not "noon"/.test(wrong.problem));
  const path = await workingDayPath(t);
  const early = await stats(path, { until: '2020-01-01' });
  assert.match(early.stderr, /--until "2020-01-01" lies before the default --since 24h:/);
  const { exitCode, stderr } = await stats(path, { since: '1h', until: '2h' });
  assert.equal(exitCode, 2);
  assert.match(stderr, /--until "2h" lies before --since "1h"/);
  const none = await stats(path, { json: true, since: '2h', until: '1h' });
  assert.equal(JSON.parse(none.stdout).totals.requests, 0);
});

test('two forms at once, or a watched one that is no screen, are usage errors', async (t) => {
  const path = await workingDayPath(t);
  const problem = async (options: StatsOptions) => {
    const { exitCode, stdout, stderr } = await stats(path, options);
    assert.deepEqual([exitCode, stdout], [2, '']);
    return stderr;
  };
  assert.match(await problem({ json: true, csv: true }), /--json and --csv are two forms/);
  assert.match(await problem({ watch: true, md: true }), /--watch draws a screen, and --md is for programs/);
  assert.match(await problem({ watch: true }), /redraws a terminal, and this output is none/);
});

test('--csv is the rows of --json, a column a path, unknown left empty', async (t) => {
  const path = await workingDayPath(t);
  const { rows } = JSON.parse((await stats(path, { json: true })).stdout);
  const [titles = '', ...lines] = (await stats(path, { csv: true })).stdout.trimEnd().split('\r\n');
  assert.match(titles, /^task,backend,requests,completed,/);
  assert.equal(lines.length, rows.length);
  const cells = titles.split(',').map((title, at) => [title, lines[0]?.split(',')[at]] as const);
  const cell = new Map(cells);
  assert.equal(cell.get('ttftMs.warm.p95'), String(rows[0].ttftMs.warm.p95));
  assert.equal(cell.get('okPercent'), String(rows[0].okPercent));
  const edit = new Map(titles.split(',').map((title, at) => [title, lines[1]?.split(',')[at]] as const));
  assert.equal(edit.get('cachedTokens'), '');
});

test('a cell of --csv that holds its own signs is quoted', () => {
  assert.equal(csvCell('a "b", c\nd'), '"a ""b"", c\nd"');
  assert.equal(csvCell('plain'), 'plain');
});

test('--md is a table with all columns and the meaning of its marks', async (t) => {
  const { stdout } = await stats(await workingDayPath(t), { md: true });
  const lines = stdout.split('\n');
  assert.match(lines[0] ?? '', /^\| TASK \| BACKEND \| REQS .*\| OUT \|$/);
  assert.match(lines[1] ?? '', /^\| --- \| --- \| ---: \|/);
  assert.match(lines[2] ?? '', /^\| analysis \| mlx-lm \| 12 \|/);
  assert.match(stdout, /^- \\\* fewer than 20 values$/m);
});

test('--compact is the table alone', async (t) => {
  const { stdout } = await stats(await workingDayPath(t), { compact: true });
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines.length, 4);
  assert.match(lines[0] ?? '', /^TASK +BACKEND +REQS +OK% +HIT% +WARM s +COLD s +TOK\/S$/);
});

test('--watch draws pictures of the size that there is by then, until it is ended', async (t) => {
  const path = await workingDayPath(t);
  const pictures: (readonly string[])[] = [];
  const rounds = [NOW_MS + 1000, NOW_MS + 2000, undefined];
  let closed = 0;
  const exitCode = await runStats(
    { watch: true, by: 'hour' },
    {
      stdout: { write: () => assert.fail('it is the watch that draws') },
      stderr: { write: () => assert.fail('a note would break the screen') },
      ...{ nowMs: NOW_MS, databasePath: path, screen: WIDE },
      openWatch: () => ({
        show: (picture) => {
          for (const [columns, rows] of [
            [120, 24],
            [50, 9],
          ] as const)
            pictures.push(picture({ ...WIDE, columns, rows }));
        },
        nextMs: async () => rounds.shift(),
        close: () => {
          closed += 1;
        },
      }),
    },
  );
  assert.deepEqual([exitCode, closed, pictures.length], [0, 1, 6]);
  for (const [at, picture] of pictures.entries()) {
    const isWide = at % 2 === 0;
    assert.ok(picture.length <= (isWide ? 24 : 9), `${picture.length}`);
    for (const line of picture) assert.ok(line.length <= (isWide ? 120 : 50), line);
    assert.ok(picture.some((line) => line.startsWith('HOUR')));
  }
});

test('what went to the Claude API is shown apart with its price, or with a dash where none is known', async (t) => {
  const store = await freshStore(t);
  const cache = {
    evidence: 'reported',
    promptTokens: 100_000,
    cachedTokens: 60_000,
    writtenTokens: 10_000,
  } as const;
  const asked = outcome('a', {
    answeredBy: 'claude',
    model: 'claude-test-20260131',
    cache,
    outputTokens: 2000,
  });
  await writeRecords(store.db, [toEnded(asked, 'd-1')]);
  const report = await statsReport(store.db, RANGE, 'route');
  const model = { input: 10, output: 50, cacheWrite: 20, cacheRead: 1 };
  const table = { asOf: '2026-03-01', currency: 'USD', perMillionTokens: { 'claude-test': model } };
  const shown = (prices: typeof table | undefined) =>
    lineWith(
      'Claude API',
      renderStats(report, claudeApi(report.claudeApi, prices), { ...WIDE, columns: 300, format: 'screen' }),
    );
  const price = (30_000 * 10 + 10_000 * 20 + 60_000 * 1 + 2000 * 50) / 1e6;
  assert.match(
    shown(table),
    new RegExp(
      `30\\.0k in, 60\\.0k read from its cache, 10\\.0k written to it, 2000 out; ${price.toFixed(2)} USD by the prices of 2026-03-01`,
    ),
  );
  assert.match(shown(undefined), /price –/);
  assert.match(shown({ ...table, perMillionTokens: {} as typeof table.perMillionTokens }), /price –/);
});

test('without the price of a sort of token that was used, no price is claimed', () => {
  const tokens = {
    model: 'm',
    requests: 1,
    inputTokens: 10,
    cacheWriteTokens: null,
    cacheReadTokens: 5,
    outputTokens: 1,
  };
  const table = { asOf: '2026-03-01', currency: 'USD', perMillionTokens: { m: { input: 1, output: 1 } } };
  assert.equal(claudeApi([tokens], table).price, null);
  assert.equal(claudeApi([{ ...tokens, cacheReadTokens: 0 }], table).price?.toFixed(9), '0.000011000');
  assert.equal(claudeApi([], table).price, null);
});

test('time saved is an estimate with its bounds and its basis, and breaks come with their causes', async (t) => {
  const store = await freshStore(t);
  await writeMany(store, { count: 200, fromMs: RANGE.sinceMs, untilMs: RANGE.untilMs });
  const screen = drawn(await statsReport(store.db, RANGE, 'route'), { ...WIDE, columns: 300 });
  assert.match(
    lineWith('Time saved', screen),
    /an estimate: \d+ min \d+ s, between \d+ min \d+ s and \d+ min \d+ s \(\d+ requests: \d+ by a measured wait, \d+ by a predicted one; cached tokens reported, inferred\)/,
  );
  assert.match(
    lineWith('Cache breaks', screen),
    /^Cache breaks: \d+ \(\d+ [a-z-]+, \d+ [a-z-]+\); [\d.]+k tokens computed again/,
  );
});

test('estimated percentiles are marked, and the mark is explained', async (t) => {
  const report: StatsReport = { ...(await workingDay(t)), percentiles: 'estimated' };
  assert.match(lineWith('analysis', drawn(report, WIDE)), / ≈5\.00\/13\.5\* /);
  assert.match(drawn(report, WIDE), /≈ estimated from hourly histograms/);
  assert.match(lineWith('analysis', drawn(report, { ...WIDE, unicode: false })), / \^5\.00\/13\.5\* /);
});

test('a line of signs shows when requests came', async (t) => {
  const report = await workingDay(t);
  const points = [0, 1, 4, 8, 2].map((requests, at) => ({ startMs: at * 3_600_000, requests }));
  const busy: StatsReport = { ...report, timeline: { stepMs: 3_600_000, points } };
  assert.match(drawn(busy, WIDE), /^Requests: {2}▂▅█▃ a sign is 1 hour, the highest 8$/m);
  assert.match(drawn(busy, { ...WIDE, unicode: false }), /^Requests: {2}:\+@- a sign/m);
});

test('on a narrow terminal neighbouring steps share a sign, and none of their requests is lost', async (t) => {
  const report = await workingDay(t);
  const points = Array.from({ length: 60 }, (_, at) => ({ startMs: at * 600_000, requests: at % 3 }));
  const busy: StatsReport = { ...report, timeline: { stepMs: 600_000, points } };
  const of = (columns: number) => lineWith('Requests: ', drawn(busy, { ...WIDE, columns }));
  assert.equal(of(70).length, 70);
  for (const columns of [65, 50, 40, 30]) {
    const line = of(columns);
    assert.ok(line.length <= columns && line.length > 'Requests: '.length + 10, line);
  }
  const steps = points.map((point) => ({ ...point, requests: 2 })).slice(0, 59);
  const merged = drawn({ ...report, timeline: { stepMs: 600_000, points: steps } }, { ...WIDE, columns: 65 });
  // 59 steps by two: the first stands alone, half as high.
  assert.match(merged, /^Requests: ▅█{29}\na sign is 20 min, the highest 4$/m);
});

test('a quiet period says so, and only an unused record says how to begin', async (t) => {
  const store = await freshStore(t);
  const nothing = async () => drawn(await statsReport(store.db, RANGE, 'route'), WIDE);
  assert.match(await nothing(), /No requests yet\. Start Claude Code/);
  const old = outcome('old', { startedAtMs: RANGE.sinceMs - 1000 });
  await writeRecords(store.db, [toEnded(old, 'd-1')]);
  assert.match(await nothing(), /^No request in this period\.$/m);
});

test('by project, session and backend the table says what the cache saved, with what it may be off by', async (t) => {
  const store = await freshStore(t);
  const cache = { evidence: 'reported', promptTokens: 1000, cachedTokens: 900 } as const;
  const saved = {
    seconds: 190,
    lowSeconds: 170,
    highSeconds: 240,
    basis: 'measured',
    coldSamples: 3,
  } as const;
  const cold = { ...saved, seconds: 0, lowSeconds: 0, highSeconds: 0 };
  await writeRecords(store.db, [
    toEnded(outcome('a', { cache, saved }), 'd-1'),
    toEnded(
      outcome('b', { answeredBy: 'lmstudio', cache: { ...cache, cachedTokens: 0 }, saved: cold }),
      'd-1',
    ),
  ]);
  for (const by of ['project', 'session', 'backend'] as const) {
    const screen = drawn(await statsReport(store.db, RANGE, by), { ...WIDE, columns: 160 });
    assert.match(screen, / SAVED /);
    assert.match(screen, / 3 min 10 s ±50\.0 s /);
    assert.match(screen, /^SAVED: waiting that the cache spared, an estimate/m);
  }
  const backends = drawn(await statsReport(store.db, RANGE, 'backend'), WIDE);
  assert.match(lineWith('lmstudio', backends), / 0 s /);
  assert.doesNotMatch(drawn(await statsReport(store.db, RANGE, 'route'), WIDE), /SAVED/);
});

test('a cache that saved nothing is no estimate', async (t) => {
  const store = await freshStore(t);
  const cache = { evidence: 'reported', promptTokens: 1000, cachedTokens: 0 } as const;
  const saved = { seconds: 0, lowSeconds: 0, highSeconds: 0, basis: 'measured', coldSamples: 3 } as const;
  await writeRecords(store.db, [toEnded(outcome('a', { cache, saved }), 'd-1')]);
  assert.doesNotMatch(drawn(await statsReport(store.db, RANGE, 'route'), WIDE), /Time saved/);
});

test('--csv has its heading where there are no rows, the same as where there are', async (t) => {
  const path = await workingDayPath(t);
  for (const by of ['route', 'session', 'hour']) {
    const [titles, ...rows] = (await stats(path, { csv: true, by })).stdout.trimEnd().split('\r\n');
    assert.ok(rows.length > 0);
    const quiet = (await stats(path, { csv: true, by, since: '2h', until: '1h' })).stdout;
    assert.equal(quiet, `${titles}\r\n`);
    const missing = (await stats(join(temporaryFolder(t), 'none.db'), { csv: true, by })).stdout;
    assert.equal(missing, quiet);
    const columns = titles?.split(',') ?? [];
    for (const title of ['kvCache.saved.lowSeconds', 'kvCache.breaks.causes', 'requests'])
      assert.ok(columns.includes(title), title);
  }
});

test('more rows than anybody reads are counted, not shown', async (t) => {
  const report = await workingDay(t);
  const [row] = report.rows;
  assert.ok(row !== undefined);
  const rows = Array.from({ length: 100 }, () => row);
  assert.match(drawn({ ...report, rows }, WIDE), /and 60 rows more: --csv and --json give all of them/);
  const days = rows.map((each, at) => ({ ...each, day: `day ${at}` }));
  const newest = drawn({ ...report, by: 'day', rows: days }, WIDE);
  assert.match(newest, /^day 60 [\s\S]*^day 99 [\s\S]*and 60 rows before these: --csv/m);
});

test('by whatever is asked, the rows carry that key', async (t) => {
  const path = await workingDayPath(t);
  for (const by of ['day', 'hour', 'model', 'backend', 'project', 'session', 'reason']) {
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
  writeFileSync(path, '');
  const empty = await stats(path, {});
  assert.equal(empty.exitCode, 0);
  assert.match(empty.stderr, /Nothing has been recorded yet: the database at .* is empty/);
});

test('a damaged database is a failure in one sentence', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  writeFileSync(path, 'no database at all '.repeat(1000));
  const { exitCode, stdout, stderr } = await stats(path, {});
  assert.deepEqual([exitCode, stdout], [1, '']);
  assert.match(stderr, /damaged.*moves it aside/);
});

test('the screen shows how each task fared on each backend', async (t) => {
  const screen = drawn(await workingDay(t), WIDE);
  assert.match(
    screen,
    /21 requests · 2 sessions · 16 completed · 1 failed · 1 cancelled · 1 refused · 1 interrupted/,
  );
  assert.match(screen, /1 running · 2 answered by\sthe daemon itself/);
  assert.match(
    lineWith('TASK', screen),
    /^TASK +BACKEND +REQS +OK% +HIT% +CACHED% +TTFT s +WARM s +COLD s +TOK\/S +OUT$/,
  );
  const mlx =
    /^analysis +mlx-lm +12 +92 +45 +29 +5\.00\/13\.5\* +0\.60\/0\.78\* +12\.0\/13\.8\* +49\.5 +1100$/;
  assert.match(lineWith('analysis', screen), mlx);
  assert.match(lineWith('edit', screen), /^edit +lmstudio +4 +100 +– +– +0\.20\/0\.20\* +– +– +39\.0 +120$/);
  assert.match(screen, /16\.0k, 4600 of them \(29%\) from the cache; 3 requests without a cache report/);
  assert.match(screen, /\* fewer than 20 values/);
  assert.match(screen, /– not known/);
});

test('columns stand under their titles', async (t) => {
  const lines = drawn(await workingDay(t), WIDE).split('\n');
  const from = lines.findIndex((line) => line.startsWith('TASK'));
  const widths = lines.slice(from, from + 4).map((line) => line.length);
  assert.equal(new Set(widths).size, 1, String(widths));
});

test('a percentile of twenty values bears no mark, one of nineteen does', () => {
  const spread = (n: number) => ({ n, p50: 600, p95: 1500 });
  const unknown = { n: 0, p50: null, p95: null };
  const shown = (n: number) =>
    drawn(reportWith({ ttftMs: { all: spread(n), warm: unknown, cold: unknown, unknown } }), WIDE);
  assert.match(lineWith('lmstudio', shown(20)), /0\.60\/1\.50 /);
  assert.doesNotMatch(shown(20), /\*/);
  assert.match(lineWith('lmstudio', shown(19)), /0\.60\/1\.50\*/);
});

test('figures that were inferred say so', () => {
  const reported = drawn(reportWith({ hitPercent: 80, cachedPercent: 70 }), WIDE);
  assert.doesNotMatch(reported, /~/);
  const inferred = drawn(reportWith({ hitPercent: 80, cachedPercent: 70, cacheInferredRequests: 1 }), WIDE);
  assert.match(lineWith('lmstudio', inferred), / ~80 +~70 /);
  assert.match(inferred, /~ partly inferred/);
});

test('only all of them is 100 %', () => {
  assert.match(lineWith('lmstudio', drawn(reportWith({ okPercent: 99.9 }), WIDE)), / 99 /);
});

test('a narrow terminal gets fewer columns, and what matters most stays', async (t) => {
  const report = await workingDay(t);
  for (const columns of [100, 80, 60, 40]) {
    const screen = drawn(report, { ...WIDE, columns });
    assert.ok(lineWith('TASK', screen).length <= columns, `${columns}`);
    assert.match(lineWith('TASK', screen), /^TASK +BACKEND +REQS +OK%/);
  }
  assert.match(lineWith('TASK', drawn(report, { ...WIDE, columns: 60 })), /WARM s/);
});

test('without Unicode the screen is ASCII, and without colour it has no escape codes', async (t) => {
  const report = await workingDay(t);
  const plain = drawn(report, { ...WIDE, unicode: false });
  assert.equal(
    [...plain].find((character) => character > '~'),
    undefined,
  );
  assert.equal(
    [...plain].find((character) => character < ' ' && character !== '\n'),
    undefined,
  );
  assert.ok(drawn(report, { ...WIDE, colour: true }).includes('\u001b[1m'));
});

test('a name from a server cannot move the cursor', () => {
  const screen = drawn(reportWith({ backend: 'evil\u001b[2J\nname' }), WIDE);
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
  const screen = drawn(await statsReport(store.db, RANGE, 'route'), WIDE);
  assert.match(screen, /1 answered by the daemon itself/);
  assert.match(screen, /No request has gone to a backend/);
});

test('a figure is not torn from its unit, and large ones stay short', () => {
  const pen = penOf({ columns: 80, colour: false, unicode: true });
  const spans = [59_000, 190_000, 7_500_000, 484_200_000].map((ms) => shownSpan(ms, pen));
  assert.deepEqual(spans, ['59.0 s', '3 min 10 s', '2 h 5 min', '5 d 14 h']);
  const tokens = [999, 31_240, 1_400_000, 23_999_000_000].map((count) => shownTokens(count, pen));
  assert.deepEqual(tokens, ['999', '31.2k', '1.4M', '24.00G']);
  assert.deepEqual(wrapped('between 96 h 50 min and 172 h 10 min', 26, pen), [
    'between 96 h 50 min and',
    '172 h 10 min',
  ]);
});
