// The README's command, short, on real mlx_lm.servers: counts, no seconds.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { HybridResult } from '../../bench/hybrid.ts';
import { whyNot } from '../engine/engines.ts';

const skip = (await whyNot('mlx', console.error)) ?? false;

test('bench:hybrid plays a session with pauses used and unused', { skip, timeout: 120_000 }, async () => {
  const script = join(import.meta.dirname, '../../bench/hybrid.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [script, '--quick', '--json']);
  const { sessions, delays, cancelled }: HybridResult = JSON.parse(stdout);
  for (const session of [sessions.on, sessions.off]) {
    // Three questions of one call each, one edit of two.
    const { calls, failed, editCallsOnEdit, switches } = session;
    assert.deepEqual(
      { calls, failed, editCallsOnEdit, switches },
      { calls: 5, failed: 0, editCallsOnEdit: 2, switches: 1 },
    );
  }
  assert.ok(sessions.on.pauses.computedTokens > 0);
  assert.equal(sessions.off.pauses.runs, 0);
  assert.deepEqual(
    delays.map(({ server, inCatchUpS }) => [server, inCatchUpS.length]),
    [['mlx_lm.server', 1]],
  );
  const [left] = cancelled;
  assert.ok(left && left.promptTokens > left.stepsKeptTokens && left.stepsKeptTokens > 0);
});
