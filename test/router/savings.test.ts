// Seconds saved are a counterfactual: right on average, as uncertain as this machine's own cold prompts, never invented.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { savedBy } from '../../router/savings.ts';
import { createSpeed, type Speed } from '../../router/speed.ts';

test('what was saved is the cold wait less the one there was', () => {
  const speed = learned(0);
  const saved = savedOf(speed, { promptTokens: 18_000, cachedTokens: 17_500, seconds: 1 });
  assert.ok(Math.abs(saved.seconds - (truth(18_000) - 1)) < 2, `${saved.seconds} s`);
  assert.equal(saved.basis, 'measured');
  assert.equal(saved.coldSamples, 30);
});

test('where the first token was not seen, the wait is the learned one, and told as such', () => {
  const speed = learned(0);
  const saved = savedOf(speed, { promptTokens: 18_000, cachedTokens: 17_500 });
  assert.equal(saved.basis, 'predicted');
  assert.ok(saved.seconds > 20 && saved.seconds < truth(18_000), `${saved.seconds} s`);
});

test('nothing cached saves nothing, and a wait longer than a cold one does not save less than nothing', () => {
  const speed = learned(0);
  const none = savedOf(speed, { promptTokens: 18_000, cachedTokens: 12, seconds: 1 });
  assert.deepEqual([none.seconds, none.lowSeconds, none.highSeconds], [0, 0, 0]);
  const slow = savedOf(speed, { promptTokens: 18_000, cachedTokens: 17_500, seconds: 90 });
  assert.deepEqual([slow.seconds, slow.lowSeconds], [0, 0]);
});

test('nine in ten cold waits lie within the bounds, on a steady machine and on a moody one', () => {
  for (const share of [0.03, 0.2, 0.35]) {
    const speed = learned(share);
    let within = 0;
    for (let at = 0; at < 400; at += 1) {
      const { lowSeconds, highSeconds } = savedOf(speed, {
        promptTokens: 9000,
        cachedTokens: 9000,
        seconds: 0,
      });
      const would = truth(9000) * Math.exp(share * normal(at + 1000));
      if (would >= lowSeconds && would <= highSeconds) within += 1;
    }
    assert.ok(within >= 0.8 * 400, `${within} of 400 at a spread of ${share}`);
    assert.ok(share < 0.1 || within <= 0.98 * 400, `${within} of 400 at a spread of ${share}: too wide`);
  }
});

test('the spread of cold prompts outlives the process, and an older state without it is believed', () => {
  const speed = learned(0.35);
  const again = createSpeed(JSON.parse(JSON.stringify(speed)));
  assert.deepEqual(again.cold(9000).sigma, speed.cold(9000).sigma);
  assert.equal(again.coldSamples, 30);
  const { cold: _, ...older } = speed.toJSON();
  const restored = createSpeed(older);
  assert.equal(restored.coldSamples, 0);
  assert.equal(restored.samples, speed.samples);
  assert.ok(restored.cold(9000).sigma < speed.cold(9000).sigma);
});

function truth(promptTokens: number): number {
  return 0.2 + promptTokens / 600;
}

/** A machine whose cold prompts differ by this share, after 30 cold and 30 warm ones. */
function learned(share: number): Speed {
  const speed = createSpeed();
  for (let at = 0; at < 30; at += 1) {
    const tokens = 2000 + (at % 10) * 2000;
    speed.learnTtft({ uncached: tokens, cached: 0 }, truth(tokens) * Math.exp(share * normal(at)));
    speed.learnTtft({ uncached: 300, cached: tokens }, truth(300) * Math.exp(share * normal(at + 500)));
  }
  return speed;
}

function savedOf(speed: Speed, wait: { promptTokens: number; cachedTokens: number; seconds?: number }) {
  const { promptTokens, cachedTokens } = wait;
  return savedBy({
    ...wait,
    expected: speed.ttft({ uncached: promptTokens - cachedTokens, cached: cachedTokens }),
    cold: speed.cold(promptTokens),
    coldSamples: speed.coldSamples,
  });
}

/** The same standard normal figures each time. */
function normal(seed: number): number {
  const uniform = (n: number) => {
    const x = Math.sin(n * 12.9898 + 78.233) * 43_758.5453;
    return Math.max(1e-9, x - Math.floor(x));
  };
  return Math.sqrt(-2 * Math.log(uniform(seed))) * Math.cos(2 * Math.PI * uniform(seed + 0.5));
}
