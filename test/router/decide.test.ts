import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Candidate } from '../../router/candidate.ts';
import type { Cost } from '../../router/cost.ts';
import { type DecideInput, decide } from '../../router/decide.ts';
import { DECISION_REASONS, type Decision, type Refusal, type Task } from '../../router/decision.ts';
import type { Override } from '../../router/override.ts';
import type { Sticky } from '../../router/wish.ts';

function candidate(name: string, more: Partial<Candidate> = {}): Candidate {
  return { name, model: `${name}-model`, state: 'up', isCloud: false, ...more };
}
const mlx = candidate('mlx-lm');
const lmstudio = candidate('lmstudio');
const claude = candidate('claude', { isCloud: true });

function input(more: Partial<DecideInput> = {}): DecideInput {
  return {
    mode: 'auto',
    kind: 'main',
    classification: { task: 'analysis', probability: 0.8, reason: 'question-words' },
    candidates: [mlx, lmstudio],
    routes: { analysis: 'mlx-lm', edit: 'lmstudio' },
    insideToolLoop: false,
    needs: { promptTokens: 1000, images: false },
    allowCloud: false,
    ...more,
  };
}

const editing = { task: 'edit', probability: 0.8, reason: 'edit-words' } as const;
const seenToEdit = { task: 'edit', probability: 0.99, reason: 'edit-tool-used' } as const;
const onMlx: Sticky = { backend: 'mlx-lm', task: 'analysis' };
const down = { state: 'down', lastError: 'connection refused' } as const;
const failing = { editsFailing: '5 of its last 20 edits failed' };

function cost(backend: string, seconds: number, more: Partial<Cost> = {}): Cost {
  const parts = { queue: 0, load: 0, prefill: seconds, decode: 0, quality: 0, preference: 0, future: 0 };
  return {
    backend,
    seconds,
    parts,
    ttftSeconds: seconds,
    sigma: 0.1,
    matchedTokens: 0,
    warm: 0,
    ...more,
  };
}
const costs = (mlxS: number, lmstudioS: number) => [cost('mlx-lm', mlxS), cost('lmstudio', lmstudioS)];
const last = (backend: string, idleMs = 1000) => ({ backend, dwellMs: 60_000, idleMs });
const swamped = cost('mlx-lm', 60, { parts: { ...cost('mlx-lm', 50).parts, queue: 40 } });

type Row = readonly [string, Partial<DecideInput>, readonly string[], Decision['reason']];

