import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  cutsOf,
  type PlanInput,
  PREFILL_LIMITS,
  planCatchUp,
  type Resting,
  type Standby,
} from '../../router/catch-up.ts';
import { createMemory } from '../../router/memory.ts';
import type { Chain } from '../../router/observation.ts';
import { createSpeed } from '../../router/speed.ts';
import type { Flavour } from '../../router/warmth.ts';

const NOW_MS = 10_000_000;

/** A backend that computes so many tokens a second, seen often enough to be sure of it. */
function speedOf(tokensPerS: number) {
  const speed = createSpeed();
  for (let at = 0; at < 40; at += 1) {
    const uncached = 200 + ((at * 731) % 4000);
    const cached = at % 2 === 0 ? 0 : 10_000;
    speed.learnTtft({ uncached, cached }, 0.05 + uncached / tokensPerS);
  }
  return speed;
}

function standby(more: Partial<Standby> = {}): Standby {
  return {
    backend: 'edit',
    model: 'm',
    flavour: 'llama.cpp',
    cacheUse: 'steps',
    speed: speedOf(600),
    nextTurnShare: 0.5,
    match: () => ({ tokens: 0, warm: 0 }),
    room: () => Number.POSITIVE_INFINITY,
    ...more,
  };
}

function chain(name: string, ...tokens: number[]): Chain {
  return tokens.map((each, at) => ({ hash: `${name} ${at}`, tokens: each }));
}

function resting(key: string, more: Partial<Resting> = {}): Resting {
  return { key, chain: chain(key, 2000, 8000, 500), backend: 'analysis', endedAtMs: NOW_MS - 5000, ...more };
}

function input(more: Partial<PlanInput> = {}): PlanInput {
  return {
    resting: [resting('one')],
    standbys: [standby()],
    limits: PREFILL_LIMITS,
    nowMs: NOW_MS,
    ...more,
  };
}

const ROOMS = fc.constantFrom(0, 1, 2, 3, 8, Number.POSITIVE_INFINITY);
const FLAVOURS: fc.Arbitrary<Flavour> = fc.constantFrom('mlx-lm', 'llama.cpp', 'lmstudio', 'vllm', 'other');
const RATES = fc.constantFrom(40, 200, 616, 3000);

describe('the steps of a prefill', () => {
  it('no request is expected to take longer than two seconds, however little room a cache has', () => {
    fc.assert(
      fc.property(
        FLAVOURS,
        RATES,
        ROOMS,
        fc.nat(60_000),
        fc.nat(60_000),
        (flavour, rate, room, from, more) => {
          const speed = speedOf(rate);
          const cuts = cutsOf(
            { speed, flavour, cacheUse: 'steps' },
            { fromTokens: from, toTokens: from + more, limits: PREFILL_LIMITS, room },
          );
          for (const [at, cut] of cuts.entries()) {
            const before = cuts[at - 1] ?? from;
            const { seconds } = speed.ttft({ uncached: cut - before, cached: before });
            assert.ok(seconds <= 2 || cut - before <= 65, `${seconds} s for ${cut - before}`);
          }
        },
      ),
    );
  });

  it('they go up to the end without a gap, or as far as there is room for their entries', () => {
    fc.assert(
      fc.property(FLAVOURS, RATES, ROOMS, fc.integer({ min: 1, max: 60_000 }), (flavour, rate, room, to) => {
        const cuts = cutsOf(
          { speed: speedOf(rate), flavour, cacheUse: 'steps' },
          { fromTokens: 0, toTokens: to, limits: PREFILL_LIMITS, room },
        );
        const isFull = flavour === 'mlx-lm' && cuts.length === room;
        assert.ok(isFull || cuts.at(-1) === (room < 1 ? undefined : to));
        assert.ok(cuts.every((cut, at) => cut > (cuts[at - 1] ?? 0)));
        if (flavour === 'mlx-lm') assert.ok(cuts.length <= room);
      }),
    );
  });

  it('a backend that was never seen at work is first asked for a few tokens', () => {
    const unseen = { speed: createSpeed(), flavour: 'llama.cpp', cacheUse: 'steps' } as const;
    const stretch = { fromTokens: 0, toTokens: 20_000, limits: PREFILL_LIMITS, room: 9 };
    assert.ok((cutsOf(unseen, stretch)[0] ?? 0) <= 128);
  });

  it('a request is no longer than what the one before it shows the machine can do just now', () => {
    const seen = { speed: speedOf(600), flavour: 'llama.cpp', cacheUse: 'steps' } as const;
    const stretch = { fromTokens: 0, toTokens: 20_000, limits: PREFILL_LIMITS, room: 9, mostTokens: 300 };
    assert.ok((cutsOf(seen, stretch)[0] ?? 0) <= 300);
  });

  it('a cache that cannot be trimmed gets the whole prompt, where leaving it keeps nobody waiting, or nothing', () => {
    const stretch = { fromTokens: 0, toTokens: 20_000, limits: PREFILL_LIMITS, room: 9 };
    const cuts = (flavour: Flavour, cacheUse: Standby['cacheUse'], toTokens = 20_000) =>
      cutsOf({ speed: speedOf(600), flavour, cacheUse }, { ...stretch, toTokens });
    assert.deepEqual(cuts('mlx-lm', 'whole'), [20_000]);
    assert.deepEqual(cuts('llama.cpp', 'whole'), []);
    assert.deepEqual(cuts('llama.cpp', 'whole', 500), [500]);
    assert.deepEqual(cuts('mlx-lm', 'nothing'), []);
  });
});

