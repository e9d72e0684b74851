import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ExplainOptions, runExplain } from '../../cli/explain.ts';
import { requestEnded } from '../../daemon/live-request.ts';
import type { Cost } from '../../router/cost.ts';
import type { CacheBreak, Outcome } from '../../router/outcome.ts';
import { openDatabase } from '../../store/database.ts';
import { requestHistory } from '../../store/history.ts';
import { toEnded } from '../../store/row.ts';
import { toWarmupRow, writeWarmups } from '../../store/warmups.ts';
import { writeRecords } from '../../store/write.ts';
import { NOW_MS, openedStore, outcome, temporaryFolder } from '../store/sample.ts';
import { assertDocumented, pathsOf } from './documented.ts';

const parts = { queue: 0, load: 0, prefill: 1.2, decode: 4, quality: 0, preference: 0.5, future: 0 };
const stays: Cost = {
  ...{
    backend: 'lmstudio',
    seconds: 5.7,
    parts,
    ttftSeconds: 1.2,
    sigma: 0.2,
    matchedTokens: 17_000,
    warm: 0.97,
  },
};
const leaves: Cost = {
  ...stays,
  ...{ backend: 'mlx-lm', seconds: 41, parts: { ...parts, prefill: 30, future: 6.5 } },
  ...{ ttftSeconds: 30, matchedTokens: 0, warm: 0 },
};

const WARM: Partial<Outcome> = {
  answeredBy: 'lmstudio',
  classification: { task: 'analysis', probability: 0.81, reason: 'question-words' },
  signals: [
    { name: 'rule question-words', value: -1.25 },
    { name: 'context: just edited', value: 0.5 },
  ],
  decision: {
    targets: [{ backend: 'lmstudio', model: 'm' }],
    reason: 'stay-warm',
    detail: 'Analysis goes to mlx-lm by task, but lmstudio costs 5.7 s, mlx-lm 41.0 s.',
    passedOver: [{ backend: 'mlx-lm', why: 'not-preferred', detail: 'mlx-lm stands by' }],
    predicted: stays,
    alternatives: [leaves],
  },
  ttftMs: 1000,
  firstTokenMs: 1000,
  cache: { evidence: 'inferred', promptTokens: 18_000, cachedTokens: 17_000 },
  attempts: [],
};

async function recorded(t: TestContext, outcomes: readonly Outcome[]): Promise<string> {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const store = await openedStore(t, path);
  await writeRecords(
    store.db,
    outcomes.map((one) => toEnded(one, 'd-1')),
  );
  return path;
}

const WIDE = { columns: 200, colour: false, unicode: true };

async function explain(databasePath: string, asked: string, options: ExplainOptions = {}, screen = WIDE) {
  const out: string[] = [];
  const err: string[] = [];
  const stdout = { write: (text: string) => out.push(text) };
  const stderr = { write: (text: string) => err.push(text) };
  const exitCode = await runExplain(asked, options, { stdout, stderr, screen, nowMs: NOW_MS, databasePath });
  return { exitCode, stdout: out.join(''), stderr: err.join('') };
}

test('one screen says what was expected, chosen and seen', async (t) => {
  const path = await recorded(t, [outcome('r-1', WARM)]);
  const { exitCode, stdout } = await explain(path, 'r-1');
  assert.equal(exitCode, 0);
  const screen = stdout.replace(/ +/g, ' ');
  for (const line of [
    'Task: analysis (81 %), because of question-words',
    'Signals (+ speaks for an edit): rule question-words -1.25, context: just edited +0.50',
    'Chosen: lmstudio (stay-warm). Analysis goes to mlx-lm by task, but lmstudio costs 5.7 s, mlx-lm 41.0 s.',
    '* lmstudio 5.7 1.2 4.0 0.5 0.0 1.20 17000 (97 % sure)',
    ' mlx-lm 41.0 30.0 4.0 0.5 6.5 30.00 none',
    'First token: expected 1.20 s, came after 1.00 s (expected 20 % more)',
    'Prompt: 18000 tokens, 17000 of them cached (inferred)',
  ]) {
    assert.ok(screen.includes(line), `no line "${line}" in:\n${screen}`);
  }
  assert.ok(stdout.split('\n').length <= 24, 'more than one screen');
});

