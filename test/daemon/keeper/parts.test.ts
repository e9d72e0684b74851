import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createCacheUses } from '../../../daemon/keeper/cache-use.ts';
import { createGains } from '../../../daemon/keeper/gains.ts';
import { createPower, type Power, readPmset, readPowerSupplies } from '../../../daemon/keeper/power.ts';
import { createProgress } from '../../../daemon/keeper/progress.ts';
import { createPrompts, type KeptPrompt } from '../../../daemon/keeper/prompts.ts';
import { createMemory } from '../../../router/memory.ts';
import type { CacheReport, Outcome } from '../../../router/outcome.ts';
import type { Warmup, WarmupUse } from '../../../router/warmup.ts';
import { normalise } from '../../../wire/normalise.ts';
import { parseRequest } from '../../../wire/parse.ts';
import { OUTCOME } from '../metrics/sample.ts';

const NOW_MS = 1_000_000_000;

describe('the power of the machine', () => {
  const folderOf = async (supplies: Readonly<Record<string, Readonly<Record<string, string>>>>) => {
    const folder = await mkdtemp(join(tmpdir(), 'anyclaude-power-'));
    for (const [name, files] of Object.entries(supplies)) {
      await mkdir(join(folder, name));
      for (const [file, text] of Object.entries(files))
        await writeFile(join(folder, name, file), `${text}\n`);
    }
    return folder;
  };
  const cases: readonly [string, Parameters<typeof folderOf>[0], Awaited<ReturnType<Power>>][] = [
    [
      'a laptop that is plugged in',
      { AC: { type: 'Mains', online: '1' }, BAT0: { type: 'Battery', status: 'Charging' } },
      'mains',
    ],
    [
      'a laptop on its battery',
      { AC: { type: 'Mains', online: '0' }, BAT0: { type: 'Battery', status: 'Discharging' } },
      'battery',
    ],
    ['a laptop that is full', { BAT0: { type: 'Battery', status: 'Full' } }, 'mains'],
    [
      'a desktop with a wireless mouse',
      { mouse: { type: 'Battery', status: 'Discharging', scope: 'Device' } },
      undefined,
    ],
    ['a container', {}, undefined],
  ];
  for (const [name, supplies, expected] of cases) {
    it(`on Linux: ${name}`, async (t) => {
      const folder = await folderOf(supplies);
      t.after(() => rm(folder, { recursive: true }));
      assert.equal(await readPowerSupplies(folder), expected);
    });
  }

  it('is unknown where the system does not say', async () => {
    assert.equal(await readPowerSupplies('/nowhere/at/all'), undefined);
    assert.equal(readPmset('No such thing'), undefined);
  });

  it('on macOS is what pmset is drawing from', () => {
    assert.equal(
      readPmset("Now drawing from 'Battery Power'\n -InternalBattery-0\t81%; discharging;"),
      'battery',
    );
    assert.equal(readPmset("Now drawing from 'AC Power'\n -InternalBattery-0\t100%; charged;"), 'mains');
  });

  it('is asked for twice a minute at most', async () => {
    let asked = 0;
    let nowMs = 0;
    const power = createPower(
      async () => {
        asked += 1;
        return 'mains';
      },
      () => nowMs,
    );
    for (nowMs of [0, 10_000, 29_000, 31_000, 32_000]) await power();
    assert.equal(asked, 2);
  });
});

describe('kept prompts', () => {
  const conversation = normalise(parseRequest({ model: 'm', messages: [{ role: 'user', content: 'Hi' }] }));
  const prompt = (sessionId: string, more: Partial<KeptPrompt> = {}): KeptPrompt => ({
    ...{ sessionId, turnId: 't', backend: 'mlx-lm', model: 'm', kind: 'main', conversation, chain: [] },
    ...{ promptTokens: 10, endsTurn: true, endedAtMs: NOW_MS, ...more },
  });

  it('are one of each conversation, the newest first, for an hour', () => {
    const prompts = createPrompts();
    prompts.keep(prompt('a', { promptTokens: 1, endedAtMs: NOW_MS - 61 * 60_000 }));
    prompts.keep(prompt('b', { promptTokens: 1 }));
    prompts.keep(prompt('c', { promptTokens: 1 }));
    prompts.keep(prompt('b', { promptTokens: 2 }));
    assert.deepEqual(
      prompts.active(NOW_MS).map(({ sessionId, promptTokens }) => [sessionId, promptTokens]),
      [
        ['b', 2],
        ['c', 1],
      ],
    );
  });

  it('are the newest main conversation of each project, never a subagent', () => {
    const prompts = createPrompts();
    prompts.keep(prompt('a', { project: '/p' }));
    prompts.keep(prompt('b', { project: '/q' }));
    prompts.keep(prompt('c', { project: '/p' }));
    prompts.keep(prompt('d', { project: '/p', kind: 'subagent', agentId: 'x' }));
    assert.deepEqual(
      prompts.projects().map(({ sessionId }) => sessionId),
      ['c', 'b'],
    );
  });

  it('have a bound in number and in tokens, and the newest always stays', () => {
    const prompts = createPrompts({ conversations: 3, projects: 2, tokens: 100 });
    for (const name of ['a', 'b', 'c', 'd']) prompts.keep(prompt(name));
    assert.deepEqual(
      prompts.active(NOW_MS).map(({ sessionId }) => sessionId),
      ['d', 'c', 'b'],
    );
    prompts.keep(prompt('e', { promptTokens: 1000 }));
    assert.deepEqual(
      prompts.active(NOW_MS).map(({ sessionId }) => sessionId),
      ['e'],
    );
  });
});