const table: readonly Row[] = [
  ['analysis goes to its backend', {}, ['mlx-lm', 'lmstudio'], 'task'],
  ['an edit goes to its backend', { classification: editing }, ['lmstudio', 'mlx-lm'], 'task'],
  ['mode task does the same', { mode: 'task', classification: editing }, ['lmstudio', 'mlx-lm'], 'task'],
  ['one backend alone takes every task', { candidates: [mlx] }, ['mlx-lm'], 'only-backend'],
  ['one local backend takes every task', { candidates: [claude, mlx] }, ['mlx-lm'], 'only-backend'],
  [
    'one backend alone takes the other task too',
    { candidates: [mlx], classification: editing },
    ['mlx-lm'],
    'only-backend',
  ],
  ['a fixed mode uses no other backend', { mode: 'lmstudio' }, ['lmstudio'], 'fixed-mode'],
  [
    'a fixed mode outranks a running tool loop',
    { mode: 'lmstudio', sticky: onMlx, insideToolLoop: true },
    ['lmstudio'],
    'fixed-mode',
  ],
  [
    'mode claude may use the cloud without allowCloud',
    { mode: 'claude', candidates: [mlx, claude] },
    ['claude'],
    'fixed-mode',
  ],
  ['a named backend alone answers', { override: { backend: 'lmstudio' } }, ['lmstudio'], 'override'],
  [
    'a named cloud backend is allowed by its name',
    { override: { backend: 'claude' }, candidates: [mlx, claude] },
    ['claude'],
    'override',
  ],
  ['a named route outranks the task', { override: { route: 'edit' } }, ['lmstudio', 'mlx-lm'], 'override'],
  [
    'a named route outranks a fixed mode',
    { override: { route: 'edit' }, mode: 'mlx-lm' },
    ['lmstudio', 'mlx-lm'],
    'override',
  ],
  [
    'a named route outranks a running tool loop',
    { override: { route: 'edit' }, sticky: onMlx, insideToolLoop: true },
    ['lmstudio', 'mlx-lm'],
    'override',
  ],
  [
    'a named route goes to a backend whose edits fail',
    {
      override: { route: 'edit' },
      classification: { ...editing, reason: 'override' },
      candidates: [mlx, candidate('lmstudio', failing)],
    },
    ['lmstudio', 'mlx-lm'],
    'override',
  ],
  [
    'a named route yields to a backend that is up',
    { override: { route: 'edit' }, candidates: [mlx, candidate('lmstudio', down)] },
    ['mlx-lm'],
    'backend-down',
  ],
  [
    'a tool loop stays',
    { sticky: onMlx, insideToolLoop: true, classification: editing },
    ['mlx-lm', 'lmstudio'],
    'tool-loop',
  ],
  ['a turn stays', { sticky: onMlx, classification: editing }, ['mlx-lm', 'lmstudio'], 'sticky-turn'],
  [
    'a turn that is seen to edit crosses',
    { sticky: onMlx, insideToolLoop: true, classification: seenToEdit },
    ['lmstudio', 'mlx-lm'],
    'crossed-to-edit',
  ],
  [
    'an approved plan crosses',
    { sticky: onMlx, classification: { ...seenToEdit, reason: 'plan-approved' } },
    ['lmstudio', 'mlx-lm'],
    'crossed-to-edit',
  ],
  [
    'a turn of edits does not cross again',
    { sticky: { backend: 'mlx-lm', task: 'edit' }, insideToolLoop: true, classification: seenToEdit },
    ['mlx-lm', 'lmstudio'],
    'tool-loop',
  ],
  [
    'a turn that is on the edit backend need not cross',
    { sticky: { backend: 'lmstudio', task: 'analysis' }, insideToolLoop: true, classification: seenToEdit },
    ['lmstudio', 'mlx-lm'],
    'tool-loop',
  ],
  [
    'a turn that cannot cross stays',
    {
      sticky: onMlx,
      insideToolLoop: true,
      classification: seenToEdit,
      candidates: [candidate('other'), mlx, candidate('lmstudio', down)],
    },
    ['mlx-lm', 'other'],
    'backend-down',
  ],
  [
    'a tool loop leaves a backend that is down',
    { sticky: onMlx, insideToolLoop: true, candidates: [candidate('mlx-lm', down), lmstudio] },
    ['lmstudio'],
    'backend-down',
  ],
  [
    'who is ready goes before who is loading',
    { candidates: [candidate('mlx-lm', { state: 'loading' }), lmstudio] },
    ['lmstudio', 'mlx-lm'],
    'backend-down',
  ],
  [
    'where all are loading the task decides',
    {
      classification: editing,
      candidates: [candidate('mlx-lm', { state: 'loading' }), candidate('lmstudio', { state: 'loading' })],
    },
    ['lmstudio', 'mlx-lm'],
    'task',
  ],
  [
    'an unknown state is tried',
    { candidates: [candidate('mlx-lm', { state: 'unknown' }), lmstudio] },
    ['mlx-lm', 'lmstudio'],
    'task',
  ],
  [
    'a prompt that is too long goes where it fits',
    { candidates: [candidate('mlx-lm', { contextWindow: 999 }), lmstudio] },
    ['lmstudio'],
    'window-too-small',
  ],
  [
    'a prompt that just fits is taken',
    { candidates: [candidate('mlx-lm', { contextWindow: 1000 }), lmstudio] },
    ['mlx-lm', 'lmstudio'],
    'task',
  ],
  [
    'images go where they are seen',
    {
      needs: { promptTokens: 1, images: true },
      candidates: [candidate('mlx-lm', { supportsImages: false }), lmstudio],
    },
    ['lmstudio'],
    'unsupported',
  ],
  [
    'a forced tool goes where it can be forced',
    {
      needs: { promptTokens: 1, images: false, forcedTool: true },
      candidates: [candidate('mlx-lm', { supportsForcedTool: false }), lmstudio],
    },
    ['lmstudio'],
    'unsupported',
  ],
  [
    'abilities that nobody needs are not asked for',
    { candidates: [candidate('mlx-lm', { supportsImages: false, supportsForcedTool: false })] },
    ['mlx-lm'],
    'only-backend',
  ],
  [
    'edits leave a backend where they fail',
    { classification: editing, candidates: [mlx, candidate('lmstudio', failing)] },
    ['mlx-lm'],
    'edits-failing',
  ],
  [
    'a tool loop of edits leaves it too',
    {
      sticky: { backend: 'lmstudio', task: 'edit' },
      insideToolLoop: true,
      classification: seenToEdit,
      candidates: [mlx, candidate('lmstudio', failing)],
    },
    ['mlx-lm'],
    'edits-failing',
  ],
  [
    'analysis stays where edits fail',
    { candidates: [candidate('mlx-lm', failing), lmstudio] },
    ['mlx-lm', 'lmstudio'],
    'task',
  ],
  [
    'failing edits are better than none',
    { classification: editing, candidates: [candidate('lmstudio', failing)] },
    ['lmstudio'],
    'only-backend',
  ],
  [
    'where edits fail everywhere the task decides',
    { classification: editing, candidates: [candidate('mlx-lm', failing), candidate('lmstudio', failing)] },
    ['lmstudio', 'mlx-lm'],
    'task',
  ],
  [
    'failing edits are no reason for the cloud',
    { classification: editing, allowCloud: true, candidates: [candidate('lmstudio', failing), claude] },
    ['lmstudio', 'claude'],
    'task',
  ],
  ['the cloud is left out', { candidates: [claude, mlx, lmstudio] }, ['mlx-lm', 'lmstudio'], 'task'],
  [
    'an allowed cloud comes last',
    { candidates: [claude, candidate('mlx-lm', { state: 'loading' }), lmstudio], allowCloud: true },
    ['lmstudio', 'mlx-lm', 'claude'],
    'backend-down',
  ],
  [
    'a route to a cloud that is not allowed leads to the others',
    { routes: { analysis: 'claude', edit: 'lmstudio' }, candidates: [claude, mlx] },
    ['mlx-lm'],
    'only-backend',
  ],
  ['the bill agrees with the task', { costs: costs(2, 3) }, ['mlx-lm', 'lmstudio'], 'follows-task'],
  [
    'by the bill, too, edits leave a backend where they fail',
    {
      costs: costs(35, 6),
      classification: editing,
      candidates: [mlx, candidate('lmstudio', failing)],
    },
    ['mlx-lm'],
    'edits-failing',
  ],
  [
    'in a turn under way as well',
    {
      ...{ costs: costs(35, 6), classification: seenToEdit, insideToolLoop: true },
      ...{ sticky: { backend: 'lmstudio', task: 'edit' }, last: last('lmstudio') },
      candidates: [mlx, candidate('lmstudio', failing)],
    },
    ['mlx-lm'],
    'edits-failing',
  ],
  [
    'but not where one that works takes over half a minute more, the redoing of failed ones included',
    {
      costs: costs(37, 6),
      classification: editing,
      candidates: [mlx, candidate('lmstudio', failing)],
    },
    ['lmstudio', 'mlx-lm'],
    'follows-task',
  ],
  [
    'a difference within the margin is none',
    { costs: costs(3, 2.6) },
    ['mlx-lm', 'lmstudio'],
    'follows-task',
  ],
  [
    'a difference within the doubt is none',
    { costs: [cost('mlx-lm', 40, { sigma: 80 }), cost('lmstudio', 20)] },
    ['mlx-lm', 'lmstudio'],
    'follows-task',
  ],
  [
    'a conversation stays where it is warm',
    { costs: costs(60, 2), last: last('lmstudio') },
    ['lmstudio', 'mlx-lm'],
    'stay-warm',
  ],
  ['a new conversation goes where it is cheaper', { costs: costs(60, 2) }, ['lmstudio', 'mlx-lm'], 'cheaper'],
  [
    'mode task does not ask for the bill',
    { mode: 'task', costs: costs(60, 2) },
    ['mlx-lm', 'lmstudio'],
    'task',
  ],
  ['mode shadow acts like task', { mode: 'shadow', costs: costs(60, 2) }, ['mlx-lm', 'lmstudio'], 'task'],
  [
    'a tool loop stays whatever the bill',
    { costs: costs(60, 2), sticky: onMlx, insideToolLoop: true, last: last('mlx-lm') },
    ['mlx-lm', 'lmstudio'],
    'tool-loop',
  ],
  [
    'a tool loop that has slept for five minutes may leave',
    { costs: costs(60, 2), sticky: onMlx, insideToolLoop: true, last: last('mlx-lm', 300_000) },
    ['lmstudio', 'mlx-lm'],
    'cheaper',
  ],
  [
    'a turn crosses to edit where that is worth it',
    { costs: costs(60, 2), sticky: onMlx, insideToolLoop: true, classification: seenToEdit },
    ['lmstudio', 'mlx-lm'],
    'crossed-to-edit',
  ],
  [
    'a turn that begins to edit stays where crossing costs more',
    { costs: costs(10, 60), sticky: onMlx, insideToolLoop: true, classification: seenToEdit },
    ['mlx-lm', 'lmstudio'],
    'stay-warm',
  ],
  [
    'a swamped backend lets a turn go that is in no tool loop',
    { costs: [swamped, cost('lmstudio', 5)], sticky: onMlx, last: last('mlx-lm') },
    ['lmstudio', 'mlx-lm'],
    'cheaper',
  ],
  [
    'a swamped backend keeps a tool loop',
    { costs: [swamped, cost('lmstudio', 5)], sticky: onMlx, insideToolLoop: true, last: last('mlx-lm') },
    ['mlx-lm', 'lmstudio'],
    'tool-loop',
  ],
  [
    'a backend that comes and goes is passed over',
    { costs: costs(2, 3), candidates: [candidate('mlx-lm', { unsteady: 'it was lost twice' }), lmstudio] },
    ['lmstudio', 'mlx-lm'],
    'unsteady',
  ],
  [
    'without a bill it is passed over, too',
    { candidates: [candidate('mlx-lm', { unsteady: 'it was lost twice' }), lmstudio] },
    ['lmstudio', 'mlx-lm'],
    'unsteady',
  ],
  [
    'by task alone, a conversation that is there already stays',
    {
      candidates: [candidate('mlx-lm', { unsteady: 'it was lost twice' }), lmstudio],
      last: { backend: 'mlx-lm', dwellMs: 1000, idleMs: 1000 },
    },
    ['mlx-lm', 'lmstudio'],
    'task',
  ],
  [
    'a side request goes where it pushes nothing out of the cache',
    { costs: costs(2, 3), candidates: [candidate('mlx-lm', { crowding: 'it is full' }), lmstudio] },
    ['lmstudio', 'mlx-lm'],
    'crowding',
  ],
  [
    'by task alone, room in the cache is not asked for',
    { candidates: [candidate('mlx-lm', { crowding: 'it is full' }), lmstudio] },
    ['mlx-lm', 'lmstudio'],
    'task',
  ],
  [
    'an override outranks the bill',
    { costs: costs(60, 2), override: { route: 'analysis' } },
    ['mlx-lm', 'lmstudio'],
    'override',
  ],
  [
    'a backend that is down is left, however cheap',
    { costs: costs(1, 60), candidates: [candidate('mlx-lm', down), lmstudio] },
    ['lmstudio'],
    'backend-down',
  ],
  [
    'a web search goes only to the cloud',
    { kind: 'web-search', allowCloud: true, candidates: [mlx, claude] },
    ['claude'],
    'unsupported',
  ],
];

