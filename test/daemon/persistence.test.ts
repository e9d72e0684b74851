// What the daemon does with what it kept: computed again after a start, named in `status` where it cannot be used.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Backend, BackendStatus } from '../../backend/backend.ts';
import { loadConfig } from '../../daemon/config/config.ts';
import { createFleet, type Fleet, type Member } from '../../daemon/fleet.ts';
import type { PrefillJob, PrefillReport } from '../../daemon/keeper/prefill.ts';
import { type RunningDaemon, startDaemon } from '../../daemon/main.ts';
import type { SavedPrefix } from '../../daemon/prefixes/prefix.ts';
import { restorePrefixes } from '../../daemon/prefixes/restore.ts';
import { type FakeChat, startFakeChat } from '../fake/chat.ts';

const NOW = 1_700_000_000_000;
const DAY = 24 * 60 * 60_000;

function prefix(project: string, backends: readonly string[], ageDays = 0): SavedPrefix {
  return {
    project,
    backends,
    hash: '',
    system: project,
    tools: [],
    opening: [],
    savedAtMs: NOW - ageDays * DAY,
  };
}

async function fleetOf(states: Readonly<Record<string, () => BackendStatus['state']>>): Promise<Fleet> {
  const members = Object.entries(states).map(
    ([name, state]): Member => ({
      name,
      config: { url: 'http://127.0.0.1:1' } as Member['config'],
      backend: { name, close: async () => {} } as unknown as Backend,
      gate: { idle: true, inFlight: 0, queued: 0 },
      probe: async () => ({ state: state() }),
      proveAlive: async () => {},
      model: () => `model of ${name}`,
    }),
  );
  const fleet = createFleet(members, () => NOW);
  await fleet.probeIdle();
  return fleet;
}

const done: PrefillReport = { result: 'completed', steps: 1, durationMs: 1 };

/** Plays the runner: `reports` in their order, then all goes well. */
async function restored(
  fleet: Fleet,
  prefixes: readonly SavedPrefix[],
  {
    reports = [],
    isRestored = () => false,
  }: { reports?: PrefillReport[]; isRestored?: (backend: string) => boolean } = {},
) {
  const jobs: PrefillJob[] = [];
  const controller = new AbortController();
  const run = async (job: PrefillJob) => {
    jobs.push(job);
    await fleet.probeIdle();
    return reports.shift() ?? done;
  };
  const options = { prefixes, fleet, run, isRestored, nowMs: NOW, signal: controller.signal, retryMs: 1 };
  await restorePrefixes(options);
  return jobs.map(
    ({ purpose, backend, project, model }) => `${purpose} ${project} on ${backend} as ${model}`,
  );
}

describe('after a start', () => {
  it('each backend is given the fronts that it had, the newest three, and no old ones', async () => {
    const fleet = await fleetOf({ a: () => 'up', b: () => 'up' });
    const prefixes = [
      ...[prefix('/1', ['a', 'b']), prefix('/2', ['a']), prefix('/3', ['a', 'gone'])],
      ...[prefix('/4', ['a']), prefix('/old', ['b'], 30)],
    ];
    const jobs = await restored(fleet, prefixes);
    assert.deepEqual(jobs.toSorted(), [
      'restore /1 on a as model of a',
      'restore /1 on b as model of b',
      'restore /2 on a as model of a',
      'restore /3 on a as model of a',
    ]);
  });

  it('a front that a request got in the way of is tried again, one that failed is not', async () => {
    const fleet = await fleetOf({ a: () => 'up' });
    const cancelled: PrefillReport = { ...done, result: 'cancelled', reason: 'a request came in' };
    const skipped: PrefillReport = { ...done, result: 'skipped', reason: 'a request runs' };
    const failed: PrefillReport = { ...done, result: 'failed', reason: 'It died.' };
    const prefixes = [prefix('/1', ['a']), prefix('/2', ['a'])];
    const jobs = await restored(fleet, prefixes, { reports: [cancelled, skipped, failed] });
    assert.deepEqual(
      jobs.map((job) => job.split(' ')[1]),
      ['/1', '/1', '/1', '/2'],
    );
  });

  it('a server that is not up yet is waited for', async () => {
    let state: BackendStatus['state'] = 'down';
    const fleet = await fleetOf({ a: () => state });
    const restoring = restored(fleet, [prefix('/1', ['a'])]);
    state = 'up';
    await fleet.probeIdle();
    assert.equal((await restoring).length, 1);
  });

  it('a server that has its slots again is given nothing else', async () => {
    const fleet = await fleetOf({ a: () => 'up' });
    assert.deepEqual(await restored(fleet, [prefix('/1', ['a'])], { isRestored: () => true }), []);
  });
});

describe('a daemon', () => {
  let home: string;
  let fake: FakeChat;
  let daemon: RunningDaemon;
  beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), 'anyclaude-kept-'));
    fake = await startFakeChat('mlx');
  });
  afterEach(async () => {
    await daemon.close();
    await fake.close();
    rmSync(home, { recursive: true, force: true });
  });

  async function start(settings: object = {}): Promise<void> {
    const backends = { 'mlx-lm': { url: fake.url }, lmstudio: null };
    const routes = { analysis: 'mlx-lm', edit: 'mlx-lm' };
    const text = JSON.stringify({ mode: 'mlx-lm', port: 0, backends, routes, drainMs: 100, ...settings });
    const config = loadConfig({
      flags: {},
      env: { ANYCLAUDE_HOME: home },
      file: { path: 'config.json', text },
    });
    daemon = await startDaemon({ config, version: '0.0.0', logStream: { write() {} } });
  }

  async function ask(): Promise<void> {
    const messages = [{ role: 'user', content: 'What is this?' }];
    const response = await fetch(`${daemon.url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-anyclaude-project': '/home/dev/orchard' },
      body: JSON.stringify({ model: 'claude-anyclaude', max_tokens: 16, system: 'You code.', messages }),
    });
    assert.equal(response.status, 200, await response.text());
  }

  async function untilNote(pattern: RegExp): Promise<void> {
    for (;;) {
      const { notes } = (await (await fetch(`${daemon.url}/status`)).json()) as { notes: string[] };
      if (notes.some((note) => pattern.test(note))) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  it('keeps the front of a project when it stops', async () => {
    await start();
    await ask();
    await daemon.close();
    assert.equal(readdirSync(join(home, 'prefixes')).length, 1);
  });

  it('names in its status a file that it ignored', async () => {
    mkdirSync(join(home, 'prefixes'), { mode: 0o700 });
    writeFileSync(join(home, 'prefixes', 'x.json'), '{"form', { mode: 0o600 });
    await start();
    await untilNote(/x\.json is damaged: it was ignored and removed\./);
  });

  it('answers as ever where nothing can be kept, and says so in its status', async () => {
    writeFileSync(join(home, 'prefixes'), 'in the way');
    await start();
    await ask();
    await untilNote(/The front of a prompt could not be kept on disk/);
    await ask();
  });

  it('keeps nothing where a person wants it so, and removes what was kept', async () => {
    mkdirSync(join(home, 'prefixes'), { mode: 0o700 });
    writeFileSync(join(home, 'prefixes', 'x.json'), '{}', { mode: 0o600 });
    await start({ persistPrefixes: false });
    await ask();
    while (existsSync(join(home, 'prefixes'))) await new Promise((resolve) => setTimeout(resolve, 5));
    await daemon.close();
    assert.equal(existsSync(join(home, 'prefixes')), false);
    assert.equal(existsSync(join(home, 'slots.json')), false);
  });
});
