// Memory, bill and decision together, as the daemon uses them.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Candidate } from '../../router/candidate.ts';
import { type Asked, type Cost, priceAll } from '../../router/cost.ts';
import { decide } from '../../router/decide.ts';
import type { ClassifyReason, Decision, Mode } from '../../router/decision.ts';
import { createMemory, type Memory } from '../../router/memory.ts';
import type { Chain, Observation } from '../../router/observation.ts';

const routes = { analysis: 'mlx-lm', edit: 'lmstudio' };
const settings = { routes, preference: { editSeconds: 5, analysisSeconds: 2 } };
const MINUTE = 60_000;

function prompt(session: string, segments: number): Chain {
  return Array.from({ length: segments }, (_, at) => ({ hash: `${session}${at}`, tokens: 1500 }));
}

/** A day on which both servers were used, at these prefill speeds in tokens a second. */
function taught(speeds: Readonly<Record<string, number>> = { 'mlx-lm': 600, lmstudio: 600 }): Memory {
  const memory = createMemory();
  for (const [backend, tokensPerS] of Object.entries(speeds)) {
    memory.met(backend, { flavour: backend === 'mlx-lm' ? 'mlx-lm' : 'lmstudio', state: 'up' }, 0);
    for (let at = 1; at <= 20; at += 1) {
      const cachedTokens = at === 1 ? 0 : (at - 1) * 1500 + 200;
      const ttftMs = 100 + ((at * 1500 - cachedTokens) / tokensPerS) * 1000;
      memory.observe(answered(backend, prompt('day', at), { cachedTokens, ttftMs }), at * 1000);
    }
  }
  return memory;
}

function answered(backend: string, chain: Chain, more: Partial<Observation> = {}): Observation {
  const promptTokens = chain.length * 1500;
  return { backend, chain, ending: 'completed', promptTokens, outputTokens: 200, decodeMs: 5000, ...more };
}

type Question = {
  readonly chain: Chain;
  readonly nowMs: number;
  readonly mode?: Mode;
  readonly editTurn?: number;
  readonly insideToolLoop?: boolean;
  readonly turnId?: string;
  readonly reason?: ClassifyReason;
  readonly states?: Readonly<Record<string, Candidate['state']>>;
};

function route(memory: Memory, question: Question): Decision {
  const {
    chain,
    nowMs,
    mode = 'auto',
    editTurn = 0.1,
    turnId = 't',
    reason = 'default',
    states = {},
  } = question;
  const turn = { sessionId: 's', turnId, compaction: false };
  const candidates = Object.values(routes).map((name): Candidate => {
    const state = states[name] ?? 'up';
    memory.met(name, { state }, nowMs);
    const unsteady = memory.unsteady(name, nowMs);
    return { name, model: name, state, isCloud: false, ...(unsteady !== undefined && { unsteady }) };
  });
  const sticky = memory.stickyFor(turn);
  const last = memory.lastOf(turn, nowMs);
  const task = editTurn >= 0.5 ? 'edit' : 'analysis';
  const made = decide({
    ...{ mode, kind: 'main', candidates, routes, allowCloud: false },
    classification: { task, probability: Math.max(editTurn, 1 - editTurn), reason },
    insideToolLoop: question.insideToolLoop ?? false,
    needs: { promptTokens: chain.length * 1500, images: false },
    costs: bill(memory, candidates, { chain, promptTokens: chain.length * 1500, editTurn }, nowMs),
    ...(sticky && { sticky }),
    ...(last && { last }),
  });
  assert.ok(!('refused' in made));
  memory.rememberTurn(turn, { backend: made.targets[0].backend, task }, nowMs);
  return made;
}

type Flapping = {
  readonly mode: Mode;
  readonly flapper: string;
  readonly editTurn: number;
  readonly upS: number;
  readonly downS: number;
};

/** Who was used, call by call, while a backend is up and down 100 times: a turn a minute, and one in each phase. */
function flapped({ mode, flapper, editTurn, upS, downS }: Flapping): readonly string[] {
  const memory = taught();
  let nowMs = MINUTE;
  const used: string[] = [];
  const call = (state: 'up' | 'down') => {
    const turnId = `t${used.length}`;
    const chain = prompt('f', 20 + Math.floor(used.length / 10));
    const states = { [flapper]: state };
    const { backend } = route(memory, { mode, chain, nowMs, states, turnId, editTurn }).targets[0];
    memory.observe(answered(backend, chain, { turn: { sessionId: 's', turnId } }), nowMs);
    used.push(backend);
  };
  for (let at = 0; at < 200; at += 1) {
    const phaseS = at % 2 === 0 ? upS : downS;
    const calls = Math.max(1, Math.floor(phaseS / 60));
    for (let n = 0; n < calls; n += 1) {
      nowMs += (phaseS * 1000) / calls;
      call(at % 2 === 0 ? 'up' : 'down');
    }
  }
  return used;
}

