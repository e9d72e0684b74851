import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Chain } from '../../router/observation.ts';
import { createWarmth, type Seen } from '../../router/warmth.ts';

/** A prompt of these segments, 1,000 tokens each. */
function chain(...names: readonly string[]): Chain {
  return names.map((_, at) => ({ hash: names.slice(0, at + 1).join('/'), tokens: 1000 }));
}

function sent(prompt: Chain, more: Partial<Seen> = {}): Seen {
  return { chain: prompt, ending: 'completed', ...more };
}

describe('what a server is believed to hold', () => {
  it('is the longest beginning that was sent there, the answer included', () => {
    const warmth = createWarmth('mlx-lm');
    warmth.observe(sent(chain('s', 't', 'a'), { outputTokens: 300 }), 0);
    assert.equal(warmth.match(chain('s', 't', 'b'), 1).tokens, 2000);
    assert.equal(warmth.match(chain('s', 't', 'a', 'answer', 'next'), 1).tokens, 3300);
    assert.equal(warmth.match(chain('x'), 1).tokens, 0);
  });

  it('is told as a whole, what two conversations share counted once', () => {
    const warmth = createWarmth('mlx-lm');
    assert.equal(warmth.held, undefined);
    warmth.observe(sent(chain('s', 't', 'a'), { outputTokens: 300 }), 5);
    warmth.observe(sent(chain('s', 't', 'b')), 9);
    assert.deepEqual(warmth.held, { conversations: 2, tokens: 4300, usedAtMs: 9 });
    warmth.forget();
    assert.equal(warmth.held, undefined);
  });

  it('leaves out the answer where reports say that it is not kept', () => {
    const warmth = createWarmth('mlx-lm');
    const names = ['s'];
    for (let turn = 0; turn < 40; turn += 1) {
      const cachedTokens = (names.length - 1) * 1000;
      warmth.observe(sent(chain(...names), { cachedTokens, outputTokens: 400 }), turn);
      names.push(`turn ${turn}`);
    }
    const { tokens } = warmth.match(chain(...names), 41);
    assert.ok(tokens < 40_040, String(tokens));
  });

  it('is nothing of a request that did not complete', () => {
    const warmth = createWarmth('mlx-lm');
    warmth.observe(sent(chain('s'), { ending: 'cancelled' }), 0);
    warmth.observe(sent(chain('s'), { ending: 'failed' }), 0);
    assert.deepEqual(warmth.match(chain('s'), 1), { tokens: 0, warm: 0 });
  });

  it('is ten conversations on mlx_lm.server, and of an eleventh on the oldest is gone', () => {
    const warmth = createWarmth('mlx-lm');
    const names = Array.from({ length: 10 }, (_, at) => `c${at}`);
    for (const name of names) warmth.observe(sent(chain(name)), 0);
    // A conversation that goes on is inserted anew and takes the place of its own beginning.
    warmth.observe(sent(chain('c0', 'more')), 0);
    assert.ok(names.every((name) => warmth.match(chain(name), 1).tokens === 1000));
    warmth.observe(sent(chain('new')), 0);
    assert.equal(warmth.match(chain('c1'), 1).tokens, 0);
    assert.equal(warmth.match(chain('c0', 'more'), 1).tokens, 2000);
  });

  it('is as many conversations on a server with slots as it was seen to keep, and no restart is seen in that', () => {
    const warmth = createWarmth('llama.cpp');
    const ask = (name: string, more: string, cachedTokens: number) =>
      warmth.observe(sent(chain('s', name, more), { cachedTokens }), 1);
    for (const name of ['a', 'b', 'c']) ask(name, '1', name === 'a' ? 0 : 1000);
    assert.equal(warmth.match(chain('s', 'a', '1'), 1).tokens, 3000);
    ask('a', '2', 1000);
    assert.deepEqual(
      ['a', 'b', 'c'].map((name) => warmth.match(chain('s', name), 1).tokens),
      [2000, 1000, 2000],
      'two slots: those of a and c, and what all begin with',
    );
    assert.equal(warmth.room([chain('s', 'a', '2'), chain('s', 'c', '1')]), 0);
    ask('b', '2', 1000);
    ask('c', '2', 1000);
    assert.equal(warmth.epoch, 0);
    // More is found than was believed: it has room for one more.
    ask('a', '3', 3000);
    assert.ok(['a', 'b', 'c'].every((name) => warmth.match(chain('s', name), 1).tokens === 2000));
  });

  it('is one conversation on a server that nothing is known of', () => {
    const warmth = createWarmth();
    warmth.observe(sent(chain('a')), 0);
    warmth.observe(sent(chain('b')), 0);
    assert.equal(warmth.match(chain('a'), 1).tokens, 0);
  });

  it('is believed less the longer it has been idle', () => {
    const warmth = createWarmth('lmstudio');
    warmth.observe(sent(chain('a')), 0);
    const [soon = 0, later = 0, late = 0] = [1, 10, 120].map(
      (minutes) => warmth.match(chain('a'), minutes * 60_000).warm,
    );
    assert.ok(soon > later && later > late, `${soon} ${later} ${late}`);
  });

  it('is all forgotten after two prompts in a row that must have been there and were not', () => {
    const warmth = createWarmth('mlx-lm');
    for (const name of ['a', 'b', 'c']) warmth.observe(sent(chain(name)), 0);
    warmth.observe(sent(chain('a', 'x'), { cachedTokens: 3, promptTokens: 2000 }), 1);
    assert.equal(warmth.epoch, 0);
    assert.equal(warmth.match(chain('c'), 2).tokens, 1000);
    warmth.observe(sent(chain('b', 'x'), { cachedTokens: 3, promptTokens: 2000 }), 1);
    assert.equal(warmth.epoch, 1);
    assert.equal(warmth.match(chain('c'), 2).tokens, 0);
    assert.equal(warmth.match(chain('b', 'x'), 2).tokens, 2000);
  });

  it('is not believed of a server that never keeps anything, and is again once it does', () => {
    const warmth = createWarmth('lmstudio');
    const next = chain('a');
    for (let turn = 0; turn < 12; turn += 1) warmth.observe(sent(next, { cachedTokens: 0 }), turn);
    assert.ok(warmth.keeps < 0.15, String(warmth.keeps));
    for (let turn = 0; turn < 40; turn += 1) warmth.observe(sent(next, { cachedTokens: 1000 }), turn);
    assert.ok(warmth.keeps > 0.8, String(warmth.keeps));
  });

  it('outlives a restart of the daemon only as a habit, never as a prompt', () => {
    const warmth = createWarmth('mlx-lm');
    for (let turn = 0; turn < 9; turn += 1) warmth.observe(sent(chain('a'), { cachedTokens: 0 }), turn);
    const restored = createWarmth('mlx-lm', JSON.parse(JSON.stringify(warmth)));
    assert.equal(restored.match(chain('a'), 1).tokens, 0);
    assert.equal(restored.keeps, warmth.keeps);
    assert.equal(createWarmth('mlx-lm', [{ kept: 'x' }]).keeps, createWarmth('mlx-lm').keeps);
  });
});