describe('decide', () => {
  for (const [name, more, backends, reason] of table) {
    it(name, () => {
      const decision = decided(decide(input(more)));
      assert.deepEqual(
        decision.targets.map((target) => target.backend),
        backends,
      );
      assert.equal(decision.reason, reason);
    });
  }

  it('has a case for every reason', () => {
    const tested = new Set(table.map(([, , , reason]) => reason));
    assert.deepEqual([...tested].sort(), [...DECISION_REASONS].sort());
  });

  it('has the bill of every choice in it, whatever the mode', () => {
    for (const mode of ['auto', 'task', 'lmstudio'] as const) {
      const decision = decided(decide(input({ mode, costs: costs(2, 3) })));
      assert.equal(decision.predicted?.backend, decision.targets[0].backend);
      assert.equal(decision.alternatives?.length, mode === 'lmstudio' ? 0 : 1);
    }
  });

  it('says in mode shadow what auto would have done', () => {
    const decision = decided(decide(input({ mode: 'shadow', costs: costs(60, 2) })));
    assert.deepEqual([decision.shadow?.backend, decision.shadow?.reason], ['lmstudio', 'cheaper']);
    assert.equal(decided(decide(input({ mode: 'auto', costs: costs(60, 2) }))).shadow, undefined);
  });

  it('asks each target for its own model', () => {
    assert.deepEqual(decided(decide(input())).targets[0], { backend: 'mlx-lm', model: 'mlx-lm-model' });
  });

  it('says why the wished backend was passed over, with the figures', () => {
    const small = candidate('mlx-lm', { contextWindow: 999 });
    const decision = decided(decide(input({ candidates: [small, lmstudio] })));
    assert.equal(
      decision.detail,
      'mlx-lm is too small: the prompt has 1000 tokens, its window holds 999: lmstudio takes its place.',
    );
    assert.deepEqual(
      decision.passedOver.map(({ backend, why }) => ({ backend, why })),
      [{ backend: 'mlx-lm', why: 'window' }],
    );
  });

  it('says that a route leads nowhere', () => {
    const decision = decided(decide(input({ candidates: [lmstudio, candidate('other')] })));
    assert.equal(decision.detail, 'mlx-lm is not configured: lmstudio takes its place.');
    assert.deepEqual(
      decision.passedOver.map(({ backend, why }) => ({ backend, why })),
      [{ backend: 'other', why: 'not-preferred' }],
    );
  });
});

