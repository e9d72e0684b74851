// Pauses from the socket to the backend: what is sent when nobody waits, and how it gives way.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openPauses, type Pauses, type PausesOptions } from '../../../daemon/keeper/open.ts';
import type { Power } from '../../../daemon/keeper/power.ts';
import type { PrefillJob } from '../../../daemon/keeper/prefill.ts';
import type { Warmup } from '../../../router/warmup.ts';
import type { StreamItem } from '../../../wire/frame.ts';
import {
  ask,
  calls,
  closing,
  type Harness,
  hangs,
  opening,
  post,
  refuses,
  type Script,
  says,
  startHarness,
} from '../harness.ts';

type Site = Harness & { readonly pauses: Pauses; readonly warmups: Warmup[] };
const open: Site[] = [];

afterEach(async () => {
  for (const site of open.splice(0)) {
    await site.pauses.stop();
    await site.close();
  }
});

type Options = Partial<Pick<PausesOptions, 'power' | 'recorder' | 'stepSeconds'>>;

async function start(settings: object = {}, { power, recorder, ...more }: Options = {}): Promise<Site> {
  const harness = await startHarness({ mode: 'task', ...settings });
  harness.lmstudio.status = { state: 'up', flavour: 'llama.cpp' };
  harness.mlx.status = { state: 'up', flavour: 'mlx-lm' };
  await harness.deps.fleet.probeIdle();
  const warmups: Warmup[] = [];
  const pauses = openPauses({
    deps: harness.deps,
    recorder: recorder ?? { warmup: (warmup) => warmups.push(warmup) },
    metrics: harness.metrics,
    power: power ?? (async () => 'mains'),
    settleMs: 1,
    ...more,
  });
  harness.onOutcome.push(pauses.served);
  const site = Object.assign(harness, { pauses, warmups });
  open.push(site);
  return site;
}

/** Some 600 tokens that each request of the project begins with. */
const SYSTEM = 'You are careful with files and you say what you do. '.repeat(50);
const question = (more: object = {}) => ask('What does it do?', { system: SYSTEM, ...more });

async function until(holds: () => boolean): Promise<void> {
  for (let turns = 0; !holds(); turns += 1) {
    if (turns > 2000) throw new Error('It did not come true.');
    await sleep(5);
  }
}

async function done(response: Promise<Response>): Promise<void> {
  await (await response).text();
}

