// What servers are given back, tick by tick of a clock that the test sets: after a restart, after a night, after a
// start of the daemon, and after other conversations have pushed it out.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openPauses, type Pauses } from '../../../daemon/keeper/open.ts';
import type { Power } from '../../../daemon/keeper/power.ts';
import { conversationOf, promptOfPrefix } from '../../../daemon/prefixes/prefix.ts';
import type { Warmup } from '../../../router/warmup.ts';
import { segments } from '../../../wire/fingerprint.ts';
import { ask, type Harness, post, refuses, type Script, says, startHarness } from '../harness.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

type Site = Harness & {
  readonly pauses: Pauses;
  readonly warmups: Warmup[];
  readonly clock: { laterMs: number };
  power: Awaited<ReturnType<Power>>;
  hasSlots: boolean;
};
const open: Site[] = [];
afterEach(async () => {
  for (const site of open.splice(0)) {
    await site.pauses.stop();
    await site.close();
  }
});

async function start(settings: object = {}): Promise<Site> {
  const harness = await startHarness({ mode: 'mlx-lm', ...settings });
  harness.mlx.status = { state: 'up', flavour: 'mlx-lm' };
  harness.mlx.scripts = [reads(harness)];
  const clock = { laterMs: 0 };
  const { now } = harness.deps.clock;
  const deps = { ...harness.deps, clock: { now, wall: () => Date.now() + clock.laterMs } };
  const warmups: Warmup[] = [];
  const pauses = openPauses({
    ...{ deps, metrics: harness.metrics, settleMs: 100 * HOUR },
    // Told of again once it is known who used it.
    recorder: { warmup: (warmup) => warmup.use === undefined && warmups.push(warmup) },
    power: async () => site.power,
    isRestored: () => site.hasSlots,
  });
  const site: Site = Object.assign(harness, {
    pauses,
    warmups,
    clock,
    power: 'mains',
    hasSlots: false,
  } as const);
  open.push(site);
  await look(site);
  return site;
}

/** Reports of a prompt what a cache would that holds all that it was ever asked. */
function reads({ mlx }: Harness): Script {
  return async function* (request, signal) {
    const { promptTokens, conversation } = request;
    const before = mlx.asked.filter((one) => one !== request);
    const held = before.filter((one) => conversation.system.startsWith(one.conversation.system));
    const cachedTokens = Math.max(0, ...held.map((one) => one.promptTokens - 20));
    // As a server does, it takes longer for more; else what is learned of its speed is the machine's noise.
    await sleep((promptTokens - cachedTokens) / 100);
    yield* says('a', { promptTokens, cachedTokens })(request, signal);
  };
}

/** As the daemon's clock does. */
async function look({ deps, clock }: Site): Promise<void> {
  await deps.fleet.probeIdle();
  for (const { name } of deps.fleet.members) {
    deps.memory.met(name, deps.fleet.status(name), Date.now() + clock.laterMs);
  }
}

/** Some 600 tokens that are the project's own. */
const systemOf = (project: string) => `You work on ${project}, and you say what you do. `.repeat(50);

async function serve({ url }: Site, project: string, session = project): Promise<void> {
  const body = ask(`What does ${session} do?`, { system: systemOf(project) });
  const headers = { 'x-anyclaude-project': project, 'x-claude-code-session-id': session };
  await (await post(url, body, { headers })).text();
}

function know({ deps }: Site, project: string, agoMs = 0): void {
  const content = { project, system: systemOf(project), tools: [], opening: [], backends: ['mlx-lm'] };
  const prefix = { ...content, savedAtMs: Date.now() - agoMs };
  const hash = segments(conversationOf(prefix)).at(-1)?.hash ?? '';
  deps.prompts.know(promptOfPrefix({ ...prefix, hash }));
}

async function goDown(site: Site): Promise<void> {
  site.mlx.status = { state: 'down' };
  await look(site);
}

async function comeUp(site: Site): Promise<void> {
  site.mlx.status = { state: 'up', flavour: 'mlx-lm' };
  await look(site);
}

async function restart(site: Site): Promise<void> {
  await goDown(site);
  await comeUp(site);
}

const told = ({ warmups }: Site) =>
  warmups.map(({ purpose, project, result }) => `${purpose} ${project} ${result}`);

