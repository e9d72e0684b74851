import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Screen, widthOf } from '../../cli/screen.ts';
import { runSession, runSessions, type SessionsIo, type SessionsOptions } from '../../cli/sessions.ts';
import { toEnded, toRunning } from '../../store/row.ts';
import { writeRecords } from '../../store/write.ts';
import { OTHER_SESSION_ID, SESSION_ID, writeCodingSessions } from '../store/coding-session.ts';
import { NOW_MS, openedStore, outcome, registerLiving, temporaryFolder } from '../store/sample.ts';
import { assertDocumented } from './documented.ts';

const WIDE: Screen = { columns: 160, colour: false, unicode: true };

type Asked = { readonly path: string; readonly screen?: Screen };

async function heard(command: (io: SessionsIo) => Promise<number>, { path, screen = WIDE }: Asked) {
  const out: string[] = [];
  const err: string[] = [];
  const stdout = { write: (text: string) => out.push(text) };
  const stderr = { write: (text: string) => err.push(text) };
  const exitCode = await command({ stdout, stderr, nowMs: NOW_MS, databasePath: path, screen });
  return { exitCode, stdout: out.join(''), stderr: err.join('') };
}

const sessions = (asked: Asked, options: SessionsOptions = {}) =>
  heard((io) => runSessions(options, io), asked);
const session = (asked: Asked, id: string, options: { json?: boolean } = {}) =>
  heard((io) => runSession(id, options, io), asked);

async function recorded(t: TestContext): Promise<string> {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  await writeCodingSessions(await openedStore(t, path));
  return path;
}

/** Blanks count once. */
function lineWith(text: string, screen: string): string {
  const line = screen.split('\n').find((candidate) => candidate.includes(text));
  assert.ok(line !== undefined, `no line with ${text} in:\n${screen}`);
  return line.trim().replace(/ +/g, ' ');
}

test('sessions shows each with what was waited for and cached, the one used last first', async (t) => {
  const { exitCode, stdout, stderr } = await sessions({ path: await recorded(t) });
  assert.equal(exitCode, 0);
  const [titles, first, second] = stdout.split('\n').map((line) => line.replace(/ +/g, ' '));
  assert.equal(titles, 'SESSION LAST PROJECT TURNS REQS FAILED AGENTS WAITED HIT% BREAKS OUT BACKENDS');
  // Told or inferred of 6 requests, 3 of them warm; 31.2 + 0.6 + 0.5 + 12 + 0.9 + 2 s, and 5 s without a token.
  assert.match(first ?? '', /^5e551011-0 \S+ \S+ orchard 3 9 0 1 52\.2 s ~50 1 700 mlx-lm 6, lmstudio 2$/);
  assert.match(second ?? '', /^5e551011-f \S+ \S+ sample 1 1 0 0 0\.5 s 100 0 100 mlx-lm 1$/);
  assert.equal(stderr, '1 request of this period named no session.\n');
});

test('a session that began before --since is shown whole, and one beyond --limit is counted', async (t) => {
  const path = await recorded(t);
  const since = new Date(NOW_MS - 3_600_000 + 250_000).toISOString().slice(0, 16);
  assert.match(lineWith('orchard', (await sessions({ path }, { since: `${since}Z` })).stdout), / 3 9 0 1 /);
  const limited = await sessions({ path }, { limit: '1' });
  assert.ok(!limited.stdout.includes('sample'));
  assert.match(limited.stderr, /^1 more session in this period: --limit shows them\.$/m);
});

test('session tells turn by turn where it went, how warm it was and what was waited for', async (t) => {
  const { exitCode, stdout } = await session({ path: await recorded(t) }, '-1');
  assert.equal(exitCode, 0);
  const lines = stdout.split('\n').map((line) => line.trim().replace(/ +/g, ' '));
  const from = lines.indexOf('# TIME TASK BACKEND REASON REQS TOOLS TTFT s WAITED s PROMPT CACHED% OUT TOOK');
  assert.ok(from > 0, stdout);
  const withoutTime = lines.slice(from + 1, from + 9).map((line) => line.replace(/\d\d:\d\d:\d\d /, ''));
  assert.deepEqual(withoutTime, [
    '1 analysis mlx-lm task 2 1 31.2 cold 31.8 20.0k 47 200 43.6 s',
    '2 edit mlx-lm → lmstudio task 3 2 0.50 warm 13.4 23.0k ~64 300 31.9 s',
    '! cache break, tools-changed: Read was described anew, lost 20.0k tokens and ~11.0 s [e-2]',
    '└ agent a9f3c2d analysis mlx-lm task 1 0 8.00 cold 8.00 6000 0 100 10.0 s',
    'compaction → mlx-lm task 1 0 2.00 2.00 – – 100 2.5 s',
    '3 analysis mlx-lm task 1 0 – 5.00 – – – 5.0 s',
    '! cancelled after 5.0 s [given-up]',
    '',
  ]);
  assert.equal(
    lineWith('Total:', stdout),
    'Total: 3 turns · 1 subagent · 1 compaction · 9 requests (1 beside the conversation) · 3 tool calls · 2 switches of backend',
  );
  assert.equal(
    lineWith('Waited', stdout),
    'Waited 52.2 s for first tokens, subagents 8.0 s apart · ~60.0k of 110k prompt tokens from the cache · 700 tokens put out',
  );
  assert.equal(lineWith('break lost', stdout), '1 cache break lost ~11.0 s');
});

test('a session is found by its id, by how that begins, and by its age', async (t) => {
  const path = await recorded(t);
  const idOf = async (asked: string) =>
    JSON.parse((await session({ path }, asked, { json: true })).stdout).session;
  assert.equal(await idOf(SESSION_ID), SESSION_ID);
  assert.equal(await idOf('5e551011-f'), OTHER_SESSION_ID);
  assert.equal(await idOf('-1'), SESSION_ID);
  assert.equal(await idOf('-2'), OTHER_SESSION_ID);
});