describe('a pause', () => {
  it('lets the other backend read the conversation up to the answer, for one token', async () => {
    const { url, mlx, lmstudio, warmups } = await start();
    mlx.scripts = [says('It counts lines.')];
    await done(post(url, question()));
    await until(() => warmups.length > 0);
    assert.equal(warmups[0]?.result, 'completed');
    assert.equal(warmups[0]?.backend, 'lmstudio');
    const last = lmstudio.asked.at(-1)?.conversation;
    assert.equal(last?.maxTokens, 1);
    assert.equal(last?.system, SYSTEM);
    assert.deepEqual(last?.messages[1], {
      role: 'assistant',
      parts: [{ kind: 'text', text: 'It counts lines.' }],
    });
    assert.equal(mlx.asked.length, 1);
    assert.ok(lmstudio.asked.length > 1, 'in steps');
  });

  it('tells the router how much of what a backend had missed it made good', async () => {
    const { url, lmstudio, warmups, deps } = await start();
    lmstudio.scripts = Array.from({ length: 9 }, () => says('x', { promptTokens: 600, cachedTokens: 0 }));
    await done(post(url, question()));
    await until(() => warmups.length > 0);
    const [answer, next] = ['It counts lines.', 'And words?'];
    const roles = ['user', 'assistant', 'user'];
    const messages = ['What does it do?', answer, next].map((content, at) => ({ role: roles[at], content }));
    await done(post(url, question({ messages })));
    assert.ok(deps.memory.catchUpShare('lmstudio') > 0.05, String(deps.memory.catchUpShare('lmstudio')));
    assert.equal(deps.memory.catchUpShare('mlx-lm'), 0);
  });

  it('does not begin between the calls of a turn', async () => {
    const { url, mlx, lmstudio, warmups } = await start();
    mlx.scripts = [calls('t1', 'Read', {}), says('It counts lines.')];
    await done(post(url, question()));
    await sleep(30);
    const result = { type: 'tool_result', tool_use_id: 't1', content: 'wc -l' };
    const messages = [
      { role: 'user', content: 'What does it do?' },
      { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'Read', input: {} }] },
      { role: 'user', content: [result] },
    ];
    await done(post(url, question({ messages })));
    await until(() => warmups.length > 0);
    assert.equal(warmups.length, 1);
    assert.equal(lmstudio.asked.at(-1)?.conversation.messages.length, 5);
  });

  it('ends with the first sign of a request, before that one has reached a backend', async () => {
    const site = await start();
    const seen: string[] = [];
    site.lmstudio.scripts = [
      async function* (_request, signal) {
        signal.addEventListener('abort', () => seen.push('aborted'));
        yield* hangs(() => seen.push('prefilling'))(_request, signal);
      },
    ];
    site.mlx.scripts = [
      says('It counts lines.'),
      async function* () {
        seen.push('asked');
        yield* says('Yes.')({} as never, {} as never);
      },
    ];
    await done(post(site.url, question()));
    await until(() => seen.includes('prefilling'));
    await done(post(site.url, question()));
    assert.deepEqual(seen.slice(0, 3), ['prefilling', 'aborted', 'asked']);
    await until(() => site.warmups.length > 0);
    assert.equal(site.warmups[0]?.result, 'cancelled');
    assert.equal(site.warmups[0]?.reason, 'a request came in');
    assert.deepEqual(site.bugs, []);
  });

  it('ends with the headers of a request, whatever it asks for, while its body is still on its way', async () => {
    for (const path of ['/v1/messages', '/v1/messages/count_tokens']) {
      const site = await start();
      const seen: string[] = [];
      site.lmstudio.scripts = [
        async function* (asked, signal) {
          signal.addEventListener('abort', () => seen.push('aborted'));
          yield* hangs(() => seen.push('prefilling'))(asked, signal);
        },
      ];
      await done(post(site.url, question()));
      await until(() => seen.includes('prefilling'));
      const body = JSON.stringify(question());
      const headers = { 'content-type': 'application/json', 'content-length': body.length };
      const sent = request(`${site.url}${path}`, { method: 'POST', headers });
      const answered = once(sent, 'response');
      sent.write(body.slice(0, 9));
      await until(() => seen.includes('aborted'));
      assert.ok(site.deps.traffic.inFlight > 0, path);
      sent.end(body.slice(9));
      const [response] = await answered;
      response.resume();
      await until(() => site.deps.traffic.inFlight === 0);
    }
  });

  it('comes back after a request that was broken off or refused while it was read', async () => {
    const site = await start({ catchUp: { enabled: false }, bodyLimitBytes: 1024 * 1024 });
    const headers = { 'content-type': 'application/json', 'content-length': 100 };
    const sent = request(`${site.url}/v1/messages`, { method: 'POST', headers });
    sent.on('error', () => {});
    sent.write('{');
    await until(() => site.deps.traffic.inFlight === 1);
    sent.destroy();
    await until(() => site.deps.traffic.inFlight === 0);
    const refused = await post(site.url, 'x'.repeat(1024 * 1024 + 1));
    assert.equal(refused.status, 413);
    await refused.text();
    await until(() => site.deps.traffic.inFlight === 0);
    assert.deepEqual(site.bugs, []);
  });

  it('is taken up by the clock when what stood in its way is gone: a backend that was down, or the battery', async () => {
    for (const inTheWay of ['backend', 'battery']) {
      let answers: Awaited<ReturnType<Power>> = inTheWay === 'battery' ? 'battery' : 'mains';
      let asked = 0;
      const power: Power = async () => {
        asked += 1;
        return answers;
      };
      const site = await start({}, { power });
      if (inTheWay === 'backend') site.lmstudio.status = { state: 'down' };
      await site.deps.fleet.probeIdle();
      await done(post(site.url, question()));
      await until(() => asked > 0);
      await site.pauses.tick();
      assert.equal(site.warmups.length, 0);
      site.lmstudio.status = { state: 'up', flavour: 'llama.cpp' };
      await site.deps.fleet.probeIdle();
      answers = 'mains';
      await site.pauses.tick();
      await until(() => site.warmups.length > 0);
      assert.deepEqual([site.warmups[0]?.backend, site.warmups[0]?.result], ['lmstudio', 'completed']);
      await site.pauses.tick();
      assert.equal(site.warmups.length, 1, 'once');
    }
  });

  it('ends between two steps when the machine goes on battery', async () => {
    let answers: Awaited<ReturnType<Power>> = 'mains';
    const site = await start({}, { power: async () => answers });
    const reads = readsAll(site);
    site.lmstudio.scripts = [
      async function* (asked, signal) {
        answers = 'battery';
        yield* reads(asked, signal);
      },
    ];
    await done(post(site.url, question()));
    await until(() => site.warmups.length > 0);
    const [run] = site.warmups;
    assert.deepEqual(
      [run?.result, run?.reason, run?.steps],
      ['cancelled', 'this machine runs on its battery', 1],
    );
    await site.pauses.tick();
    assert.equal(site.pauses.keeper.status.detail, 'this machine runs on its battery');
    answers = 'mains';
    site.lmstudio.scripts = [readsAll(site)];
    await site.pauses.tick();
    await until(() => site.warmups.length > 1);
    assert.equal(site.warmups[1]?.result, 'completed');
  });

  it('is not used on battery unless that is asked for, and status says so', async () => {
    const off = await start({}, { power: async () => 'battery' });
    await done(post(off.url, question()));
    await until(() => off.pauses.keeper.status.state === 'off');
    assert.equal(off.pauses.keeper.status.detail, 'this machine runs on its battery');
    assert.equal(off.lmstudio.asked.length, 0);
    const on = await start({ catchUp: { onBattery: true } }, { power: async () => 'battery' });
    await done(post(on.url, question()));
    await until(() => on.warmups.length > 0);
  });

  it('has nothing to do where one backend serves everything, or where it is turned off', async () => {
    for (const settings of [{ mode: 'mlx-lm' }, { catchUp: { enabled: false } }]) {
      const { url, lmstudio, pauses } = await start(settings);
      await done(post(url, question()));
      await sleep(30);
      assert.equal(lmstudio.asked.length, 0);
      assert.notEqual(pauses.keeper.status.state, 'running');
    }
  });

  it('measures what it saved on the first request that could use it', async () => {
    const site = await start();
    // In as many steps as the machine is quick just now.
    site.lmstudio.scripts = [readsAll(site)];
    site.mlx.scripts = [says('It counts lines.')];
    await done(post(site.url, question()));
    await until(() => site.warmups.length > 0);
    const [{ promptTokens = 0, cachedTokens = 0 } = {}] = site.warmups;
    site.lmstudio.scripts = [says('Done.', { promptTokens: promptTokens + 60, cachedTokens: promptTokens })];
    const messages = [
      { role: 'user', content: 'What does it do?' },
      { role: 'assistant', content: 'It counts lines.' },
      { role: 'user', content: 'Fix the typo in src/a.ts' },
    ];
    await done(post(site.url, question({ messages })));
    await until(() => site.warmups.length > 1);
    const use = site.warmups.find((one) => one.use !== undefined)?.use;
    assert.ok(use?.result === 'used');
    assert.equal(use.requestId, 'req_2');
    // Not the ends of its steps, which each was read for itself alone.
    assert.equal(use.tokens, promptTokens - cachedTokens);
    // How much that is depends on the machine; that it is more than none is held in parts.test.ts.
    assert.ok(use.savedSeconds >= 0);
  });

  it('breaks no cache, and what a break then makes of its work counts as lost', async () => {
    const site = await start();
    site.mlx.scripts = [says('It counts lines.')];
    await done(post(site.url, question()));
    await until(() => site.warmups.length > 0);
    site.lmstudio.scripts = [says('Done.', { promptTokens: 700, cachedTokens: 4 })];
    const messages = [
      { role: 'user', content: 'What does it do?' },
      { role: 'assistant', content: 'It counts lines.' },
      { role: 'user', content: 'Fix the typo in src/a.ts' },
    ];
    await done(post(site.url, ask('', { system: `${SYSTEM} And brief.`, messages })));
    await until(() => site.outcomes.length === 2);
    const [first, second] = site.outcomes;
    assert.equal(first?.cacheBreak, undefined);
    assert.equal(second?.answeredBy, 'lmstudio');
    assert.equal(second?.cacheBreak?.cause, 'system-changed');
    assert.ok((second?.cacheBreak?.lostTokens ?? 0) > 400, `${second?.cacheBreak?.lostTokens} tokens lost`);
  });

  it('leaves a backend alone for a while after it failed there', async () => {
    const site = await start();
    site.lmstudio.scripts = [refuses('rejected', 'It cannot render that.')];
    await done(post(site.url, question()));
    await until(() => site.warmups.length > 0);
    assert.equal(site.warmups[0]?.result, 'failed');
    await done(post(site.url, question()));
    await sleep(30);
    assert.equal(site.lmstudio.asked.length, 1);
  });

  it('ends with the daemon, recorded as cut off', async () => {
    const site = await start();
    let isPrefilling = false;
    site.lmstudio.scripts = [
      hangs(() => {
        isPrefilling = true;
      }),
    ];
    await done(post(site.url, question()));
    await until(() => isPrefilling);
    await site.pauses.stop();
    assert.equal(site.warmups[0]?.reason, 'anyclaude was stopped');
    assert.equal(site.lmstudio.ended, 1);
  });
});