function bill(
  memory: Memory,
  candidates: readonly Candidate[],
  asked: Asked,
  nowMs: number,
): readonly Cost[] {
  return priceAll(candidates, { asked, knowledge: memory, settings, nowMs });
}

const both = Object.values(routes).map(
  (name): Candidate => ({ name, model: name, state: 'up', isCloud: false }),
);
const costOf = (costs: readonly Cost[], backend: string): Cost => {
  const found = costs.find((cost) => cost.backend === backend);
  assert.ok(found);
  return found;
};

describe('the bill', () => {
  const asked: Asked = { chain: prompt('p', 20), promptTokens: 30_000, editTurn: 0.1, standsAlone: true };

  it('is the sum of its parts, and none of them is negative', () => {
    for (const cost of bill(taught(), both, { ...asked, standsAlone: false }, MINUTE)) {
      const parts = Object.values(cost.parts);
      assert.ok(parts.every((part) => part >= 0));
      assert.ok(Math.abs(cost.seconds - parts.reduce((sum, part) => sum + part, 0)) < 1e-9);
    }
  });

  it('has less prefill where the prompt is warm, and predicts the shorter wait', () => {
    const memory = taught();
    memory.observe(answered('lmstudio', prompt('p', 19)), MINUTE);
    const costs = bill(memory, both, asked, MINUTE);
    const [cold, warm] = [costOf(costs, 'mlx-lm'), costOf(costs, 'lmstudio')];
    assert.ok(Math.abs(cold.ttftSeconds - (0.1 + 30_000 / 600)) < 3, String(cold.ttftSeconds));
    assert.ok(Math.abs(warm.ttftSeconds - (0.1 + 1500 / 600)) < 0.5, String(warm.ttftSeconds));
    // The answer is in the cache, too.
    assert.equal(warm.matchedTokens, 28_700);
    assert.ok(warm.parts.prefill < cold.parts.prefill / 5);
  });

  it('has the queue in it while a request is on its way, and no longer than that', () => {
    const memory = taught();
    memory.began('mlx-lm', { id: 'r', prefillSeconds: 30, decodeSeconds: 8 }, MINUTE);
    assert.equal(costOf(bill(memory, both, asked, MINUTE), 'mlx-lm').parts.queue, 30);
    assert.equal(costOf(bill(memory, both, asked, MINUTE + 20_000), 'mlx-lm').parts.queue, 10);
    memory.landed('mlx-lm', 'r');
    assert.equal(costOf(bill(memory, both, asked, MINUTE + 20_000), 'mlx-lm').parts.queue, 0);
  });

  it('has the loading of a model in it', () => {
    const unloaded = both.map((candidate) => ({ ...candidate, isLoaded: candidate.name !== 'lmstudio' }));
    const costs = bill(taught(), unloaded, asked, MINUTE);
    assert.ok(costOf(costs, 'lmstudio').parts.load > 0);
    assert.equal(costOf(costs, 'mlx-lm').parts.load, 0);
  });

  it('charges an edit where edits fail, and more the more of them failed', () => {
    const memory = taught();
    const edit = { ...asked, editTurn: 0.95 };
    const before = costOf(bill(memory, both, edit, MINUTE), 'mlx-lm').parts.quality;
    const edits = Array<'failed'>(20).fill('failed');
    memory.observe(answered('mlx-lm', prompt('e', 1), { edits }), MINUTE);
    const after = costOf(bill(memory, both, edit, MINUTE), 'mlx-lm').parts.quality;
    assert.ok(after > 2 * before && before > 0, `${before} ${after}`);
    assert.equal(costOf(bill(memory, both, edit, MINUTE), 'lmstudio').parts.quality, 0);
  });

  it('leaves out the cloud, which nobody measures here', () => {
    const cloud: Candidate = { name: 'claude', model: 'm', state: 'unknown', isCloud: true };
    assert.deepEqual(bill(taught(), [cloud], asked, MINUTE), []);
  });
});

