// The README's command, short: every figure is there, and those that are no times are what they have to be.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { Figure } from '../../bench/figures.ts';

const script = join(import.meta.dirname, '../../bench/overhead.ts');

test('bench:overhead measures a daemon that keeps content, prefix and frames, and lets go of who has left', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [script, '--quick', '--json']);
  const { figures } = JSON.parse(stdout) as { figures: readonly Figure[] };
  const value = (name: string) => figures.find((figure) => figure.name.startsWith(name))?.value;
  for (const name of [
    'content kept',
    'next turn is a prefix',
    'same session, other nonce',
    'new session, up to the prompt',
  ])
    assert.equal(value(name), 100, name);
  assert.equal(value('50 streams at once'), 5000);
  assert.equal(value('aborts that reach the backend'), 5);
  for (const name of [
    'cold start to first answer',
    'RSS idle',
    'large requests a second',
    'longest silence',
    'RSS after all of it',
  ])
    assert.ok((value(name) ?? 0) > 0, name);
  // Of few samples on a busy machine the difference may be below nothing.
  for (const name of ['added TTFT, large', 'added TTFT, small', 'added per frame'])
    assert.equal(typeof value(name), 'number', name);
});