describe('the prefill runner', () => {
  const job = (site: Site, more: Partial<PrefillJob> = {}): PrefillJob => {
    const conversation = site.mlx.asked[0]?.conversation;
    if (!conversation) throw new Error('Ask first.');
    return { purpose: 'warm', backend: 'lmstudio', model: 'lmstudio-model', conversation, ...more };
  };
  const asked = async (options: Options = {}): Promise<Site> => {
    // Its own plans stay out of the way.
    const site = await start({ catchUp: { enabled: false } }, options);
    await done(post(site.url, question()));
    await until(() => site.deps.traffic.inFlight === 0);
    return site;
  };

  it('runs one job at a time, on whatever backend', async () => {
    const site = await asked();
    let running = 0;
    let most = 0;
    const slow: Script = async function* () {
      running += 1;
      most = Math.max(most, running);
      yield { type: 'alive' };
      await sleep(5);
      running -= 1;
      yield* says('a')({} as never, {} as never);
    };
    site.mlx.scripts = [slow];
    site.lmstudio.scripts = [slow];
    const reports = await Promise.all(
      ['mlx-lm', 'lmstudio', 'mlx-lm'].map((backend) =>
        site.pauses.prefiller.run(job(site, { backend, model: `${backend}-model` })),
      ),
    );
    assert.equal(most, 1);
    assert.equal(reports[1]?.result, 'completed');
  });

  it('sends nothing while a request runs, and nothing to a backend that is not up', async () => {
    const site = await asked();
    const left = site.deps.traffic.arrived();
    const busy = await site.pauses.prefiller.run(job(site));
    assert.deepEqual([busy.result, busy.reason], ['skipped', 'a request runs']);
    left();
    site.lmstudio.status = { state: 'down' };
    await site.deps.fleet.probeIdle();
    assert.equal((await site.pauses.prefiller.run(job(site))).reason, 'lmstudio is not up');
    assert.equal((await site.pauses.prefiller.run(job(site, { backend: 'none' }))).reason, 'no such backend');
    assert.equal(site.lmstudio.asked.length, 0);
    assert.deepEqual(site.warmups, []);
  });

  it('begins anew, in short steps, where mlx_lm.server turns out to have lost what it was believed to hold', async () => {
    const site = await asked();
    const longer = goneOn(job(site, { backend: 'mlx-lm', model: 'mlx-lm-model' }));
    const lost: Script = async function* () {
      yield { type: 'progress', processed: 0, total: 5000 };
      yield* says('never')({} as never, {} as never);
    };
    site.mlx.scripts = [lost, says('a')];
    const before = site.mlx.asked.length;
    const report = await site.pauses.prefiller.run(longer);
    assert.equal(report.result, 'completed');
    const [first, second] = site.mlx.asked.slice(before).map(({ conversation }) => conversation);
    assert.ok((first?.messages.length ?? 0) > 1, 'it went on behind what was believed to be there');
    assert.ok((second?.system.length ?? 0) < SYSTEM.length, 'it began at the beginning');
  });

  it('sends no pieces any more to a cache that does not give them back', async () => {
    const site = await asked();
    site.lmstudio.scripts = [says('a', { promptTokens: 300, cachedTokens: 0 })];
    const report = await site.pauses.prefiller.run(job(site));
    assert.equal(report.reason, 'its cache has no room');
    const again = await site.pauses.prefiller.run(job(site));
    assert.equal(again.steps, 0);
  });

  it('needs one slot for all its steps, where other conversations have all but one', async () => {
    const site = await asked();
    site.lmstudio.scripts = [readsAll(site)];
    const messages = [{ role: 'user', content: 'Fix src/other.ts' }];
    const headers = { 'x-claude-code-session-id': 'another' };
    await done(post(site.url, question({ messages }), { headers }));
    await until(() => site.deps.traffic.inFlight === 0);
    for (const name of ['c', 'd', 'e', 'f', 'g', 'h']) {
      const chain = [{ hash: name, tokens: 100 }];
      site.deps.memory.observe({ backend: 'lmstudio', chain, ending: 'completed' }, Date.now());
    }
    const report = await site.pauses.prefiller.run(goneOn(job(site)));
    assert.deepEqual([report.result, report.reason], ['completed', undefined]);
    assert.ok(report.steps > 1, 'more steps than there is room for');
  });

  it('reads again, from the cache, the conversation that its steps would push out of mlx_lm.server', async () => {
    const site = await asked({ stepSeconds: 0.1 });
    const server = mlxOf(10);
    site.mlx.scripts = [server.script];
    const messages = [{ role: 'user', content: 'What does src/kept.ts do?' }];
    const headers = { 'x-claude-code-session-id': 'kept', 'x-anyclaude-route': 'analysis' };
    await done(post(site.url, question({ messages }), { headers }));
    await until(() => site.deps.traffic.inFlight === 0);
    const long = goneOn(job(site, { backend: 'mlx-lm', model: 'mlx-lm-model', sessionId: 'long' }), 5000);
    const report = await site.pauses.prefiller.run(long);
    assert.deepEqual([report.result, report.reason], ['completed', undefined]);
    assert.ok(report.steps > 12, `${report.steps} requests`);
    assert.ok(server.holds('What does src/kept.ts do?'), 'it was pushed out');
    const again = site.mlx.asked.filter(({ conversation }) =>
      JSON.stringify(conversation).includes('kept.ts'),
    );
    assert.ok(again.length > 1 && again.length < report.steps / 3, `${again.length} of ${report.steps}`);
  });

  it('keeps no room for subagents that have ended, but for those that still work', async () => {
    for (const [answer, reason] of [
      [says('Found.'), undefined],
      [calls('t1', 'Read', {}), 'its cache has no room'],
    ] as const) {
      const site = await asked();
      site.lmstudio.scripts = [says('Done.')];
      await done(post(site.url, question(), { headers: { 'x-anyclaude-route': 'edit' } }));
      site.mlx.scripts = [answer];
      for (let at = 0; at < 10; at += 1) {
        const headers = { 'x-claude-code-agent-id': `agent-${at}`, 'x-anyclaude-route': 'analysis' };
        const system = `You search in folder ${at}. `.repeat(80);
        await done(post(site.url, ask('Find it.', { system }), { headers }));
      }
      await until(() => site.deps.traffic.inFlight === 0);
      site.mlx.scripts = [says('a')];
      const report = await site.pauses.prefiller.run(
        goneOn(job(site, { backend: 'mlx-lm', model: 'mlx-lm-model' })),
      );
      assert.equal(report.reason, reason);
    }
  });

  it('an error that nobody thought of ends one run, not those after it, and is logged', async () => {
    let recorded = 0;
    const recorder = {
      warmup() {
        recorded += 1;
        if (recorded === 1) throw new Error('the first record fails');
      },
    };
    const site = await start({ catchUp: { enabled: false } }, { recorder });
    await done(post(site.url, question()));
    await until(() => site.deps.traffic.inFlight === 0);
    const first = await site.pauses.prefiller.run(job(site));
    assert.deepEqual([first.result, first.reason], ['failed', 'a bug in anyclaude; its log has the reason']);
    assert.deepEqual(site.bugs.map(String), ['Error: the first record fails']);
    const second = await site.pauses.prefiller.run(goneOn(job(site)));
    assert.equal(second.result, 'completed');
    await site.pauses.stop();
  });

  it('goes on where it was cut off', async () => {
    const site = await asked();
    // The first two are the shortest, however quick the machine is.
    let steps = 0;
    site.lmstudio.scripts = [
      async function* (request, signal) {
        steps += 1;
        yield* steps < 2
          ? readsAll(site)(request, signal)
          : hangs(() => site.deps.traffic.arrived()())(request, signal);
      },
    ];
    const cut = await site.pauses.prefiller.run(job(site));
    assert.deepEqual([cut.result, cut.steps], ['cancelled', 2]);
    const done = site.lmstudio.asked[0]?.conversation.system.length ?? 0;
    site.lmstudio.scripts = [readsAll(site)];
    const rest = await site.pauses.prefiller.run(job(site));
    assert.equal(rest.result, 'completed');
    assert.ok((site.lmstudio.asked[2]?.conversation.system.length ?? 0) > done);
  });
});

