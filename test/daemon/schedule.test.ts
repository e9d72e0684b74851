// What the clock does, by the jobs that node-cron was given: each is run here without waiting for its time.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import cron from 'node-cron';
import { type Scheduled, startSchedule } from '../../daemon/schedule.ts';

describe('the clock', () => {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });

  function scheduled(changes: Partial<Scheduled> = {}) {
    const done: string[] = [];
    const did = (what: string) => async () => {
      done.push(what);
    };
    const before = new Set(cron.getTasks().keys());
    const schedule = startSchedule({
      fleet: { probeIdle: did('probed'), members: [], status: () => ({ state: 'up' }) },
      memory: { met: () => {} },
      persistence: { tend: did('slots looked after') },
      pauses: { tick: did('warmed') },
      upkeep: { look: did('kept up'), stop: async () => {} },
      saveLearned: did('saved'),
      onError: (error) => done.push(String(error)),
      ...changes,
    });
    stops.push(() => schedule.stop());
    const tasks = [...cron.getTasks()].filter(([id]) => !before.has(id)).map(([, task]) => task);
    return { done, tasks };
  }

  it('gives servers back what they had, six times a minute, by a job of node-cron', async () => {
    const { done, tasks } = scheduled();
    for (const task of tasks) await task.execute();
    assert.deepEqual(done, ['probed', 'slots looked after', 'warmed', 'saved', 'kept up']);
    const warming = tasks[1];
    const [first, second] = warming?.getNextRuns(2) ?? [];
    assert.equal(Number(second) - Number(first), 10_000);
  });

  it('goes on after a job that failed, and tells of it', async () => {
    const tick = () => Promise.reject(new Error('no luck'));
    const { done, tasks } = scheduled({ pauses: { tick } });
    for (const task of tasks) await task.execute();
    assert.deepEqual(done, ['probed', 'slots looked after', 'Error: no luck', 'saved', 'kept up']);
  });

  it('leaves no job behind when it is stopped', async () => {
    const before = cron.getTasks().size;
    scheduled();
    assert.ok(cron.getTasks().size > before);
    for (const stop of stops.splice(0)) await stop();
    assert.equal(cron.getTasks().size, before);
  });
});