describe('mode auto', () => {
  it('follows the task while nothing is measured', () => {
    const memory = createMemory();
    const first = route(memory, { chain: prompt('a', 14), nowMs: 0 });
    assert.deepEqual([first.targets[0].backend, first.reason], ['mlx-lm', 'follows-task']);
    const edit = route(createMemory(), { chain: prompt('a', 14), nowMs: 0, editTurn: 0.9 });
    assert.deepEqual([edit.targets[0].backend, edit.reason], ['lmstudio', 'follows-task']);
  });

  it('leaves the task where its backend has become far slower than the other', () => {
    const memory = taught({ 'mlx-lm': 600, lmstudio: 60 });
    const edit = route(memory, { chain: prompt('a', 40), nowMs: MINUTE, editTurn: 0.9 });
    assert.deepEqual([edit.targets[0].backend, edit.reason], ['mlx-lm', 'cheaper']);
  });

  for (const mode of ['auto', 'task'] as const) {
    it(`moves a turn at its first edit, though it was guessed to be one before that (${mode})`, () => {
      const memory = taught();
      const step = (editTurn: number, reason: ClassifyReason, at: number) =>
        route(memory, {
          ...{ mode, editTurn, reason, chain: prompt('a', 10 + at), nowMs: MINUTE + at },
          insideToolLoop: at > 0,
        });
      assert.equal(step(0.02, 'model-words', 0).targets[0].backend, 'mlx-lm');
      assert.equal(step(0.9, 'model-progress', 1).reason, 'tool-loop');
      const moved = step(0.99, 'edit-tool-used', 2);
      assert.deepEqual([moved.targets[0].backend, moved.reason], ['lmstudio', 'crossed-to-edit']);
    });
  }

  it('follows the task to a server that was not measured yet, however fast the other is', () => {
    const memory = createMemory();
    for (const [at, turnId] of ['t1', 't2', 't3'].entries()) {
      const chain = prompt('a', 4 + at);
      route(memory, { chain, nowMs: MINUTE, turnId });
      const ttftMs = at === 0 ? 1500 : 400;
      const cachedTokens = at === 0 ? 0 : (3 + at) * 1500;
      const turn = { sessionId: 's', turnId };
      memory.observe(answered('mlx-lm', chain, { cachedTokens, ttftMs, decodeMs: 1000, turn }), MINUTE);
    }
    const edit = route(memory, { chain: prompt('a', 7), nowMs: 2 * MINUTE, editTurn: 0.85, turnId: 't4' });
    assert.deepEqual([edit.targets[0].backend, edit.reason], ['lmstudio', 'follows-task']);
  });

  it('stays where a long conversation is warm for a short question', () => {
    const memory = taught();
    route(memory, { chain: prompt('a', 60), nowMs: MINUTE, editTurn: 0.95, turnId: 't1' });
    memory.observe(answered('lmstudio', prompt('a', 60)), MINUTE);
    const next = route(memory, { chain: prompt('a', 61), nowMs: 2 * MINUTE, turnId: 't2' });
    assert.deepEqual([next.targets[0].backend, next.reason], ['lmstudio', 'stay-warm']);
  });

  it('goes back to the task where the other backend has caught up', () => {
    const memory = taught();
    for (let turn = 0; turn < 20; turn += 1) {
      const chain = prompt('a', 30 + turn);
      route(memory, { chain, nowMs: (10 + turn) * MINUTE, editTurn: 0.95, turnId: `t${turn}` });
      for (const backend of ['lmstudio', 'mlx-lm']) {
        const purpose = backend === 'mlx-lm' ? 'catch-up' : 'request';
        const turnName = { sessionId: 's', turnId: `t${turn}` };
        memory.observe(answered(backend, chain, { purpose, turn: turnName }), (10 + turn) * MINUTE);
      }
    }
    const next = route(memory, { chain: prompt('a', 51), nowMs: 31 * MINUTE, turnId: 'question' });
    assert.deepEqual([next.targets[0].backend, next.reason], ['mlx-lm', 'follows-task']);
  });

  it('knows what share of a pause is used to catch up', () => {
    const memory = taught();
    assert.equal(memory.catchUpShare('mlx-lm'), 0);
    for (let turn = 0; turn < 40; turn += 1) {
      const chain = prompt('c', 20 + turn);
      const turnName = { sessionId: 's', turnId: `t${turn}` };
      memory.rememberTurn(turnName, { backend: 'lmstudio', task: 'edit' }, turn * MINUTE);
      memory.observe(answered('lmstudio', chain, { turn: turnName }), turn * MINUTE);
      // Half of the 3,000 tokens that were missing.
      const more = { cachedTokens: chain.length * 1500 - 3000, promptTokens: chain.length * 1500 - 1500 };
      const caught = { ...more, purpose: 'catch-up', turn: turnName } as const;
      memory.observe(answered('mlx-lm', chain, caught), turn * MINUTE);
    }
    assert.ok(Math.abs(memory.catchUpShare('mlx-lm') - 0.5) < 0.02, String(memory.catchUpShare('mlx-lm')));
  });

  it('is the same for the same memory and time', () => {
    const questions = (memory: Memory) =>
      Array.from({ length: 30 }, (_, at) =>
        route(memory, {
          ...{ chain: prompt('a', 10 + at), nowMs: at * 7000, turnId: `t${Math.floor(at / 4)}` },
          ...{ editTurn: (at % 7) / 7, insideToolLoop: at % 4 > 0 },
        }),
      );
    assert.deepEqual(questions(taught()), questions(taught()));
  });

  const RHYTHMS = [
    ['each second', 1, 1],
    ['each half minute', 30, 30],
    ['for 10 s every 2 minutes', 120, 10],
    ['for 10 s every 5 minutes', 300, 10],
    ['for 30 s every 10 minutes', 600, 30],
  ] as const;
  // By its bill `auto` never goes to mlx-lm here: nothing would be shown of its losses.
  for (const [mode, flapper, editTurn] of [
    ['auto', 'lmstudio', 0.9],
    ['task', 'lmstudio', 0.9],
    ['task', 'mlx-lm', 0.1],
  ] as const) {
    for (const [what, upS, downS] of RHYTHMS) {
      it(`switches at most twice while ${flapper} is lost 100 times, ${what} (${mode})`, () => {
        const used = flapped({ mode, flapper, editTurn, upS, downS });
        assert.equal(used[0], flapper, 'it was in use before it was first lost');
        const switches = used.filter((backend, at) => at > 0 && backend !== used[at - 1]).length;
        assert.ok(switches <= 2, `${switches} switches`);
      });
    }
  }

  it('leaves a backend that is lost every half hour after a few tries', () => {
    const used = flapped({ mode: 'auto', flapper: 'lmstudio', editTurn: 0.9, upS: 1500, downS: 60 });
    assert.ok(used.filter((backend, at) => at > 0 && backend !== used[at - 1]).length <= 3);
    assert.equal(used.at(-1), 'mlx-lm');
  });

  for (const mode of ['auto', 'task'] as const) {
    it(`keeps a turn that begins to edit from a backend that comes and goes, and says why (${mode})`, () => {
      const memory = taught();
      const turn = { mode, turnId: 't', insideToolLoop: true };
      const question = { ...turn, chain: prompt('a', 10), editTurn: 0.02, insideToolLoop: false };
      assert.equal(route(memory, { ...question, nowMs: MINUTE }).targets[0].backend, 'mlx-lm');
      memory.observe(answered('lmstudio', prompt('x', 2), { ending: 'failed', fault: 'connect' }), MINUTE);
      const edit = { ...turn, editTurn: 0.99, reason: 'edit-tool-used' } as const;
      const stays = route(memory, { ...edit, chain: prompt('a', 11), nowMs: MINUTE + 2000 });
      assert.deepEqual([stays.targets[0].backend, stays.reason], ['mlx-lm', 'unsteady']);
      assert.match(stays.detail, /lmstudio is passed over: it was lost 1 time/);
      const moves = route(memory, { ...edit, chain: prompt('a', 12), nowMs: 5 * MINUTE });
      assert.deepEqual([moves.targets[0].backend, moves.reason], ['lmstudio', 'crossed-to-edit']);
    });
  }

  it('trusts a backend again that has stayed up', () => {
    const memory = taught();
    memory.observe(answered('mlx-lm', prompt('x', 2), { ending: 'failed', fault: 'connect' }), MINUTE);
    assert.match(memory.unsteady('mlx-lm', MINUTE + 1000) ?? '', /lost 1 time lately .* 119 s/);
    assert.equal(memory.unsteady('mlx-lm', 4 * MINUTE), undefined);
  });
});

