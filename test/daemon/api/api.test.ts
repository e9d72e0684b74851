import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createReader } from '../../../daemon/api/reader.ts';
import { openDatabase } from '../../../store/database.ts';
import type { HistoryRow } from '../../../store/history.ts';
import { createRecorder } from '../../../store/recorder.ts';
import type { SeriesPoint } from '../../../store/series.ts';
import { outcome } from '../../store/sample.ts';
import { type Harness, startHarness } from '../harness.ts';

const NOW_MS = Date.now();
const MINUTE_MS = 60_000;
let folder: string;
let h: Harness;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anyclaude-api-'));
  const path = join(folder, 'anyclaude.db');
  await record(path);
  h = await startHarness({}, undefined, path);
});
after(async () => {
  await h.close();
  rmSync(folder, { recursive: true, force: true });
});

/** 120 requests, a minute apart, req_119 the newest: every third on lmstudio, every tenth failed. */
async function record(path: string): Promise<void> {
  const recorder = createRecorder({
    open: () => openDatabase({ path, mode: 'write', nowMs: NOW_MS }),
    daemon: { daemonId: 'd', pid: process.pid, startedAtMs: NOW_MS, version: '0.0.0' },
    clock: () => NOW_MS,
  });
  for (let n = 0; n < 120; n += 1) {
    const isWarm = n % 4 !== 0;
    recorder.end(
      outcome(`req_${n}`, {
        startedAtMs: NOW_MS - (119 - n) * MINUTE_MS,
        project: n < 60 ? '/home/me/kettle' : '/home/me/100%_lamp',
        answeredBy: n % 3 === 0 ? 'lmstudio' : 'mlx-lm',
        ttftMs: isWarm ? 500 : 20_000,
        cache: { evidence: 'reported', promptTokens: 1000, cachedTokens: isWarm ? 900 : 0 },
        ...(n === 8 && {
          cacheBreak: { cause: 'tools-added', segment: 'tools', detail: 'x', lostTokens: 900 },
        }),
        ...(n % 10 === 0 && {
          ending: { result: 'failed', phase: 'before-first-token', fault: 'connect' },
          message: 'Nothing listens there.',
        }),
      }),
    );
  }
  await recorder.close();
}

type Page = { readonly schema: number; readonly rows: readonly HistoryRow[]; readonly next: string | null };

async function get<Shape>(path: string): Promise<Shape> {
  const reply = await fetch(h.url + path);
  assert.equal(reply.status, 200, path);
  assert.equal(reply.headers.get('cache-control'), 'no-store');
  return (await reply.json()) as Shape;
}

const history = (query: string) => get<Page>(`/api/requests?${query}`);
const ids = ({ rows }: Page) => rows.map(({ requestId }) => requestId);

test('the history begins with the newest request, and its pages are whole and meet without a gap', async () => {
  const all: string[] = [];
  let next: string | null = '';
  while (next !== null) {
    const page: Page = await history(`limit=50&before=${next}`);
    all.push(...ids(page));
    next = page.next;
  }
  assert.deepEqual(
    all,
    Array.from({ length: 120 }, (_, n) => `req_${119 - n}`),
  );
});

test('each filter keeps what it names, and filters work together', async () => {
  const by = async (query: string) => (await history(`limit=500&${query}`)).rows;
  assert.equal((await by('backend=lmstudio')).length, 40);
  assert.equal((await by('result=failed')).length, 12);
  assert.equal((await by('cache=miss')).length, 30);
  assert.equal((await by('project=kettle')).length, 60);
  assert.equal((await by('project=/home/me/kettle')).length, 60);
  assert.equal((await by('project=100%25_lamp')).length, 60);
  assert.equal((await by('project=ettle')).length, 0);
  assert.equal((await by('project=kettle&backend=lmstudio&result=failed')).length, 2);
  assert.equal((await by('task=edit')).length, 0);
  assert.equal((await by('kind=main&task=analysis&session=session-1')).length, 120);
  assert.equal((await by(`since=${NOW_MS - 9 * MINUTE_MS}`)).length, 10);
  assert.equal((await by(`until=${NOW_MS - 110 * MINUTE_MS}`)).length, 10);
  assert.equal((await by('since=30m&reason=task')).length, 30);
});

test('a failed request says why, and what nobody told is null', async () => {
  const { rows } = await history('result=failed&limit=1');
  assert.equal(rows[0]?.fault, 'connect');
  assert.equal(rows[0]?.message, 'Nothing listens there.');
  assert.equal(rows[0]?.predictedTtftMs, null);
});

test('one request is told as `explain --json` tells it', async () => {
  const told = await get<{ schema: number; requestId: string; outcome: object }>('/api/requests/req_7');
  assert.equal(told.schema, 1);
  assert.equal(told.requestId, 'req_7');
  assert.equal((await get<{ requestId: string }>('/api/requests/-1')).requestId, 'req_119');
  const reply = await fetch(`${h.url}/api/requests/req_unknown`);
  assert.equal(reply.status, 404);
  assert.match(await reply.text(), /No request of this id/);
});

