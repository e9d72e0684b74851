// The README's command, short, on real mlx_lm.servers: counts, no seconds.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { SessionResult } from '../../bench/sessions/play.ts';
import { whyNot } from '../engine/engines.ts';

const skip = (await whyNot('mlx', console.error)) ?? false;

test('bench:sessions plays the same session under each policy', { skip, timeout: 120_000 }, async () => {
  const script = join(import.meta.dirname, '../../bench/sessions.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [script, '--quick', '--json']);
  const results: readonly SessionResult[] = JSON.parse(stdout);
  assert.deepEqual(
    results.map(({ mode }) => mode),
    ['task', 'auto'],
  );
  for (const { mode, calls, failed, editCalls, waitedS, ttftS } of results) {
    // Three questions of one call each, three edits of two.
    assert.deepEqual({ calls, failed, editCalls }, { calls: 9, failed: 0, editCalls: 6 }, mode);
    assert.ok(waitedS > ttftS && ttftS > 0, mode);
  }
  const [task] = results;
  assert.equal(task?.editCallsOnEdit, 6);
  assert.equal(task?.switches, 1);
});
