import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { renderLogLine } from '../../cli/log-line.ts';

describe('a line of the log', () => {
  it('reads as time, level, sentence and the rest', () => {
    const line = {
      ...{ level: 30, time: '2026-01-02T03:04:05.678Z', requestId: 'r1', backend: 'mlx-lm', ttftMs: 12 },
      ...{ cache: { evidence: 'none' }, msg: 'completed' },
    };
    assert.equal(
      renderLogLine(JSON.stringify(line)),
      '03:04:05 info  completed requestId=r1 backend=mlx-lm ttftMs=12 cache={"evidence":"none"}',
    );
  });

  it('shows the stack of an error as it is', () => {
    const line = {
      level: 50,
      time: '2026-01-02T03:04:05.678Z',
      err: { stack: 'Error: x\n    at y' },
      msg: 'bug',
    };
    assert.equal(renderLogLine(JSON.stringify(line)), '03:04:05 ERROR bug err=\nError: x\n    at y');
  });

  for (const text of ['', 'anyclaude listens', '{"cut', '{}x', '[1]']) {
    it(`stays as it is where it is no JSON object: ${text}`, () => assert.equal(renderLogLine(text), text));
  }
});