test('a cache break is told with its cost, and what the cache saved with its bounds', async (t) => {
  const cacheBreak: CacheBreak = {
    ...{ cause: 'tools-added', segment: 'tools', detail: 'tool list: +1 tool mcp__x__y', lostTokens: 12_345 },
    ...{ lostSeconds: 8.125, lostSecondsBasis: 'measured' },
  };
  const saved = { seconds: 9.5, lowSeconds: 7, highSeconds: 12, basis: 'measured', coldSamples: 14 } as const;
  const path = await recorded(t, [
    outcome('r-1', { cacheBreak, saved, coldLoad: true, serverVersion: '0.32.2' }),
  ]);
  const { stdout } = await explain(path, 'r-1');
  for (const line of [
    'Cache break (tools-added): tool list: +1 tool mcp__x__y; 12345 tokens had to be computed again, which took 8.13 s more (measured)',
    'The cache saved about 9.50 s, between 7.00 and 12.00 (by the wait that was measured; 14 cold prompts seen here)',
    'The model had to be loaded first.',
  ]) {
    assert.ok(stdout.includes(`${line}\n`), `no line "${line}" in:\n${stdout}`);
  }
  const json = JSON.parse((await explain(path, 'r-1', { json: true })).stdout);
  assert.equal(json.outcome.cacheBreak.lostTokens, 12_345);
  assert.equal(json.outcome.saved.highSeconds, 12);
  assert.equal(json.outcome.serverVersion, '0.32.2');
  const bare = await recorded(t, [outcome('r-2')]);
  const nothing = JSON.parse((await explain(bare, 'r-2', { json: true })).stdout).outcome;
  assert.deepEqual([nothing.cacheBreak, nothing.saved, nothing.coldLoad], [null, null, null]);
});

test('the screen fits its terminal, and no message of a server moves the cursor', async (t) => {
  const message = 'gone \u001b[2J\u0007 – away';
  const attempts = [{ backend: 'mlx-lm', fault: 'reset', phase: 'queued', message, durationMs: 1 }] as const;
  const path = await recorded(t, [outcome('r-1', { ...WARM, attempts, message })]);
  for (const columns of [20, 30, 40, 60, 80]) {
    const { stdout } = await explain(path, 'r-1', {}, { columns, colour: false, unicode: false });
    assert.match(stdout, /^[\x20-\x7e\n]+$/);
    const widest = Math.max(...stdout.split('\n').map(({ length }) => length));
    assert.ok(widest <= columns, `${widest} of ${columns} columns:\n${stdout}`);
    assert.match(stdout, columns < 30 ? /lmst\S+ +5\.7/ : /lmstudio +5\.7/);
  }
});

const BUSY = {
  queue: 3.14,
  load: 12.2,
  prefill: 8.25,
  decode: 14.15,
  quality: 2.2,
  preference: 2.1,
  future: 112.9,
};
const IDLE = { queue: 0, load: 0, prefill: 30.2, decode: 20.15, quality: 1.2, preference: 0, future: 6.5 };

function bill(backend: string, each: typeof BUSY): Cost {
  const seconds = Object.values(each).reduce((sum, value) => sum + value, 0);
  return { ...stays, backend, parts: each, seconds };
}

/** A request that has everything to tell: all parts of the bill, a fallback, a cache break and what was saved. */
function eventful(): Outcome {
  const { decision } = WARM;
  assert.ok(decision);
  const detail = 'Analysis goes to mlx-lm by task, and it has 17000 of the 18000 prompt tokens warm.';
  const priced = { predicted: bill('mlx-lm', IDLE), alternatives: [bill('lmstudio', BUSY)] };
  const message =
    'mlx-lm at http://127.0.0.1:8081: The connection was reset before the first token (ECONNRESET).';
  const attempt = { backend: 'mlx-lm', fault: 'reset', phase: 'before-first-token', durationMs: 4 } as const;
  const names = [
    'words: its wording',
    'words: rule question-words 0.23',
    'words: rule question-words 0.23 after edited',
  ];
  const contexts = [
    'question marks: at the end',
    'share of edits in earlier turns',
    'last turn edited, 3 tools',
  ];
  return outcome('req_0123456789abcdef0123456789abcdef', {
    ...WARM,
    decision: { ...decision, ...priced, detail, passedOver: [] },
    signals: [...names, ...contexts.map((name) => `context: ${name}`)].map((name) => ({
      name,
      value: -0.83,
    })),
    attempts: [{ ...attempt, message }],
    cacheBreak: {
      ...{
        cause: 'tools-added',
        segment: 'tools',
        detail: 'tool list: +1 tool mcp__x__y',
        lostTokens: 12_345,
      },
      ...{ lostSeconds: 8.125, lostSecondsBasis: 'inferred' },
    },
    saved: { seconds: 9.5, lowSeconds: 7, highSeconds: 12, basis: 'measured', coldSamples: 14 },
  });
}