describe('whatever is reported', () => {
  const prompt = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 5 });
  const report = fc.option(fc.oneof(fc.nat(9000), fc.constantFrom(-5, Number.NaN, 1e12)), { nil: undefined });
  const event = fc.record({
    names: prompt,
    cachedTokens: report,
    promptTokens: report,
    ending: fc.constantFrom('completed' as const, 'cancelled' as const, 'failed' as const),
  });

  it('nothing is believed warm that was not sent there and completed', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), prompt, (events, asked) => {
        const warmth = createWarmth('mlx-lm');
        let longest = 0;
        for (const [at, { names, cachedTokens, promptTokens, ending }] of events.entries()) {
          const reports = {
            ...(cachedTokens !== undefined && { cachedTokens }),
            ...(promptTokens !== undefined && { promptTokens }),
          };
          warmth.observe(sent(chain(...names), { ending, ...reports }), at);
          if (ending === 'completed') longest = Math.max(longest, sharedLength(names, asked));
        }
        const { tokens, warm } = warmth.match(chain(...asked), events.length);
        assert.ok(tokens <= longest * 1000, `${tokens} of ${longest}`);
        assert.ok(warm >= 0 && warm <= 1 && warmth.keeps >= 0 && warmth.keeps <= 1, String(warm));
      }),
      { numRuns: 300 },
    );
  });

  it('a report of nothing cached never makes it warmer', () => {
    fc.assert(
      fc.property(fc.array(report, { maxLength: 20 }), (reports) => {
        const warmth = createWarmth('mlx-lm');
        for (const cachedTokens of reports) {
          warmth.observe(sent(chain('a'), cachedTokens === undefined ? {} : { cachedTokens }), 0);
        }
        const before = warmth.keeps;
        warmth.observe(sent(chain('a'), { cachedTokens: 0 }), 1);
        assert.ok(warmth.keeps <= before);
      }),
      { numRuns: 200 },
    );
  });
});

function sharedLength(a: readonly string[], b: readonly string[]): number {
  const at = a.findIndex((name, index) => name !== b[index]);
  return at < 0 ? Math.min(a.length, b.length) : at;
}
