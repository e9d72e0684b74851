import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inFlight } from '../../cli/in-flight.ts';
import { type LiveView, NOTHING_KNOWN, viewAfter } from '../../cli/live-view.ts';
import { widthOf } from '../../cli/screen.ts';
import { renderTop } from '../../cli/top-screen.ts';
import type { LiveRequest } from '../../daemon/live.ts';
import type { StatusReport } from '../../daemon/status.ts';

const NOW_MS = Date.parse('2026-03-04T12:00:00Z');
const PLAIN = { columns: 110, colour: false, unicode: true };

const backend: StatusReport['backends'][number] = {
  ...{
    name: 'mlx-lm',
    url: 'http://127.0.0.1:8081',
    state: 'up',
    model: 'qwen',
    lastError: null,
    startCommand: null,
  },
  ...{ contextWindow: 131_072, contextWindowSource: 'assumed', flavour: 'mlx-lm' },
  ...{ inFlight: 1, queued: 3, maxConcurrent: 1 },
  warm: { conversations: 2, tokens: 31_200, usedAtMs: NOW_MS },
};

const status: StatusReport = {
  ...{ running: true, pid: 7, url: 'http://127.0.0.1:4784', version: '0.1.0', mode: 'auto', uptimeS: 60 },
  ...{ draining: false, backends: [backend], notes: ['The disk is full.'] },
  keeper: { state: 'running', detail: 'lmstudio catches up with orchard' },
  store: { queued: 0, dropped: 0, lastError: null },
};

const waiting = (id: string, more: Partial<LiveRequest> = {}): LiveRequest => ({
  ...{ requestId: id, kind: 'main', requestedModel: 'local', startedAtMs: NOW_MS - 12_300 },
  ...{ phase: 'prefill', task: 'analysis', backend: 'mlx-lm', predictedTtftMs: 24_600 },
  ...more,
});

const ended = (id: string, more: Partial<LiveRequest> = {}): LiveRequest => ({
  ...waiting(id),
  ...{ phase: 'ended', result: 'completed', durationMs: 3000, ttftMs: 600, outputTokens: 40 },
  ...{ promptTokens: 1000, cachedTokens: 900, cacheEvidence: 'reported' },
  ...more,
});

function viewOf(requests: readonly LiveRequest[], recent: readonly LiveRequest[] = []): LiveView {
  const told = { event: 'hello', data: { now: NOW_MS, requests, recent, status } } as const;
  return viewAfter(NOTHING_KNOWN, told, NOW_MS);
}

const squeezed = (lines: readonly string[]) => lines.map((line) => line.trim().replace(/ +/g, ' '));

test('a picture has the backends with their load, what is warm, and what a person should know', () => {
  const lines = squeezed(renderTop(viewOf([]), PLAIN, NOW_MS + 5000));
  assert.equal(lines[0], 'anyclaude 0.1.0 · up 1m 5s · mode auto · http://127.0.0.1:4784');
  assert.deepEqual(lines.slice(1, 3), [
    'While nobody waits: lmstudio catches up with orchard',
    'The disk is full.',
  ]);
  assert.ok(lines.includes('mlx-lm up 1/1 3 ~31.2k ~131k qwen'), lines.join('\n'));
  assert.equal(lines.at(-1), 'Nothing is in flight.');
});

test('the prefill clock is told by the backend, else by what was expected, which never reads as done', () => {
  const shown = (more: Partial<LiveRequest>) => inFlight(waiting('r', more), NOW_MS).prefill;
  assert.deepEqual(shown({ processedTokens: 9000, totalTokens: 12_000 }), { percent: 75, basis: 'reported' });
  assert.deepEqual(shown({}), { percent: 50, basis: 'predicted' });
  assert.deepEqual(shown({ predictedTtftMs: 6000 }), { percent: 99, basis: 'predicted' });
  assert.equal(shown({ phase: 'queued' }), null);
  const { predictedTtftMs: _p, ...unexpected } = waiting('r');
  assert.equal(inFlight(unexpected, NOW_MS).prefill, null);
  const lines = squeezed(renderTop(viewOf([waiting('r')]), PLAIN, NOW_MS));
  assert.ok(lines.includes('12.3 analysis mlx-lm prefill ███░░░ ~50% of ~25 s – – –'), lines.join('\n'));
});

test('a request moves from what is in flight to what has ended, once', () => {
  let view = viewOf([waiting('a'), waiting('b')]);
  for (let told = 0; told < 2; told += 1) {
    view = viewAfter(view, { event: 'request', data: ended('a') }, NOW_MS);
  }
  view = viewAfter(view, { event: 'request', data: waiting('b', { phase: 'writing' }) }, NOW_MS);
  assert.deepEqual(
    view.requests.map(({ requestId, phase }) => [requestId, phase]),
    [['b', 'writing']],
  );
  assert.deepEqual(
    view.recent.map(({ requestId }) => requestId),
    ['a'],
  );
});

test('hits and waits of the last requests leave out what the daemon answered, and few values are marked', () => {
  const cold = ended('cold', { cachedTokens: 0, ttftMs: 30_000 });
  const title = ended('title', { backend: 'daemon', kind: 'title' });
  const lines = squeezed(renderTop(viewOf([], [ended('a'), ended('b'), cold, title]), PLAIN, NOW_MS));
  const figures = lines.find((line) => line.startsWith('Last'));
  assert.equal(
    figures,
    'Last 3 requests: hit 67% · TTFT p50 warm 0.60 s*, cold 30.0 s* (* fewer than 20 values)',
  );
  const many = Array.from({ length: 20 }, (_, at) => ended(`m-${at}`));
  const marked = renderTop(viewOf([], many), PLAIN, NOW_MS).find((line) => line.startsWith('Last'));
  assert.equal(marked, 'Last 20 requests: hit 100% · TTFT p50 warm 0.60 s, cold –');
  const guessed = renderTop(viewOf([], [ended('g', { cacheEvidence: 'inferred' })]), PLAIN, NOW_MS);
  assert.ok(guessed.some((line) => line.includes('hit ~100%')));
});

test('a daemon that has gone is said, and what was in flight with it', () => {
  const view = viewAfter(viewOf([waiting('a')], [ended('b')]), { event: 'lost' }, NOW_MS);
  const lines = renderTop(view, PLAIN, NOW_MS);
  assert.match(lines[0] ?? '', /^The daemon has stopped; waiting for it to come back\.$/);
  assert.ok(!lines.some((line) => line.includes('prefill')));
});

test('no picture outgrows its screen, however much there is and however little room', () => {
  const many = Array.from({ length: 60 }, (_, at) => waiting(`req_${at}`, { project: '/home/dev/orchard' }));
  const view = viewOf(
    many,
    many.map(({ requestId }) => ended(requestId)),
  );
  for (const columns of [20, 40, 60, 200]) {
    for (const rows of [5, 12, 24, 50]) {
      for (const unicode of [true, false]) {
        const lines = renderTop(view, { ...PLAIN, columns, unicode, rows }, NOW_MS);
        assert.ok(lines.length <= rows, `${lines.length} of ${rows} lines`);
        for (const line of lines) assert.ok(widthOf(line) <= columns, `${columns}: ${line}`);
        if (!unicode) assert.doesNotMatch(lines.join(''), /[^\x20-\x7e]/);
      }
    }
  }
});
