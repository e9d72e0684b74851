import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cacheResult } from '../../router/cache.ts';

const reported = (cachedTokens: number, promptTokens = 1000) =>
  cacheResult({ evidence: 'reported', promptTokens, cachedTokens });

test('most of the prompt cached is a hit, a shared header is a miss, and between them lies partial', () => {
  assert.deepEqual(
    [1000, 500, 499, 50, 49, 3, 0].map((cached) => reported(cached)),
    ['hit', 'hit', 'partial', 'partial', 'miss', 'miss', 'miss'],
  );
});

test('inferred and progress reports are read like reported ones', () => {
  for (const evidence of ['inferred', 'progress'] as const) {
    assert.equal(cacheResult({ evidence, promptTokens: 10, cachedTokens: 9 }), 'hit');
  }
});

test('silence is unknown, never a miss', () => {
  assert.equal(cacheResult({ evidence: 'none' }), 'unknown');
  assert.equal(cacheResult({ evidence: 'none', promptTokens: 1000 }), 'unknown');
  assert.equal(reported(0, 0), 'unknown');
});
