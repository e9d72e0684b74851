import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createSpeed, type Speed } from '../../router/speed.ts';

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
    fast.learnDecode(100, 1);
    fresh.expectLike(fast);
    assert.equal(fresh.ttftSeconds(20_000, 0), fast.ttftSeconds(20_000, 0));
    assert.equal(fresh.decodeSeconds(100), fast.decodeSeconds(100));
    assert.ok(fresh.doubt > 5 * fast.doubt, 'it is as doubtful as ever');
    fresh.learnTtft({ uncached: 20_000, cached: 0 }, 40);
    fresh.expectLike(fast);
    assert.ok(fresh.ttftSeconds(20_000, 0) > 35, String(fresh.ttftSeconds(20_000, 0)));
  });

  it('outlives the process, and a damaged file teaches nothing', () => {
    const speed = createSpeed();
    teach(speed, server(600));
    speed.learnDecode(100, 2);
    const work = { uncached: 5000, cached: 100 };
    assert.deepEqual(createSpeed(JSON.parse(JSON.stringify(speed))).ttft(work), speed.ttft(work));
    for (const saved of [null, 7, {}, { weights: [1] }, { ...speed.toJSON(), covariance: [[1]] }]) {
      assert.deepEqual(createSpeed(saved).ttft(work), createSpeed().ttft(work));
    }
  });

  it('decodes as fast as it was seen to, whatever one odd answer says', () => {
    const speed = createSpeed();
    for (let at = 0; at < 30; at += 1) speed.learnDecode(100, 5);
    speed.learnDecode(100, 0.01);
    assert.ok(Math.abs(speed.decodeSeconds(20) - 1) < 0.1, String(speed.decodeSeconds(20)));
  });

  it('stays a finite positive number, whatever is reported', () => {
    const figure = fc.oneof(fc.nat(200_000), fc.constantFrom(-1, 0, Number.NaN, Number.POSITIVE_INFINITY));
    fc.assert(
      fc.property(fc.array(fc.tuple(figure, figure, fc.double()), { maxLength: 30 }), (reports) => {
        const speed = createSpeed();
        for (const [uncached, cached, seconds] of reports) {
          speed.learnTtft({ uncached, cached }, seconds);
          speed.learnDecode(uncached, seconds);
        }
        const { seconds, sigma } = speed.ttft({ uncached: 1000, cached: 1000 });
        assert.ok(seconds > 0 && Number.isFinite(seconds) && Number.isFinite(sigma), `${seconds} ${sigma}`);
      }),
      { numRuns: 200 },
    );
  });
});