describe('warming', () => {
  it('reads the front of each project on each backend of its routes, without a word of the person', async () => {
    const site = await start({ catchUp: { onBattery: false } }, { power: async () => 'battery' });
    await done(
      post(site.url, question({ messages: [{ role: 'user', content: 'What is the secret word?' }] })),
    );
    await until(() => site.deps.traffic.inFlight === 0);
    const warmed = [];
    for await (const one of site.pauses.keeper.warm()) warmed.push(one);
    assert.deepEqual(warmed.map(({ backend }) => backend).toSorted(), ['lmstudio', 'mlx-lm']);
    const { conversation } = site.lmstudio.asked.at(-1) ?? {};
    assert.equal(conversation?.system, SYSTEM);
    assert.ok(!JSON.stringify(conversation).includes('secret'));
    assert.ok(site.warmups.every(({ purpose }) => purpose === 'warm'));
  });

  it('gives a server back what it had, once it is up again', async () => {
    const site = await start();
    await done(post(site.url, question()));
    await until(() => site.warmups.length > 0);
    await site.pauses.tick();
    assert.equal(site.warmups.length, 1, 'nothing was lost yet');
    site.deps.memory.met('mlx-lm', { state: 'up', flavour: 'mlx-lm' }, Date.now());
    site.deps.memory.met('mlx-lm', { state: 'down' }, Date.now());
    await site.pauses.tick();
    const warm = site.warmups.filter(({ purpose }) => purpose === 'warm');
    assert.deepEqual(
      warm.map(({ backend, result }) => [backend, result]),
      [['mlx-lm', 'completed']],
    );
  });
});