test('the parts of the bill add up to its total at every width, and what decides is never folded', async (t) => {
  const path = await recorded(t, [eventful()]);
  for (const columns of [50, 60, 70, 80, 100, 200]) {
    const { stdout } = await explain(path, '-1', {}, { columns, colour: false, unicode: true });
    const [titles = '', ...rows] = stdout.split('by part:\n')[1]?.split('\n').slice(0, 3) ?? [];
    const until = titles.trim().split(/ +/).indexOf('TTFT');
    assert.match(titles, columns < 90 ? /FUTURE +OTHER +TTFT/ : /FUTURE +TTFT/);
    for (const row of rows) {
      const [total = 0, ...each] = row.replace('*', '').trim().split(/ {2,}/).slice(1, until).map(Number);
      const sum = each.reduce((all, value) => all + value, 0);
      assert.ok(
        Math.abs(sum - total) < 0.01,
        `${sum}, not ${total}, at ${columns} columns:\n${titles}\n${row}`,
      );
    }
  }
});

test('a request that has everything to tell fits one screen of 80 by 24', async (t) => {
  const path = await recorded(t, [eventful()]);
  const { stdout } = await explain(path, '-1', {}, { columns: 80, colour: false, unicode: true });
  const lines = stdout.trimEnd().split('\n');
  // One is the prompt's.
  assert.ok(lines.length <= 23, `${lines.length} lines:\n${stdout}`);
  assert.match(stdout, /its wording -0\.83/);
  assert.match(stdout, /Left mlx-lm \(reset\): The connection was reset/);
});

test('the newest request is -1, the one before it -2, and a missing one is said to be missing', async (t) => {
  const path = await recorded(t, [outcome('r-1'), outcome('r-2')]);
  assert.match((await explain(path, '-1')).stdout, /^r-2\n/);
  assert.match((await explain(path, '-2')).stdout, /^r-1\n/);
  const swapped = await recorded(t, [outcome('later', { startedAtMs: NOW_MS + 1 }), outcome('earlier')]);
  assert.match((await explain(swapped, '-1')).stdout, /^later\n/);
  const missing = await explain(path, '-3');
  assert.deepEqual([missing.exitCode, missing.stdout], [1, '']);
  assert.match(missing.stderr, /No request "-3" has been recorded/);
});

test('what nobody told is a dash on the screen and null in JSON', async (t) => {
  const silent = outcome('r-1', { cache: { evidence: 'none' } });
  const { ttftMs: _t, firstTokenMs: _f, outputTokens: _o, ...told } = silent;
  const { classification: _c, decision: _d, ...rest } = told;
  const path = await recorded(t, [rest]);
  const { stdout } = await explain(path, 'r-1');
  assert.match(
    stdout,
    /First token: expected –, came after –\nPrompt: – tokens, cached unknown; answer: – tokens/,
  );
  const json = JSON.parse((await explain(path, 'r-1', { json: true })).stdout);
  assert.equal(json.schema, 1);
  assert.equal(json.task, null);
  assert.equal(json.decision, null);
  assert.deepEqual(json.outcome.ttftMs, { predicted: null, actual: null });
});

test('explain --json has the keys of schema 1, all of them documented', async (t) => {
  const shadow = { backend: 'lmstudio', reason: 'cheaper', detail: 'It is warm.' } as const;
  const attempt = { backend: 'mlx-lm', fault: 'connect', phase: 'queued', durationMs: 3 } as const;
  const cacheBreak: CacheBreak = { cause: 'tools-added', segment: 'tools', detail: '+1 tool', lostTokens: 5 };
  const saved = { seconds: 9.5, lowSeconds: 7, highSeconds: 12, basis: 'measured', coldSamples: 14 } as const;
  const { decision } = WARM;
  assert.ok(decision);
  const all = { ...WARM, decision: { ...decision, shadow }, cacheBreak, saved };
  const path = await recorded(t, [outcome('r-1', { ...all, attempts: [{ ...attempt, message: 'gone' }] })]);
  const store = await openedStore(t, path);
  const warmup = { warmupId: 'w', purpose: 'catch-up', backend: 'lmstudio', model: 'm', steps: 1 } as const;
  const use = { requestId: 'r-1', result: 'used', tokens: 900, savedSeconds: 0.04 } as const;
  const ended = { startedAtMs: NOW_MS, durationMs: 5, result: 'completed' } as const;
  await writeWarmups(store.db, [toWarmupRow({ ...warmup, ...ended, computedTokens: 900, use }, 'd-1')]);
  const document = JSON.parse((await explain(path, 'r-1', { json: true })).stdout);
  assert.equal(document.schema, 1);
  assert.deepEqual(pathsOf(document), EXPLAIN_KEYS);
  assertDocumented('explain --json', document);
});

