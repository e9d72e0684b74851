import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createSpeed, type Speed } from '../../router/speed.ts';
import { seeded } from '../fixture/words.ts';

/** A server: 0.2 s, so many tokens a second, a little for each cached token, 5 % of chance. */
function server(tokensPerS: number, seed = 1) {
  let state = seed;
  const chance = () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return 1 + 0.1 * (state / 2147483648 - 0.5);
  };
  return (uncached: number, cached: number) => (0.2 + uncached / tokensPerS + cached * 1e-5) * chance();
}

function teach(speed: Speed, wait: (uncached: number, cached: number) => number, requests = 20): void {
  for (let at = 0; at < requests; at += 1) {
    const [uncached, cached] = at % 5 === 0 ? [18_000 + 900 * at, 0] : [300 + 40 * at, 20_000 + 800 * at];
    speed.learnTtft({ uncached, cached }, wait(uncached, cached));
  }
}

function errorAt(speed: Speed, uncached: number, cached: number, seconds: number): number {
  return Math.abs(speed.ttft({ uncached, cached }).seconds / seconds - 1);
}

function isNear(figure: number | undefined, expected: number): boolean {
  return figure !== undefined && Math.abs(figure / expected - 1) < 0.1;
}

describe('the speed of a backend', () => {
  for (const tokensPerS of [120, 616, 4000]) {
    it(`is known within 10 % after 20 requests at ${tokensPerS} tokens/s, warm and cold`, () => {
      const speed = createSpeed();
      teach(speed, server(tokensPerS));
      assert.ok(errorAt(speed, 40_000, 0, 0.2 + 40_000 / tokensPerS) < 0.1);
      assert.ok(errorAt(speed, 500, 50_000, 0.7 + 500 / tokensPerS) < 0.1);
    });
  }

  it('is learned anew where the server has become four times slower', () => {
    const speed = createSpeed();
    teach(speed, server(1200), 60);
    teach(speed, server(300), 20);
    assert.ok(errorAt(speed, 20_000, 0, 0.2 + 20_000 / 300) < 0.15);
  });

  it('is not upset by a single request that took ten times as long', () => {
    const speed = createSpeed();
    teach(speed, server(600), 40);
    speed.learnTtft({ uncached: 20_000, cached: 0 }, 340);
    assert.ok(errorAt(speed, 20_000, 0, 0.2 + 20_000 / 600) < 0.3);
  });

  it('is doubted before anything was seen, and hardly any more after a day', () => {
    const speed = createSpeed();
    assert.ok(speed.doubt > 0.9, String(speed.doubt));
    teach(speed, server(600), 40);
    assert.ok(speed.doubt < 0.25, String(speed.doubt));
  });

  it('is taken from another before anything was seen, and is its own from then on', () => {
    const [fast, fresh] = [createSpeed(), createSpeed()];
    teach(fast, (uncached) => 0.1 + uncached / 2000);
    for (const promptTokens of [0, 80_000]) {
      fast.learnDecode({ tokens: 100, seconds: promptTokens === 0 ? 1 : 2, promptTokens });
    }
    fresh.expectLike(fast);
    assert.equal(fresh.ttftSeconds(20_000, 0), fast.ttftSeconds(20_000, 0));
    for (const length of [0, 100_000]) {
      assert.equal(fresh.decodeSeconds(100, length), fast.decodeSeconds(100, length));
    }
    assert.ok(fresh.doubt > 5 * fast.doubt, 'it is as doubtful as ever');
    fresh.learnTtft({ uncached: 20_000, cached: 0 }, 40);
    fresh.expectLike(fast);
    assert.ok(fresh.ttftSeconds(20_000, 0) > 35, String(fresh.ttftSeconds(20_000, 0)));
  });

  it('outlives the process, and a damaged file teaches nothing', () => {
    const speed = createSpeed();
    teach(speed, server(600));
    for (const promptTokens of [0, 50_000, 100_000]) {
      speed.learnDecode({ tokens: 100, seconds: 2 + promptTokens / 20_000, promptTokens });
    }
    const restored = createSpeed(JSON.parse(JSON.stringify(speed)));
    assert.equal(restored.decodeSeconds(300, 70_000), speed.decodeSeconds(300, 70_000));
    const work = { uncached: 5000, cached: 100 };
    assert.deepEqual(createSpeed(JSON.parse(JSON.stringify(speed))).ttft(work), speed.ttft(work));
    for (const saved of [null, 7, {}, { weights: [1] }, { ...speed.toJSON(), covariance: [[1]] }]) {
      assert.deepEqual(createSpeed(saved).ttft(work), createSpeed().ttft(work));
    }
  });

  it('decodes as fast as it was seen to, whatever one odd answer says', () => {
    const speed = createSpeed();
    const answer = { tokens: 100, promptTokens: 20_000 };
    for (let at = 0; at < 30; at += 1) speed.learnDecode({ ...answer, seconds: 5 });
    speed.learnDecode({ ...answer, seconds: 0.01 });
    const seconds = speed.decodeSeconds(20, 20_000);
    assert.ok(Math.abs(seconds - 1) < 0.1, String(seconds));
  });

  it('decodes slower behind a long prompt where it was seen to', () => {
    const speed = createSpeed();
    for (let at = 0; at < 100; at += 1) {
      speed.learnDecode({ tokens: 200, seconds: 200 / 60, promptTokens: 2000 });
      speed.learnDecode({ tokens: 200, seconds: 200 / 15, promptTokens: 100_000 });
    }
    const rates = [2000, 50_000, 100_000].map((length) => 200 / speed.decodeSeconds(200, length));
    assert.ok(isNear(rates[0], 60) && isNear(rates[2], 15), rates.join(' '));
    assert.ok((rates[1] ?? 0) > 18 && (rates[1] ?? 0) < 40, 'between them, in step with the length');
  });

  it('decodes alike behind any prompt where nothing else was seen', () => {
    const [speed, once] = [createSpeed(), createSpeed()];
    for (let at = 0; at < 200; at += 1) {
      speed.learnDecode({ tokens: 100, seconds: 2, promptTokens: (at * 7919) % 120_000 });
    }
    once.learnDecode({ tokens: 100, seconds: 9, promptTokens: 90_000 });
    assert.ok(Math.abs(speed.decodeSeconds(50, 100_000) - 1) < 1e-6);
    assert.ok(Math.abs(speed.decodeSeconds(50, 0) - 1) < 1e-6);
    assert.ok(Math.abs(once.decodeSeconds(100, 0) - 9) < 1e-6, 'one answer says nothing of the length');
  });

  it('is hardly misled by chance where the length makes no difference', () => {
    const speed = createSpeed();
    const random = seeded(7);
    let [error, plain, level] = [0, 0, Math.log(40)];
    for (let at = 0; at < 600; at += 1) {
      const written = { tokens: 200, seconds: 4 * (0.8 + 0.4 * random()), promptTokens: 120_000 * random() };
      error += Math.abs(speed.decodeSeconds(200, written.promptTokens) - 4);
      plain += Math.abs(200 / Math.exp(level) - 4);
      level += Math.max(0.1, 1 / (at + 1)) * (Math.log(200 / written.seconds) - level);
      speed.learnDecode(written);
    }
    assert.ok(error < 1.25 * plain, `${error / 600} s, ${plain / 600} s without the length`);
    assert.ok(error / 600 < 0.12, `${error / 600} s of 4`);
  });

  it('takes a rate that an earlier version saved for any length', () => {
    const { decodeSlowing, ...old } = createSpeed().toJSON();
    assert.ok(decodeSlowing);
    const speed = createSpeed({ ...old, decodeLogRate: Math.log(20), decodeSamples: 5 });
    assert.ok(Math.abs(speed.decodeSeconds(40, 90_000) - 2) < 1e-9);
  });

  it('stays a finite positive number, whatever is reported', () => {
    const figure = fc.oneof(fc.nat(200_000), fc.constantFrom(-1, 0, Number.NaN, Number.POSITIVE_INFINITY));
    fc.assert(
      fc.property(fc.array(fc.tuple(figure, figure, fc.double()), { maxLength: 30 }), (reports) => {
        const speed = createSpeed();
        for (const [uncached, cached, seconds] of reports) {
          speed.learnTtft({ uncached, cached }, seconds);
          speed.learnDecode({ tokens: uncached, seconds, promptTokens: cached });
        }
        const { seconds, sigma } = speed.ttft({ uncached: 1000, cached: 1000 });
        assert.ok(seconds > 0 && Number.isFinite(seconds) && Number.isFinite(sigma), `${seconds} ${sigma}`);
        const decode = speed.decodeSeconds(100, 200_000);
        assert.ok(decode > 0 && Number.isFinite(decode), String(decode));
      }),
      { numRuns: 200 },
    );
  });
});