test('the series tells warm and cold apart, step by step, and counts no request twice', async () => {
  const { points } = await get<{ points: readonly SeriesPoint[] }>('/api/series?since=4h');
  assert.equal(
    points.reduce((sum, { requests }) => sum + requests, 0),
    120,
  );
  const whole = points.filter(({ warmRequests, coldRequests }) => warmRequests > 0 && coldRequests > 0);
  assert.ok(whole.length > 0);
  for (const point of whole) assert.deepEqual([point.warmTtftMs, point.coldTtftMs], [500, 20_000]);
  const steps = points.map(({ startMs }) => startMs);
  assert.deepEqual(
    steps,
    [...new Set(steps)].toSorted((a, b) => a - b),
  );
});

const WRONG: readonly (readonly [path: string, says: RegExp])[] = [
  ['/api/requests?limit=501', /"limit" is "501", but it must be a number from 1 to 500/],
  ['/api/requests?limit=0', /"limit"/],
  ['/api/requests?result=great', /"result" is "great", but it must be one of: completed, failed/],
  ['/api/requests?since=yesterday', /since takes a span \(15m, 24h, 7d\)/],
  ['/api/requests?before=x', /"before" must be the `next` of an earlier answer/],
  ['/api/requests?sicne=1h', /"sicne" is not known here: there are since, until/],
  ['/api/requests?task=edit&task=analysis', /"task" is given twice/],
  [`/api/requests?project=${'p'.repeat(301)}`, /"project" is longer than 300 characters/],
  ['/api/requests?break=oops', /"break" is "oops", but it must be one of: any, system-changed/],
  ['/api/stats?by=model', /"by" is not known here: there is since alone\./],
  ['/api/sessions?limit=501', /"limit"/],
  ['/api/series?since=1h&until=2h', /"since" must lie before until/],
];

for (const [path, says] of WRONG) {
  test(`${path.slice(0, 60)} is refused in one sentence`, async () => {
    const reply = await fetch(h.url + path);
    assert.equal(reply.status, 400);
    const { error } = (await reply.json()) as { error: { type: string; message: string } };
    assert.equal(error.type, 'invalid_request_error');
    assert.match(error.message, says);
    assert.doesNotMatch(error.message, /\n/);
  });
}

test('cache breaks can be asked for, by any cause and by one', async () => {
  const { rows } = await history('break=any');
  assert.deepEqual(
    rows.map(({ requestId, break: broke }) => [requestId, broke?.cause, broke?.tokens]),
    [['req_8', 'tools-added', 900]],
  );
  assert.equal((await history('break=tools-added')).rows.length, 1);
  assert.equal((await history('break=server-lost')).rows.length, 0);
  assert.equal((await history('limit=1')).rows[0]?.break, null);
});

test('the figures are those of `stats --json`, the sessions those of `sessions --json`', async () => {
  const stats = await get<{ schema: number; totals: { requests: number; cacheBreaks: number } }>(
    '/api/stats?since=3h',
  );
  assert.equal(stats.schema, 3);
  assert.deepEqual([stats.totals.requests, stats.totals.cacheBreaks], [120, 1]);
  const { sessions } = await get<{ sessions: { session: string; requests: number }[] }>('/api/sessions');
  assert.deepEqual(
    sessions.map(({ session, requests }) => [session, requests]),
    [['session-1', 120]],
  );
});

test('a value that looks like SQL is a value', async () => {
  const { rows } = await history(`project=${encodeURIComponent("' or 1=1 --")}`);
  assert.deepEqual(rows, []);
});

test('the daemon goes on serving while a question is answered', async () => {
  const asked = Promise.all(Array.from({ length: 10 }, () => history('limit=500')));
  assert.equal((await fetch(`${h.url}/healthz`)).status, 200);
  assert.equal((await asked).length, 10);
});

test('of 17 questions at once the last is turned away, and the others are answered', async () => {
  const reader = createReader({ path: join(folder, 'anyclaude.db'), wall: () => NOW_MS });
  const asked = Array.from({ length: 17 }, () => reader.ask({ about: 'history', filter: { limit: 5 } }));
  const settled = await Promise.allSettled(asked);
  assert.deepEqual(
    settled.map(({ status }) => status),
    [...Array.from({ length: 16 }, () => 'fulfilled'), 'rejected'],
  );
  await reader.close();
});

test('before anything has been recorded the history is empty, not an error', async () => {
  const fresh = await startHarness({}, undefined, join(folder, 'none', 'anyclaude.db'));
  const page = (await (await fetch(`${fresh.url}/api/requests`)).json()) as Page;
  assert.deepEqual(page, { schema: 1, rows: [], next: null });
  assert.equal((await fetch(`${fresh.url}/api/requests/-1`)).status, 404);
  await fresh.close();
});
