import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

test('the bench of the status line compiles it and runs it beside a bare Node', async () => {
  const script = join(import.meta.dirname, '../../bench/statusline.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [script, '--quick', '--json']);
  const { figures } = JSON.parse(stdout) as { figures: readonly { name: string; value: number }[] };
  assert.deepEqual(
    figures.map(({ name }) => name),
    ['node -e 0', 'anyclaude statusline', "a clone's bin/anyclaude statusline", 'statusline ÷ bare Node'],
  );
  for (const { name, value } of figures) assert.ok(value > 0, name);
});