describe('a server that is not what it was', () => {
  it('holds nothing after it could not be reached', () => {
    const memory = taught();
    assert.equal(memory.match('mlx-lm', prompt('day', 20), MINUTE).tokens, 30_000);
    memory.observe(answered('mlx-lm', prompt('x', 2), { ending: 'failed', fault: 'connect' }), MINUTE);
    assert.equal(memory.match('mlx-lm', prompt('day', 20), MINUTE).tokens, 0);
  });

  it('holds nothing of another model, and is measured anew', () => {
    const memory = taught();
    memory.met('mlx-lm', { model: 'first' }, MINUTE);
    assert.equal(memory.match('mlx-lm', prompt('day', 20), MINUTE).tokens, 30_000);
    memory.met('mlx-lm', { model: 'second' }, MINUTE);
    assert.equal(memory.match('mlx-lm', prompt('day', 20), MINUTE).tokens, 0);
    assert.equal(memory.speed('mlx-lm').samples, 0);
  });
});

describe('another model', () => {
  const turn = { sessionId: 's', turnId: 't' };
  const spoiled = () => {
    const memory = taught();
    memory.met('lmstudio', { model: 'first' }, MINUTE);
    const edits = Array<'failed'>(20).fill('failed');
    memory.observe(answered('lmstudio', prompt('e', 1), { edits }), MINUTE);
    assert.match(memory.editsFailing('lmstudio', turn, MINUTE) ?? '', /20 of its last 20/);
    return memory;
  };
  const isTrusted = (memory: Memory) => {
    assert.equal(memory.editsFailing('lmstudio', turn, MINUTE), undefined);
    assert.equal(
      memory.editFailureShare('lmstudio', 'now'),
      createMemory().editFailureShare('lmstudio', 'now'),
    );
  };

  it('is not held to how the edits of the one before it fared', () => {
    const memory = spoiled();
    memory.met('lmstudio', { model: 'first', state: 'down' }, MINUTE);
    assert.match(memory.editsFailing('lmstudio', turn, MINUTE) ?? '', /20 of its last 20/, 'the same model');
    memory.met('lmstudio', { model: 'second' }, MINUTE);
    isTrusted(memory);
  });

  it('is not either where it came while no daemon ran', () => {
    const restored = createMemory(undefined, JSON.parse(JSON.stringify(spoiled())));
    restored.met('lmstudio', { model: 'second' }, MINUTE);
    isTrusted(restored);
    isTrusted(createMemory(undefined, JSON.parse(JSON.stringify(restored))));
  });
});

