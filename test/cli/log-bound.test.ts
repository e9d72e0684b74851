import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { emptyPastBound } from '../../cli/log-bound.ts';
import { logPath, openLog } from '../../daemon/state.ts';

it('a log past its bound is kept once more beside a new one, and its writer goes on', () => {
  const home = mkdtempSync(join(tmpdir(), 'anyclaude-log-'));
  const path = logPath(home);
  const file = openLog(home);
  writeSync(file, 'first\n');
  emptyPastBound(file, path, 6);
  assert.equal(readFileSync(path, 'utf8'), 'first\n');
  writeSync(file, 'second\n');
  emptyPastBound(file, path, 6);
  writeSync(file, 'third\n');
  assert.equal(readFileSync(`${path}.1`, 'utf8'), 'first\nsecond\n');
  assert.equal(readFileSync(path, 'utf8'), 'third\n');
  assert.equal(statSync(`${path}.1`).mode & 0o777, 0o600);
  closeSync(file);
  rmSync(home, { recursive: true });
});