describe('a refusal', () => {
  const bothDown = [
    candidate('mlx-lm', { ...down, url: 'http://127.0.0.1:8081', startCommand: 'mlx_lm.server' }),
    candidate('lmstudio', { state: 'down' }),
  ];

  it('names every backend, where it is, and the command that starts it', () => {
    const refusal = refused(decide(input({ candidates: bothDown })));
    assert.equal(refusal.refused, 'no-backend');
    assert.equal(
      refusal.detail,
      'No backend can take this request: mlx-lm at http://127.0.0.1:8081 is down (connection refused); ' +
        'start it with: mlx_lm.server; lmstudio is down.',
    );
  });

  it('says so where no backend is configured', () => {
    const refusal = refused(decide(input({ candidates: [] })));
    assert.match(refusal.detail, /none is configured/);
    assert.equal(refusal.refused, 'no-backend');
  });

  it('is an overflow with the largest window where all that could serve are too small', () => {
    const refusal = refused(
      decide(
        input({
          needs: { promptTokens: 9000, images: false },
          candidates: [
            candidate('a', { contextWindow: 4000 }),
            candidate('b', { contextWindow: 8000 }),
            candidate('c', down),
          ],
        }),
      ),
    );
    assert.equal(refusal.refused, 'overflow');
    assert.deepEqual(refusal.overflow, { promptTokens: 9000, windowTokens: 8000 });
    assert.equal(refusal.detail, 'prompt is too long: 9000 tokens > 8000 maximum');
  });

  it('is no overflow while any backend can serve', () => {
    const candidates = [candidate('mlx-lm', { contextWindow: 10 }), lmstudio];
    assert.equal('refused' in decide(input({ candidates })), false);
  });

  it('says that nobody can do it where everybody that is up cannot', () => {
    const blind = { supportsImages: false };
    const needs = { promptTokens: 1, images: true };
    const candidates = [candidate('mlx-lm', blind), candidate('lmstudio', blind), claude];
    assert.equal(refused(decide(input({ needs, candidates }))).refused, 'unsupported');
    const oneIsDown = [candidate('mlx-lm', blind), candidate('lmstudio', down)];
    assert.equal(refused(decide(input({ needs, candidates: oneIsDown }))).refused, 'no-backend');
  });

  it('meets a request for a backend by name that is down, though another is up', () => {
    const refusal = refused(
      decide(input({ override: { backend: 'lmstudio' }, candidates: [mlx, candidate('lmstudio', down)] })),
    );
    assert.equal(
      refusal.detail,
      'No backend can take this request: lmstudio was asked for by name; lmstudio is down (connection refused).',
    );
  });

  it('meets a fixed mode whose backend is not configured', () => {
    const refusal = refused(decide(input({ mode: 'claude' })));
    assert.match(refusal.detail, /The mode is claude.*claude is not configured/);
  });

  it('meets a fixed mode whose window is too small, with that window', () => {
    const candidates = [
      candidate('mlx-lm', { contextWindow: 10 }),
      candidate('lmstudio', { contextWindow: 500 }),
    ];
    const refusal = refused(decide(input({ mode: 'mlx-lm', candidates })));
    assert.deepEqual(refusal.overflow, { promptTokens: 1000, windowTokens: 10 });
  });
});