describe('the plan of a pause', () => {
  it('catches up the backend that did not answer, from where it is believed to be', () => {
    const [job, ...others] = planCatchUp(
      input({ standbys: [standby({ match: () => ({ tokens: 9000, warm: 0.95 }) })] }),
    );
    assert.equal(others.length, 0);
    assert.equal(job?.backend, 'edit');
    assert.equal(job?.debtTokens, 1500);
    assert.equal(job?.cuts.at(-1), 10_500);
  });

  it('computes again what a server is only hoped to have: a long request that was not planned would keep people waiting', () => {
    const [job] = planCatchUp(input({ standbys: [standby({ match: () => ({ tokens: 9000, warm: 0.6 }) })] }));
    assert.equal(job?.debtTokens, 10_500);
    assert.ok((job?.cuts[0] ?? 0) < 2000);
  });

  it('leaves the backend alone that answered last, and one that misses next to nothing', () => {
    assert.deepEqual(planCatchUp(input({ standbys: [standby({ backend: 'analysis' })] })), []);
    assert.deepEqual(
      planCatchUp(input({ standbys: [standby({ match: () => ({ tokens: 10_400, warm: 1 }) })] })),
      [],
    );
  });

  it('takes first what is likely to be needed and long to wait for', () => {
    const old = resting('old', { endedAtMs: NOW_MS - 50 * 60_000 });
    const short = resting('short', { chain: chain('short', 300) });
    const plan = planCatchUp(input({ resting: [old, short, resting('now')] }));
    assert.deepEqual(
      plan.map(({ key }) => key),
      ['now', 'old', 'short'],
    );
  });

  it('takes no conversation that is longer than the limit, or than the window of the backend', () => {
    const limits = { ...PREFILL_LIMITS, maxTokens: 10_000 };
    assert.deepEqual(planCatchUp(input({ limits })), []);
    assert.deepEqual(planCatchUp(input({ standbys: [standby({ contextWindow: 10_000 })] })), []);
  });

  it('plans no more than a pause may hold, but always something', () => {
    const limits = { ...PREFILL_LIMITS, maxSeconds: 20 };
    const plan = planCatchUp(input({ limits, resting: [resting('a'), resting('b')] }));
    assert.equal(plan.length, 1);
  });

  it('asks the room of a cache for all the other conversations that wait, but for those that are read in a moment', () => {
    const asked: (readonly Chain[])[] = [];
    const room = (chains: readonly Chain[]) => {
      asked.push(chains);
      return 0;
    };
    const [a, b] = [resting('a'), resting('b')];
    const little = resting('little', { chain: chain('little', 100) });
    assert.deepEqual(planCatchUp(input({ resting: [a, b, little], standbys: [standby({ room })] })), []);
    assert.deepEqual(asked, [[b.chain], [a.chain]]);
  });

  it('is the same for the same knowledge, in whatever order it comes', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(20), { maxLength: 6 }), (names) => {
        const all = names.map((name) => resting(String(name)));
        assert.deepEqual(
          planCatchUp(input({ resting: all })),
          planCatchUp(input({ resting: all.toReversed() })),
        );
      }),
    );
  });
});

describe('the room of a cache', () => {
  const observe = (flavour: Flavour) => {
    const memory = createMemory();
    memory.met('b', { flavour, state: 'up' }, NOW_MS);
    const hold = (held: Chain, isStep = false) =>
      memory.observe({ backend: 'b', chain: held, ending: 'completed', isStep, purpose: 'catch-up' }, NOW_MS);
    return { memory, hold, room: (...chains: Chain[]) => memory.serverOf('b').room(chains) };
  };

  it('in mlx_lm.server is what can be added before the oldest conversation goes', () => {
    const { memory, hold, room } = observe('mlx-lm');
    const kept = chain('kept', 1000, 1000);
    hold(kept);
    for (let at = 0; at < 4; at += 1) hold(chain(`other ${at}`, 500));
    assert.equal(room(kept), 5);
    assert.equal(room(chain('never seen', 5)), Number.POSITIVE_INFINITY);
    for (let at = 0; at < 5; at += 1) hold(chain(`more ${at}`, 500));
    assert.equal(room(kept), 0);
    assert.equal(memory.match('b', kept, NOW_MS).tokens, 2000);
    hold(chain('one too many', 500));
    assert.equal(memory.match('b', kept, NOW_MS).tokens, 0);
  });

  it('is taken up by each step in mlx_lm.server, and by one place for all of them where there are slots', () => {
    const steps = (flavour: Flavour) => {
      const { hold, room } = observe(flavour);
      const kept = chain('kept', 1000);
      hold(kept);
      const before = room(kept);
      for (let at = 0; at < 3; at += 1) {
        hold(
          [
            { hash: 'system', tokens: 500 },
            { hash: `tail ${at}`, tokens: 5 },
          ],
          true,
        );
      }
      return before - room(kept);
    };
    assert.equal(steps('mlx-lm'), 3);
    assert.equal(steps('llama.cpp'), 1);
  });
});