describe('a backend that tells nothing of its cache', () => {
  const ask = (memory: Memory, ttftMs: number) => {
    memory.observe(answered('lmstudio', prompt('q', 19)), MINUTE);
    return memory.observe(answered('lmstudio', prompt('q', 20), { ttftMs }), 2 * MINUTE);
  };

  it('is taken for warm or cold where the wait leaves no doubt', () => {
    assert.deepEqual(ask(taught(), 2600), { cachedTokens: 28_700 });
    assert.deepEqual(ask(taught(), 50_000), { cachedTokens: 0 });
  });

  it('stays unknown where it does, or where the speed is not known', () => {
    assert.equal(ask(taught(), 11_400), undefined);
    assert.equal(ask(createMemory(), 2600), undefined);
  });

  it('stays unknown for a short prompt, and where a model was loaded meanwhile', () => {
    const memory = taught();
    const short = [{ hash: 'tiny', tokens: 900 }];
    memory.observe({ backend: 'lmstudio', chain: short, ending: 'completed', ttftMs: 1500 }, MINUTE);
    const again = { backend: 'lmstudio', chain: short, ending: 'completed', ttftMs: 100 } as const;
    assert.equal(memory.observe(again, MINUTE), undefined);
    memory.observe(answered('lmstudio', prompt('q', 19)), MINUTE);
    const loading = answered('lmstudio', prompt('q', 20), { ttftMs: 50_000, loadedModel: true });
    assert.equal(memory.observe(loading, MINUTE), undefined);
  });
});