describe('a server that was restarted', () => {
  for (const hours of [0, 9, 14, 13 * 24]) {
    it(`is given back what it had by a daemon that stayed, ${hours} h after the last request`, async () => {
      const site = await start();
      await serve(site, '/shop');
      await site.pauses.tick();
      assert.deepEqual(told(site), [], 'nothing was lost yet');
      await goDown(site);
      site.clock.laterMs = hours * HOUR;
      await site.pauses.tick();
      await comeUp(site);
      await site.pauses.tick();
      assert.deepEqual(told(site), ['warm /shop completed']);
      await site.pauses.tick();
      assert.equal(site.warmups.length, 1, 'once');
    });
  }

  it('is given nothing of a project that nobody has used for a fortnight', async () => {
    const site = await start();
    await serve(site, '/shop');
    await restart(site);
    site.clock.laterMs = 15 * DAY;
    await site.pauses.tick();
    assert.deepEqual(told(site), []);
  });

  it('is given back what it had before the clock first looked', async () => {
    const site = await start();
    await serve(site, '/shop');
    await restart(site);
    await site.pauses.tick();
    assert.deepEqual(told(site), ['warm /shop completed']);
  });

  it('is left alone where it has read its slots back itself', async () => {
    const site = await start();
    await serve(site, '/shop');
    await restart(site);
    site.hasSlots = true;
    await site.pauses.tick();
    assert.deepEqual(told(site), []);
  });

  it('is asked three times where that fails, and again only after another restart', async () => {
    const site = await start();
    await serve(site, '/shop');
    await restart(site);
    site.mlx.scripts = [refuses('overflow')];
    for (let tries = 0; tries < 9; tries += 1) {
      await site.pauses.tick();
      site.clock.laterMs += HOUR;
    }
    assert.deepEqual(told(site), Array(3).fill('warm /shop failed'));
    await restart(site);
    await site.pauses.tick();
    assert.equal(site.warmups.length, 4);
  });

  it('is not asked again all night because what it holds has become less certain', async () => {
    const site = await start();
    site.mlx.status = { state: 'up', flavour: 'other' };
    await look(site);
    await serve(site, '/shop');
    for (let hours = 0; hours < 12; hours += 1) {
      site.clock.laterMs = hours * HOUR;
      await site.pauses.tick();
    }
    assert.deepEqual(told(site), []);
  });
});

describe('after a start of the daemon', () => {
  it('its servers are given what was on the disk, the five projects used last, and none that is old', async () => {
    const site = await start();
    for (const day of [30, 5, 4, 3, 2, 1, 0]) know(site, `/${day}`, day * DAY);
    await site.pauses.tick();
    assert.deepEqual(
      told(site),
      [0, 1, 2, 3, 4].map((day) => `restore /${day} completed`),
    );
  });

  it('a server that comes up hours later is given all of it, too', async () => {
    const site = await start();
    await goDown(site);
    for (const project of ['/shop', '/mill']) know(site, project, DAY);
    for (let minutes = 0; minutes < 200; minutes += 1) {
      site.clock.laterMs = minutes * MINUTE;
      await site.pauses.tick();
    }
    assert.deepEqual(told(site), []);
    await comeUp(site);
    await site.pauses.tick();
    assert.equal(told(site).filter((line) => /^restore .* completed$/.test(line)).length, 2);
  });

  it('a backend that never answered a project is not given its front', async () => {
    const site = await start({ mode: 'task' });
    know(site, '/shop');
    await site.pauses.tick();
    assert.deepEqual(
      site.warmups.map(({ backend }) => backend),
      ['mlx-lm'],
    );
  });

  it('a front that a request got in the way of is tried at the next tick', async () => {
    const site = await start();
    know(site, '/shop');
    const left = site.deps.traffic.arrived();
    await site.pauses.tick();
    assert.deepEqual(told(site), []);
    left();
    await site.pauses.tick();
    assert.deepEqual(told(site), ['restore /shop completed']);
  });

  it('nothing is read on battery, and all of it once the machine is plugged in', async () => {
    const site = await start();
    site.power = 'battery';
    know(site, '/shop');
    await site.pauses.tick();
    assert.deepEqual(told(site), []);
    assert.equal(site.pauses.keeper.status.detail, 'this machine runs on its battery');
    site.power = 'mains';
    await site.pauses.tick();
    assert.deepEqual(told(site), ['restore /shop completed']);
  });

  it('no further front is begun once the machine is unplugged', async () => {
    const site = await start();
    know(site, '/mill', DAY);
    know(site, '/shop');
    const { scripts } = site.mlx;
    site.mlx.scripts = [
      (request, signal) => {
        site.power = 'battery';
        return (scripts[0] as (typeof scripts)[number])(request, signal);
      },
    ];
    await site.pauses.tick();
    const asked = site.mlx.asked.map(({ conversation }) => /\/\w+/.exec(conversation.system)?.[0]);
    assert.deepEqual([...new Set(asked)], ['/shop']);
  });
});

describe('what other conversations pushed out of a full cache', () => {
  it('is read again once the last of them is an hour old, and pushes none of them out before', async () => {
    const site = await start();
    await serve(site, '/shop');
    for (let at = 0; at < 12; at += 1) await serve(site, '/mill', `session ${at}`);
    await site.pauses.tick();
    assert.deepEqual(told(site), []);
    site.clock.laterMs = HOUR + MINUTE;
    await site.pauses.tick();
    assert.deepEqual(told(site), ['warm /shop completed']);
  });

  it('never takes the place of a project that was used after it', async () => {
    const site = await start();
    site.mlx.status = { state: 'up', flavour: 'lmstudio' };
    await look(site);
    for (const project of ['/1', '/2', '/3', '/4', '/5']) await serve(site, project);
    site.clock.laterMs = 2 * HOUR;
    await restartAs(site, 'lmstudio');
    for (let ticks = 0; ticks < 5; ticks += 1) await site.pauses.tick();
    assert.deepEqual(
      told(site),
      ['/5', '/4', '/3', '/2'].map((project) => `warm ${project} completed`),
    );
  });
});

async function restartAs(site: Site, flavour: 'lmstudio'): Promise<void> {
  await goDown(site);
  site.mlx.status = { state: 'up', flavour };
  await look(site);
}
