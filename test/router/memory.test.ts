import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemory, type Memory } from '../../router/memory.ts';
import type { Attempt, Ending, Outcome } from '../../router/outcome.ts';
import type { ToolResult } from '../../router/turn.ts';

const MINUTE = 60_000;
const turn = { sessionId: 's', turnId: 't1', compaction: false };
const other = { ...turn, turnId: 't2' };
const mlx = { backend: 'mlx-lm', task: 'analysis' } as const;
const editsOnMlx = { backend: 'mlx-lm', task: 'edit' } as const;

describe('the backend of a turn', () => {
  it('is remembered for that turn alone', () => {
    const memory = createMemory();
    memory.rememberTurn(turn, mlx, 0);
    assert.deepEqual(memory.stickyFor(turn), mlx);
    assert.equal(memory.stickyFor(other), undefined);
    assert.equal(memory.stickyFor({ ...turn, sessionId: 's2' }), undefined);
  });

  it('is there for the task it was chosen for, whatever the turn is guessed to be on the way', () => {
    const memory = createMemory();
    memory.rememberTurn(turn, mlx, 0);
    memory.rememberTurn(turn, editsOnMlx, 1);
    assert.deepEqual(memory.stickyFor(turn), mlx);
    memory.rememberTurn(turn, { backend: 'lmstudio', task: 'edit' }, 2);
    assert.deepEqual(memory.stickyFor(turn), { backend: 'lmstudio', task: 'edit' });
  });

  it("is a subagent's own", () => {
    const memory = createMemory();
    memory.rememberTurn(turn, mlx, 0);
    assert.equal(memory.stickyFor({ ...turn, agentId: 'a' }), undefined);
  });

  it('is, for a compaction, where the session was last', () => {
    const memory = createMemory();
    memory.rememberTurn(turn, mlx, 0);
    memory.rememberTurn(other, { backend: 'lmstudio', task: 'edit' }, 1);
    const compaction = { sessionId: 's', turnId: 'summary', compaction: true };
    assert.equal(memory.stickyFor(compaction)?.backend, 'lmstudio');
  });

  it('is remembered for a client that names no session', () => {
    const memory = createMemory();
    memory.rememberTurn({ turnId: 't' }, mlx, 0);
    assert.deepEqual(memory.stickyFor({ turnId: 't', compaction: false }), mlx);
  });

  it('is forgotten oldest first where there are too many', () => {
    const memory = createMemory({ turns: 2, sessions: 2, toolUses: 2 });
    const named = (turnId: string) => ({ ...turn, turnId });
    for (const turnId of ['a', 'b', 'a', 'c']) memory.rememberTurn(named(turnId), mlx, 0);
    assert.equal(memory.stickyFor(named('b')), undefined);
    assert.deepEqual(memory.stickyFor(named('a')), mlx);
    assert.deepEqual(memory.stickyFor(named('c')), mlx);
  });
});

