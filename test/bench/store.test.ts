import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

test('the bench of the store fills a record, keeps it up and asks it', async () => {
  const script = join(import.meta.dirname, '../../bench/store.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [script, '--quick', '--json']);
  const { figures } = JSON.parse(stdout) as { figures: readonly { name: string; value?: number }[] };
  const value = (name: string) => figures.find((figure) => figure.name === name)?.value;
  assert.equal(value('hours that were rolled up'), 48);
  for (const name of ['stats --since 2d', 'stats --since 20d', 'stats --since 20d --by session'])
    assert.ok((value(name) ?? 0) > 0, name);
  assert.ok((value('hours of ten such periods') ?? 0) > 5000);
});