describe('what memory has learned', () => {
  const turn = { sessionId: 's', turnId: 't' };
  const fresh = createMemory();
  const restart = (memory: Memory) => createMemory(undefined, JSON.parse(JSON.stringify(memory)));

  it('outlives the process but for what servers hold', () => {
    const memory = taught({ 'mlx-lm': 600, lmstudio: 100 });
    const restored = createMemory(undefined, JSON.parse(JSON.stringify(memory)));
    const work = { uncached: 20_000, cached: 0 };
    assert.deepEqual(restored.speed('lmstudio').ttft(work), memory.speed('lmstudio').ttft(work));
    assert.equal(restored.match('lmstudio', prompt('day', 20), MINUTE).tokens, 0);
  });

  it('has how edits fared in it: the share that is expected to fail, and the pause of a backend', () => {
    const memory = taught();
    const edits = (backend: string, result: 'ok' | 'failed', count: number) =>
      memory.observe(answered(backend, prompt('e', 1), { edits: Array(count).fill(result) }), MINUTE);
    edits('mlx-lm', 'ok', 200);
    edits('lmstudio', 'failed', 20);
    const restored = restart(memory);
    for (const backend of ['mlx-lm', 'lmstudio']) {
      for (const when of ['now', 'later'] as const) {
        assert.equal(restored.editFailureShare(backend, when), memory.editFailureShare(backend, when));
      }
    }
    assert.match(restored.editsFailing('lmstudio', turn, 2 * MINUTE) ?? '', /20 of its last 20 edits failed/);
    assert.equal(restored.editsFailing('mlx-lm', turn, 2 * MINUTE), undefined);
    assert.equal(
      restored.editsFailing('lmstudio', turn, 12 * MINUTE),
      undefined,
      'its pause ends as it would',
    );
    // One more success or failure teaches both the same.
    for (const each of [memory, restored]) {
      each.rememberTurn(turn, { backend: 'lmstudio', task: 'edit' }, 12 * MINUTE);
      each.observe(answered('lmstudio', prompt('e', 1), { edits: ['ok'] }), 12 * MINUTE);
      assert.equal(each.editsFailing('lmstudio', { turnId: 'u' }, 12 * MINUTE), undefined);
    }
  });

  it('has in it what share of a pause is used to catch up', () => {
    const memory = taught();
    for (let at = 0; at < 40; at += 1) {
      const turnName = { sessionId: 's', turnId: `t${at}` };
      memory.rememberTurn(turnName, { backend: 'lmstudio', task: 'edit' }, at * MINUTE);
      memory.observe(answered('lmstudio', prompt('c', 20), { turn: turnName }), at * MINUTE);
      const read = { backend: 'mlx-lm', fromTokens: 0, toTokens: 30_000 };
      memory.caughtUp(turnName, read);
    }
    assert.ok(memory.catchUpShare('mlx-lm') > 0.9);
    assert.equal(restart(memory).catchUpShare('mlx-lm'), memory.catchUpShare('mlx-lm'));
    assert.equal(restart(restart(memory)).catchUpShare('mlx-lm'), memory.catchUpShare('mlx-lm'));
  });

  it('leads to the same decisions in the next process', () => {
    const memory = taught();
    const edits = Array<'ok'>(200).fill('ok');
    memory.observe(answered('mlx-lm', prompt('e', 1), { edits }), MINUTE);
    const restored = restart(memory);
    for (const each of [memory, restored]) each.met('mlx-lm', { state: 'up' }, MINUTE);
    const asked = (editTurn: number): Asked => ({ chain: prompt('n', 14), promptTokens: 21_000, editTurn });
    for (const editTurn of [0.05, 0.3, 0.6, 0.95]) {
      const [before, after] = [memory, restored].map((each) => bill(each, both, asked(editTurn), MINUTE));
      assert.deepEqual(after, before);
    }
  });

  it('of an earlier version, which saved less, is taken over', () => {
    const { servers, habits } = JSON.parse(JSON.stringify(taught()));
    const restored = createMemory(undefined, { servers, habits });
    assert.ok(restored.speed('mlx-lm').samples > 0);
    assert.equal(restored.editFailureShare('mlx-lm', 'later'), fresh.editFailureShare('mlx-lm', 'later'));
    assert.equal(restored.catchUpShare('mlx-lm'), 0);
  });

  it('is nothing where the file is damaged', () => {
    for (const saved of [
      null,
      'x',
      [],
      { servers: 7, habits: { shapes: 1 } },
      { servers: { 'mlx-lm': [] } },
      { edits: 7, caughtUp: 'x' },
      { edits: { 'mlx-lm': { calls: 'ok', counted: 3 }, lmstudio: null }, caughtUp: { 'mlx-lm': 7 } },
      { edits: { 'mlx-lm': { calls: ['bad'], counted: { all: -1, failed: 2 }, pausedUntilMs: 'x' } } },
    ]) {
      const restored = createMemory(undefined, saved);
      assert.equal(restored.speed('mlx-lm').samples, 0);
      assert.ok(restored.habits.growthTokens > 0);
      assert.equal(restored.editFailureShare('mlx-lm', 'later'), fresh.editFailureShare('mlx-lm', 'later'));
      assert.equal(restored.editsFailing('mlx-lm', turn, 0), undefined);
      assert.equal(restored.catchUpShare('mlx-lm'), 0);
    }
  });
});