test('an id that several sessions begin with, or none, is answered in one sentence', async (t) => {
  const path = await recorded(t);
  const several = await session({ path }, '5e551011');
  assert.deepEqual([several.exitCode, several.stdout], [1, '']);
  assert.match(several.stderr, /Several sessions begin with "5e551011": 5e.*, 5e.*\. Give more of the id\./);
  for (const asked of ['-3', 'nowhere', '%', '']) {
    const { exitCode, stderr } = await session({ path }, asked);
    assert.equal(exitCode, 1);
    assert.match(stderr, asked === '' ? /Several/ : /^No session ".*" has been recorded\./);
  }
});

test('a wrong --since or --limit is a usage error, said on stderr', async (t) => {
  const path = await recorded(t);
  for (const options of [{ since: 'soon' }, { limit: '0' }, { limit: 'all' }]) {
    const { exitCode, stdout, stderr } = await sessions({ path }, options);
    assert.deepEqual([exitCode, stdout], [2, '']);
    assert.match(stderr, /--since takes a span|--limit takes a whole number from 1 to 9999/);
  }
});

test('without a database, sessions is empty and says why, and session fails', async (t) => {
  const path = join(temporaryFolder(t), 'none.db');
  const list = await sessions({ path }, { json: true });
  assert.deepEqual([list.exitCode, JSON.parse(list.stdout).sessions], [0, []]);
  assert.match(list.stderr, /Nothing has been recorded yet/);
  assert.equal((await session({ path }, '-1')).exitCode, 1);
});

test('a request that still runs is known by its session, and its end by nobody', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const store = await openedStore(t, path);
  const started = { requestId: 'r', startedAtMs: NOW_MS - 1000, kind: 'main', sessionId: 's-run' } as const;
  await registerLiving(store, 'd-1');
  await writeRecords(store.db, [toRunning(started, 'd-1')]);
  const { history, endedAt, totals } = JSON.parse((await session({ path }, 's-run', { json: true })).stdout);
  assert.deepEqual([endedAt, totals.running, totals.turns], [null, 1, 0]);
  assert.deepEqual([history[0].turn, history[0].endedAt, history[0].firstRequest.ttftMs], [null, null, null]);
});

test('--json of both has the keys of schema 1', async (t) => {
  const path = await recorded(t);
  const list = JSON.parse((await sessions({ path }, { json: true })).stdout);
  assert.deepEqual(keysOf(list), [
    'generatedAt',
    'more',
    'range',
    'requestsWithoutSession',
    'schema',
    'sessions',
  ]);
  assert.deepEqual(keysOf(list.sessions[0]), [
    ...[
      'backends',
      'cacheBreaks',
      'cacheHitRequests',
      'cacheInferredRequests',
      'cacheKnownRequests',
      'cancelled',
      'failed',
    ],
    ...[
      'lastAt',
      'outputTokens',
      'project',
      'requests',
      'running',
      'session',
      'startedAt',
      'subagents',
      'turns',
    ],
    'waitedMs',
  ]);
  const one = JSON.parse((await session({ path }, '-1', { json: true })).stdout);
  assert.deepEqual(keysOf(one), [
    ...['endedAt', 'generatedAt', 'history', 'project', 'schema', 'session', 'startedAt', 'totals'],
  ]);
  assert.deepEqual([list.schema, one.schema], [1, 1]);
  assertDocumented('sessions --json', list);
  assertDocumented('session --json', one);
  assert.deepEqual(keysOf(one.history[0]), [
    ...[
      'agentId',
      'backends',
      'cache',
      'cacheBreaks',
      'detail',
      'endedAt',
      'firstRequest',
      'kind',
      'outputTokens',
      'promptTokens',
    ],
    ...[
      'reason',
      'requests',
      'startedAt',
      'switched',
      'task',
      'toolCalls',
      'troubles',
      'turn',
      'turnId',
      'waitedMs',
    ],
  ]);
  assert.deepEqual(one.totals.cache, {
    ...{ knownRequests: 6, inferredRequests: 2, promptTokens: 110_000, cachedTokens: 60_000 },
  });
});

test('no line outgrows the screen, and none holds a colour or a sign that it cannot show', async (t) => {
  const path = await recorded(t);
  const store = await openedStore(t, path);
  const names = { project: '/home/dev/果樹園-\u001b[31m', answeredBy: 'a-backend-of-a-very-long-name' };
  const failing = { result: 'failed', phase: 'mid-stream', fault: 'reset' } as const;
  const odd = outcome('odd', {
    ...{ sessionId: 'odd', ending: failing, message: `${'word '.repeat(60)}\u0007`, ...names },
  });
  await writeRecords(store.db, [toEnded(odd, 'd-1')]);
  for (const columns of [30, 60, 100]) {
    for (const unicode of [true, false]) {
      const asked = { path, screen: { columns, unicode, colour: false } };
      const shown = [await sessions(asked), await session(asked, 'odd'), await session(asked, '-2')];
      for (const { stdout } of shown) {
        for (const line of stdout.split('\n')) assert.ok(widthOf(line) <= columns, `${columns}: ${line}`);
        assert.doesNotMatch(stdout, unicode ? /[^\P{Cc}\n]/u : /[^\x20-\x7e\n]/);
      }
    }
  }
  const coloured = await session({ path, screen: { ...WIDE, colour: true } }, '-2');
  assert.ok(coloured.stdout.includes('\u001b[33mcold\u001b[0m'));
});

function keysOf(value: object): readonly string[] {
  return Object.keys(value).toSorted();
}