const PARTS = ['decode', 'future', 'load', 'prefill', 'preference', 'quality', 'queue'];
const COST = ['backend', 'matchedTokens', 'parts', 'seconds', 'sigma', 'ttftSeconds', 'warm'];
const OUTCOME = [
  ...['answeredBy', 'attempts', 'cacheBreak', 'cacheEvidence', 'cachedTokens', 'coldLoad', 'durationMs'],
  ...[
    'message',
    'model',
    'outputTokens',
    'promptTokens',
    'readAhead',
    'result',
    'saved',
    'serverVersion',
    'ttftMs',
  ],
];
const BREAK = ['cause', 'detail', 'lostSeconds', 'lostSecondsBasis', 'lostTokens', 'segment'];
const below = (path: string, keys: readonly string[]) => keys.map((key) => `${path}.${key}`);
/** Frozen: one goes or changes its meaning only with a new `schema`. */
const EXPLAIN_KEYS = [
  ...['decision', 'kind', 'outcome', 'requestId', 'schema', 'session', 'startedAt', 'task'],
  ...below('task', ['name', 'probability', 'reason', 'signals', 'signals[].name', 'signals[].value']),
  ...below('decision', ['backend', 'costs', 'detail', 'passedOver', 'reason', 'shadow']),
  ...below('decision.costs[]', COST),
  ...below('decision.costs[].parts', PARTS),
  ...below('decision.passedOver[]', ['backend', 'detail', 'why']),
  ...below('decision.shadow', ['backend', 'detail', 'reason']),
  ...below('outcome', OUTCOME),
  ...below('outcome.attempts[]', ['backend', 'fault', 'message']),
  ...below('outcome.cacheBreak', BREAK),
  ...below('outcome.readAhead', ['savedSeconds', 'tokens']),
  ...below('outcome.saved', ['basis', 'coldSamples', 'highSeconds', 'lowSeconds', 'seconds']),
  ...below('outcome.ttftMs', ['actual', 'predicted']),
].toSorted();

test('no forecast is held against the wait of another backend than it was made for', async (t) => {
  const attempt = { backend: 'lmstudio', fault: 'reset', phase: 'before-first-token' } as const;
  const attempts = [{ ...attempt, message: 'gone', durationMs: 40 }];
  const path = await recorded(t, [outcome('r-1', { ...WARM, answeredBy: 'mlx-lm', attempts })]);
  const { stdout } = await explain(path, 'r-1');
  assert.match(stdout, /First token: expected –, came after 1\.00 s\n/);
  assert.match(stdout, /lmstudio +5\.7.* 1\.20 /, 'the bill keeps what was expected of each');
  const { outcome: told } = JSON.parse((await explain(path, 'r-1', { json: true })).stdout);
  assert.deepEqual(told.ttftMs, { predicted: null, actual: 1000 });
  const opened = await openDatabase({ path, mode: 'read', nowMs: NOW_MS });
  assert.ok(opened.state === 'open');
  t.after(() => opened.database.close());
  const { rows } = await requestHistory(opened.database.db, { limit: 1 });
  assert.equal(rows[0]?.predictedTtftMs, null);
  assert.equal(
    requestEnded(outcome('r-1', { ...WARM, answeredBy: 'mlx-lm', attempts })).predictedTtftMs,
    undefined,
  );
});

test('backends that failed on the way, and what auto would have done, are named', async (t) => {
  const shadow = { backend: 'lmstudio', reason: 'cheaper', detail: 'It is warm.' } as const;
  const { decision } = outcome('r-0');
  assert.ok(decision);
  const attempt = { backend: 'mlx-lm', fault: 'connect', phase: 'queued', durationMs: 3 } as const;
  const attempts = [{ ...attempt, message: 'nothing listens' }];
  const path = await recorded(t, [outcome('r-1', { attempts, decision: { ...decision, shadow } })]);
  const { stdout } = await explain(path, '-1');
  assert.match(stdout, /auto would have chosen lmstudio \(cheaper\)/);
  assert.match(stdout, /Left mlx-lm \(connect\): nothing listens/);
});
