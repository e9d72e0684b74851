// The README's command, short, on the real mlx_lm.server: counts, no seconds.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { CacheRow } from '../../bench/cache/measure.ts';
import { startMlx, whyNot } from '../engine/engines.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const noMlx = (await whyNot('mlx', console.error)) ?? false;

async function bench(...args: readonly string[]): Promise<readonly CacheRow[]> {
  const { stdout } = await run(process.execPath, ['bench/cache.ts', '--quick', '--json', ...args], {
    cwd: root,
  });
  return JSON.parse(stdout);
}

function reused(
  rows: readonly CacheRow[],
  normalising: CacheRow['normalising'],
  request: CacheRow['request'],
): number {
  const row = rows.find((each) => each.normalising === normalising && each.request === request);
  assert.ok(row?.promptTokens && row.cachedTokens !== null, `${normalising}, ${request}`);
  assert.ok(row.samples >= 1 && row.ttftMedianMs > 0 && row.ttftP95Ms >= row.ttftMedianMs);
  return row.cachedTokens / row.promptTokens;
}

describe('bench:cache', { skip: noMlx, timeout: 120_000 }, () => {
  it('shows that a new session of a project is warm with normalising and cold without', async () => {
    const rows = await bench();
    assert.ok(reused(rows, 'on', 'cold') < 0.1);
    assert.ok(reused(rows, 'off', 'cold') < 0.1);
    assert.ok(reused(rows, 'on', 'next turn') > 0.9);
    assert.ok(reused(rows, 'on', 'new session') > 0.9);
    assert.ok(reused(rows, 'off', 'new session') < 0.1, 'its billing block stands in front');
  });

  it('measures any server that is named, at the sizes that are named', async () => {
    const mlx = await startMlx();
    const rows = await bench('--url', mlx.url, '--sizes', '400,800');
    await mlx.stop();
    const sizes = new Set(
      rows.filter(({ request }) => request === 'cold').map(({ promptTokens }) => promptTokens),
    );
    assert.equal(sizes.size >= 2, true);
    assert.ok(rows.every(({ server }) => server === new URL(mlx.url).host));
  });

  it('says in one sentence that nothing answers there, and makes no figure of it', async () => {
    await assert.rejects(bench('--url', 'http://127.0.0.1:9'), (error: { stderr?: string }) => {
      assert.match(error.stderr ?? '', /^\S+ at http:\/\/127\.0\.0\.1:9: .*\n$/);
      return true;
    });
    await assert.rejects(bench('--sizes', 'many'), /--sizes is many, but it must be whole numbers/);
  });
});