const anyCandidate = (name: string, isCloud: boolean) =>
  fc.record({
    name: fc.constant(name),
    model: fc.constant(`${name}-model`),
    isCloud: fc.constant(isCloud),
    state: fc.constantFrom('up' as const, 'unknown' as const, 'loading' as const, 'down' as const),
    more: fc.record(
      {
        contextWindow: fc.constantFrom(500, 5000),
        supportsImages: fc.boolean(),
        supportsForcedTool: fc.boolean(),
        editsFailing: fc.constant('many failed'),
      },
      { requiredKeys: [] },
    ),
  });

const anyInput: fc.Arbitrary<DecideInput> = fc
  .record({
    mode: fc.constantFrom(
      'auto' as const,
      'task' as const,
      'mlx-lm' as const,
      'lmstudio' as const,
      'claude' as const,
    ),
    kind: fc.constantFrom('main' as const, 'subagent' as const, 'compact' as const, 'web-search' as const),
    classification: fc.constantFrom(editing, seenToEdit, input().classification),
    candidates: fc
      .tuple(anyCandidate('mlx-lm', false), anyCandidate('lmstudio', false), anyCandidate('claude', true))
      .chain((all) => fc.shuffledSubarray(all))
      .map((all) => all.map(({ more, ...rest }): Candidate => ({ ...rest, ...more }))),
    insideToolLoop: fc.boolean(),
    needs: fc.record({ promptTokens: fc.nat(9000), images: fc.boolean(), forcedTool: fc.boolean() }),
    allowCloud: fc.boolean(),
    override: fc.option(
      fc.constantFrom<Override>(
        { route: 'edit' },
        { route: 'analysis' },
        { backend: 'mlx-lm' },
        { backend: 'claude' },
      ),
    ),
    sticky: fc.option(
      fc.record({
        backend: fc.constantFrom('mlx-lm', 'lmstudio', 'gone'),
        task: fc.constantFrom<Task>('analysis', 'edit'),
      }),
    ),
    priced: fc.option(fc.tuple(fc.nat(300), fc.nat(300))),
  })
  .map(({ override, sticky, priced, ...rest }) => ({
    ...input(),
    ...rest,
    ...(priced === null ? {} : { costs: costs(...priced) }),
    ...(override === null ? {} : { override }),
    ...(sticky === null ? {} : { sticky }),
  }));