describe('a backend whose edits fail', () => {
  it('takes edits until five were seen', () => {
    const memory = createMemory();
    edits(memory, ['failed', 'failed', 'failed', 'failed'], 0);
    assert.equal(failing(memory, 0), undefined);
    edits(memory, ['failed'], 0);
    assert.equal(failing(memory, 0), '5 of its last 5 edits failed, next try in 10 min');
  });

  it('takes edits while one in five fails, and none from there on', () => {
    const memory = createMemory();
    edits(memory, ['ok', 'ok', 'ok', 'ok', 'failed', 'ok', 'ok', 'ok', 'ok'], 0);
    edits(memory, ['failed'], 0);
    assert.equal(failing(memory, 0), undefined);
    edits(memory, ['failed'], 0);
    assert.match(failing(memory, 0) ?? '', /^3 of its last 11 edits failed/);
  });

  it('is judged by its last 20 edits', () => {
    const memory = createMemory();
    edits(memory, [...Array<'ok'>(20).fill('ok'), ...Array<'failed'>(4).fill('failed')], 0);
    assert.equal(failing(memory, 0), undefined);
    edits(memory, ['failed'], 0);
    assert.match(failing(memory, 0) ?? '', /^5 of its last 20/);
  });

  it('is not blamed for edits that a person declined, for reads, or for calls of another backend', () => {
    const memory = createMemory();
    edits(memory, Array<'declined'>(9).fill('declined'), 0);
    for (const [id, backend, tool] of [
      ['r', 'mlx-lm', 'Read'],
      ['l', 'lmstudio', 'Edit'],
    ] as const) {
      for (let count = 0; count < 9; count += 1) {
        memory.rememberToolUse(`${id}${count}`, backend, tool);
        memory.observeToolResults([{ id: `${id}${count}`, name: tool, result: 'failed' }], 0);
      }
    }
    assert.equal(failing(memory, 0), undefined);
  });

  it('is blamed once for a result that every later request brings again', () => {
    const memory = createMemory();
    memory.rememberToolUse('x', 'mlx-lm', 'Edit');
    memory.observeToolResults([{ id: 'x', name: 'Edit' }], 0);
    for (let count = 0; count < 9; count += 1) {
      memory.observeToolResults([{ id: 'x', name: 'Edit', result: 'failed' }], 0);
    }
    assert.equal(failing(memory, 0), undefined);
  });

  it('gets one turn to try again after ten minutes, and all others only when that has succeeded', () => {
    const memory = createMemory();
    edits(memory, Array<'failed'>(5).fill('failed'), 0);
    assert.match(failing(memory, 10 * MINUTE - 1) ?? '', /next try in 1 min/);
    assert.equal(failing(memory, 10 * MINUTE), undefined);
    memory.rememberTurn(turn, editsOnMlx, 10 * MINUTE);
    assert.equal(memory.editsFailing('mlx-lm', turn, 11 * MINUTE), undefined);
    assert.match(memory.editsFailing('mlx-lm', other, 11 * MINUTE) ?? '', /one turn is trying it again/);
    edits(memory, ['ok'], 12 * MINUTE);
    assert.equal(memory.editsFailing('mlx-lm', other, 12 * MINUTE), undefined);
  });

  it('waits another ten minutes where the try has failed', () => {
    const memory = createMemory();
    edits(memory, Array<'failed'>(5).fill('failed'), 0);
    memory.rememberTurn(turn, editsOnMlx, 10 * MINUTE);
    edits(memory, ['failed'], 11 * MINUTE);
    assert.match(memory.editsFailing('mlx-lm', turn, 11 * MINUTE) ?? '', /next try in 10 min/);
    assert.equal(memory.editsFailing('mlx-lm', turn, 21 * MINUTE), undefined);
  });

  it('gets another turn where the first has told nothing for ten minutes', () => {
    const memory = createMemory();
    edits(memory, Array<'failed'>(5).fill('failed'), 0);
    memory.rememberTurn(turn, editsOnMlx, 10 * MINUTE);
    memory.rememberTurn(other, editsOnMlx, 12 * MINUTE);
    assert.match(memory.editsFailing('mlx-lm', other, 19 * MINUTE) ?? '', /trying it again/);
    assert.equal(memory.editsFailing('mlx-lm', other, 20 * MINUTE), undefined);
    memory.rememberTurn(other, editsOnMlx, 20 * MINUTE);
    assert.equal(memory.editsFailing('mlx-lm', other, 21 * MINUTE), undefined);
    assert.match(memory.editsFailing('mlx-lm', turn, 21 * MINUTE) ?? '', /trying it again/);
  });

  it('is not kept away longer by a late success, and a turn of edits before its time is no try', () => {
    const memory = createMemory();
    edits(memory, Array<'failed'>(5).fill('failed'), 0);
    memory.rememberTurn(turn, editsOnMlx, 5 * MINUTE);
    edits(memory, ['ok'], 5 * MINUTE);
    assert.equal(failing(memory, 10 * MINUTE), undefined);
    assert.match(failing(memory, 9 * MINUTE) ?? '', /5 of its last 6 edits failed, next try in 1 min/);
  });

  it('takes edits again at once where nothing was ever wrong', () => {
    const memory = createMemory();
    edits(memory, ['ok'], 0);
    memory.rememberTurn(turn, editsOnMlx, 0);
    assert.equal(failing(memory, 0), undefined);
  });
});

describe('a tool call that came out broken', () => {
  const broken: Attempt = {
    backend: 'mlx-lm',
    fault: 'bad-tool-call',
    phase: 'before-first-token',
    message: 'cut',
    durationMs: 1,
  };
  const failed = { result: 'failed', phase: 'mid-stream', fault: 'bad-tool-call' } as const;

  function after(more: Partial<Outcome>, times = 5): string | undefined {
    const memory = createMemory();
    for (let count = 0; count < times; count += 1) memory.observeOutcome(outcome(more), 0);
    return failing(memory, 0);
  }

  it('counts against the backend that broke it, though another answered', () => {
    assert.match(after({ attempts: [broken], answeredBy: 'lmstudio' }) ?? '', /5 of its last 5/);
  });

  it('counts where it ended the request', () => {
    assert.match(after({ ending: failed }) ?? '', /5 of its last 5/);
  });

  it('counts once where it is told twice', () => {
    assert.equal(after({ attempts: [broken], ending: failed }, 4), undefined);
  });

  it('does not count on an analysis turn, nor any other fault', () => {
    const analysis = { task: 'analysis', probability: 0.9, reason: 'question-words' } as const;
    assert.equal(after({ attempts: [broken], classification: analysis }), undefined);
    assert.equal(after({ attempts: [{ ...broken, fault: 'reset' }] }), undefined);
    assert.equal(after({ ending: { ...failed, fault: 'reset' } }), undefined);
    assert.equal(after({}), undefined);
  });
});

let nextId = 0;
function edits(memory: Memory, results: readonly ToolResult[], nowMs: number): void {
  for (const result of results) {
    const id = `edit-${nextId++}`;
    memory.rememberToolUse(id, 'mlx-lm', 'Edit');
    memory.observeToolResults([{ id, name: 'Edit', result }], nowMs);
  }
}

function failing(memory: Memory, nowMs: number): string | undefined {
  return memory.editsFailing('mlx-lm', { turnId: 'any' }, nowMs);
}

function outcome(more: Partial<Outcome>): Outcome {
  const ending: Ending = { result: 'completed' };
  return {
    requestId: 'r',
    startedAtMs: 0,
    durationMs: 1,
    kind: 'main',
    answeredBy: 'mlx-lm',
    requestedModel: 'm',
    stream: true,
    attempts: [],
    toolCalls: [],
    invalidToolCalls: 0,
    httpStatus: 200,
    bytesIn: 1,
    bytesOut: 1,
    cache: { evidence: 'none' },
    classification: { task: 'edit', probability: 0.9, reason: 'edit-words' },
    ending,
    ...more,
  };
}