describe('the gain of a prefill', () => {
  const RUN: Warmup = {
    ...{ warmupId: 'w', purpose: 'catch-up', backend: 'lmstudio', model: 'm', sessionId: 's', project: '/p' },
    ...{ startedAtMs: NOW_MS, durationMs: 2000, result: 'completed', steps: 2 },
    ...{ promptTokens: 1000, cachedTokens: 200, computedTokens: 850 },
  };
  const request = (cache: CacheReport, more: Partial<Outcome> = {}): Outcome => ({
    ...OUTCOME,
    ...{ requestId: 'r', kind: 'main', answeredBy: 'lmstudio', model: 'm', sessionId: 's', project: '/p' },
    ...{ ending: { result: 'completed' }, cache, ...more },
  });
  const reported = (cachedTokens: number): CacheReport => ({
    evidence: 'reported',
    promptTokens: 1200,
    cachedTokens,
  });
  const usesOf = (outcomes: readonly Outcome[], run: Warmup = RUN): readonly (WarmupUse | undefined)[] => {
    const uses: (WarmupUse | undefined)[] = [];
    const gains = createGains({ memory: createMemory(), onUse: ({ use }) => uses.push(use) });
    gains.ran(run, { ...run, conversation: {} as never });
    for (const outcome of outcomes) gains.served(outcome);
    return uses;
  };

  it('is what the run computed and the next request of the conversation found there', () => {
    const [use] = usesOf([request(reported(900))]);
    assert.ok(use?.result === 'used');
    assert.equal(use.tokens, 700);
    assert.ok(use.savedSeconds > 0.5);
  });

  it('is never more than was computed, and counts once', () => {
    const uses = usesOf([request(reported(1200)), request(reported(1200))]);
    assert.deepEqual(
      uses.map((use) => use?.result === 'used' && use.tokens),
      [800],
    );
  });

  it('is nothing where the request found no more than there was before', () => {
    assert.deepEqual(usesOf([request(reported(200))]), [{ result: 'wasted', requestId: 'r' }]);
  });

  it('is unknown where the backend tells nothing of its cache', () => {
    assert.deepEqual(usesOf([request({ evidence: 'none' })]), [{ result: 'unknown', requestId: 'r' }]);
    const { computedTokens: _, ...untold } = RUN;
    assert.deepEqual(usesOf([request(reported(900))], untold), [{ result: 'unknown', requestId: 'r' }]);
  });

  it('does not come from another session, another backend or a request that failed', () => {
    const failed = { ending: { result: 'failed', phase: 'queued', fault: 'connect' } } as const;
    const others = [
      { sessionId: 'x' },
      { answeredBy: 'mlx-lm' },
      { model: 'n' },
      { kind: 'title' },
      failed,
    ] as const;
    assert.deepEqual(usesOf(others.map((more) => request(reported(900), more))), []);
  });

  it('of a warmed project comes from whatever session of the project is next', () => {
    const warmed = { ...RUN, purpose: 'warm' } as const;
    assert.equal(usesOf([request(reported(900), { sessionId: 'other' })], warmed)[0]?.result, 'used');
    assert.deepEqual(usesOf([request(reported(900), { project: '/q' })], warmed), []);
  });

  it('is lost with the hour, and with the server', () => {
    const memory = createMemory();
    const uses: (WarmupUse | undefined)[] = [];
    const gains = createGains({ memory, onUse: ({ use }) => uses.push(use) });
    const ran = () => gains.ran(RUN, { ...RUN, conversation: {} as never });
    ran();
    gains.expire(NOW_MS + 59 * 60_000);
    assert.deepEqual(uses, []);
    gains.expire(NOW_MS + 61 * 60_000);
    assert.deepEqual(uses, [{ result: 'wasted' }]);
    memory.met('lmstudio', { model: 'm', state: 'up' }, NOW_MS);
    ran();
    memory.met('lmstudio', { model: 'another', state: 'up' }, NOW_MS);
    gains.expire(NOW_MS);
    assert.equal(uses.length, 2);
  });
});

describe('what a cache gives back', () => {
  it('is learned down to nothing by whole prompts that nobody found, and starts anew with another model', () => {
    const uses = createCacheUses();
    uses.wholeEnded('b', 'm', 'wasted');
    assert.equal(uses.of('b', 'm'), 'steps');
    uses.stepLost('b', 'm');
    assert.equal(uses.of('b', 'm'), 'whole');
    for (const use of ['wasted', 'wasted', 'used', 'wasted', 'wasted'] as const)
      uses.wholeEnded('b', 'm', use);
    assert.equal(uses.of('b', 'm'), 'whole');
    uses.wholeEnded('b', 'm', 'wasted');
    assert.equal(uses.of('b', 'm'), 'nothing');
    assert.equal(uses.of('b', 'n'), 'steps');
  });
});

describe('the place where a prefill was cut off', () => {
  const chain = (...tokens: number[]) => tokens.map((each, at) => ({ hash: `h${at}`, tokens: each }));
  const job = { backend: 'b', sessionId: 's' };

  it('is found again in the longer prompt of the next pause', () => {
    const progress = createProgress();
    progress.reached(job, chain(1000, 8000, 500), 5000, 1);
    assert.equal(progress.of(job, chain(1000, 8000, 500, 700), 1), 5000);
    assert.equal(progress.of({ ...job, sessionId: 'other' }, chain(1000, 8000), 1), 0);
  });

  it('is gone with the server, and with the part of the prompt that it was in', () => {
    const progress = createProgress();
    progress.reached(job, chain(1000, 8000), 5000, 1);
    assert.equal(progress.of(job, chain(1000, 8000), 2), 0);
    assert.equal(
      progress.of(
        job,
        [
          { hash: 'h0', tokens: 1000 },
          { hash: 'changed', tokens: 8000 },
        ],
        1,
      ),
      0,
    );
  });
});