/** Reports of a prompt what a cache would that holds what the request before it brought. */
function readsAll(site: Site): Script {
  return async function* (request): AsyncGenerator<StreamItem> {
    const sizes = site.lmstudio.asked.map(({ promptTokens }) => promptTokens);
    const cachedTokens = Math.max(0, (sizes.at(-2) ?? 0) - 20);
    // As a server does, it takes longer for more; else what is learned of its speed is the machine's noise.
    await sleep((request.promptTokens - cachedTokens) / 10);
    yield* opening();
    yield { type: 'content_block_start', index: 0, content_block: { type: 'text', text: 'a' } };
    yield* closing('max_tokens', { promptTokens: request.promptTokens, cachedTokens });
  };
}

/** Keeps the last so many prompts, as mlx_lm.server does: one that begins with another takes that one's place. */
function mlxOf(entries: number) {
  let held: readonly string[] = [];
  const script: Script = async function* ({ conversation, promptTokens }): AsyncGenerator<StreamItem> {
    const text = `${conversation.system} ${JSON.stringify(conversation.messages).slice(0, -1)}`;
    const shared = Math.max(0, ...held.map((one) => sharedChars(one, text)));
    const cachedTokens = Math.floor((promptTokens * shared) / text.length);
    await sleep((promptTokens - cachedTokens) / 3);
    held = [...held.filter((one) => !text.startsWith(one)), text].slice(-entries);
    yield* opening();
    yield { type: 'content_block_start', index: 0, content_block: { type: 'text', text: 'a' } };
    yield* closing('max_tokens', { promptTokens, cachedTokens });
  };
  return { script, holds: (words: string) => held.some((one) => one.includes(words)) };
}

function sharedChars(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  return at;
}

/** By some 800 tokens, or as many as are asked for. */
function goneOn(job: PrefillJob, tokens = 800): PrefillJob {
  const messages = [...job.conversation.messages, ...said('x '.repeat((tokens * 3) / 4))];
  return { ...job, conversation: { ...job.conversation, messages } };
}

function said(text: string) {
  return [
    { role: 'assistant', parts: [{ kind: 'text', text }] },
    { role: 'user', parts: [{ kind: 'text', text }] },
  ] as const;
}
