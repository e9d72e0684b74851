import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

test('the bench of /metrics renders every series and serves them', async () => {
  const script = join(import.meta.dirname, '../../bench/metrics.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [script, '--quick', '--json']);
  const { figures } = JSON.parse(stdout) as {
    figures: readonly { name: string; value: number; note?: string }[];
  };
  const figure = (name: string) => figures.find((each) => each.name === name);
  assert.match(figure('rendered, OpenMetrics')?.note ?? '', /^2\d{3} series/);
  for (const name of ['rendered, text', 'over HTTP, /metrics', 'over HTTP, a bare route'])
    assert.ok((figure(name)?.value ?? 0) > 0, name);
});