describe('any decision', () => {
  it('is the same for the same knowledge', () => {
    check((given) => assert.deepEqual(decide(given), decide(structuredClone(given))));
  });

  it('names each backend once: as its first target or as passed over', () => {
    check((given) => {
      const made = decide(given);
      const first = 'refused' in made ? [] : [made.targets[0].backend];
      const named = [...first, ...made.passedOver.map(({ backend }) => backend)];
      assert.deepEqual(named.sort(), given.candidates.map(({ name }) => name).sort());
    });
  });

  it('never has a target that is down, too small, or without what is needed', () => {
    eachTarget((target, { needs, kind }) => {
      assert.notEqual(target.state, 'down');
      assert.ok(needs.promptTokens <= (target.contextWindow ?? Number.POSITIVE_INFINITY));
      assert.ok(!(needs.images && target.supportsImages === false));
      assert.ok(!(needs.forcedTool && target.supportsForcedTool === false));
      assert.ok(kind !== 'web-search' || target.isCloud);
    });
  });

  it('reaches the cloud only where it was allowed or named', () => {
    eachTarget((target, { allowCloud, mode, override }) => {
      const isNamed =
        override === undefined ? mode === 'claude' : 'backend' in override && override.backend === 'claude';
      assert.ok(!target.isCloud || allowCloud || isNamed);
    });
  });

  it('refuses only where every backend is barred', () => {
    check((given) => {
      const made = decide(given);
      if (!('refused' in made)) return;
      assert.equal(made.passedOver.length, given.candidates.length);
      assert.ok(made.passedOver.every(({ why }) => why !== 'not-preferred' && why !== 'edits-failing'));
      assert.equal(made.refused === 'overflow', made.overflow !== undefined);
    });
  });

  it('brings no edit where edits fail, unless none can do better, its loop has not edited, or a person says so', () => {
    check((given) => {
      const made = decide(given);
      const isNamed = given.override !== undefined || !['auto', 'task', 'shadow'].includes(given.mode);
      const hasNotEdited = given.sticky !== undefined && given.classification !== seenToEdit;
      if ('refused' in made || given.classification.task !== 'edit' || isNamed || hasNotEdited) return;
      const targets = given.candidates.filter(({ name }) => made.targets.some((to) => to.backend === name));
      const working = targets.filter(({ editsFailing, isCloud }) => editsFailing === undefined && !isCloud);
      assert.ok(working.length === 0 || targets.every(({ editsFailing }) => editsFailing === undefined));
    });
  });

  it('keeps a tool loop where it is unless it crosses, its backend cannot go on, or a person says so', () => {
    check((given) => {
      const made = decide(given);
      if ('refused' in made || given.sticky === undefined || !given.insideToolLoop) return;
      if (made.targets[0].backend === given.sticky.backend) return;
      assert.ok(!['task', 'tool-loop', 'sticky-turn'].includes(made.reason), made.reason);
    });
  });
});

function check(property: (given: DecideInput) => void): void {
  fc.assert(fc.property(anyInput, property), { numRuns: 500 });
}

function eachTarget(property: (target: Candidate, given: DecideInput) => void): void {
  check((given) => {
    const made = decide(given);
    if ('refused' in made) return;
    for (const { backend } of made.targets) {
      const target = given.candidates.find(({ name }) => name === backend);
      assert.ok(target);
      property(target, given);
    }
  });
}

function decided(made: Decision | Refusal): Decision {
  assert.ok(!('refused' in made), 'refused' in made ? made.detail : '');
  return made;
}

function refused(made: Decision | Refusal): Refusal {
  assert.ok('refused' in made);
  return made;
}
