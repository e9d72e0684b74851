// What happens by the clock: backends that are not busy are asked who they are, so that the router and the status know
// of a server that came or went; what servers hold is saved, and one that came back is given what it had; what was
// learned is kept; and the store is looked after.

import cron from 'node-cron';
import type { Memory } from '../router/memory.ts';
import type { Fleet } from './fleet.ts';
import type { Pauses } from './keeper/open.ts';
import type { Persistence } from './persistence.ts';
import type { Upkeep } from './upkeep.ts';

export type Schedule = { stop(): Promise<void> };

export type Scheduled = {
  readonly fleet: Pick<Fleet, 'probeIdle' | 'members' | 'status'>;
  readonly memory: Pick<Memory, 'met'>;
  readonly persistence: Pick<Persistence, 'tend'>;
  readonly pauses: Pick<Pauses, 'tick'>;
  readonly upkeep: Upkeep;
  readonly saveLearned: () => Promise<void>;
  readonly onError: (error: unknown) => void;
};

export function startSchedule(scheduled: Scheduled): Schedule {
  const { fleet, memory, persistence, pauses, upkeep, saveLearned, onError } = scheduled;
  const every = (expression: string, run: () => Promise<void>) =>
    cron.schedule(expression, () => run().catch(onError), { noOverlap: true });
  const look = async (): Promise<void> => {
    await fleet.probeIdle();
    // A server that goes and comes back while nobody asks has lost what it held.
    for (const { name } of fleet.members) memory.met(name, fleet.status(name), Date.now());
    await persistence.tend();
  };
  const tasks = [
    every('*/10 * * * * *', look),
    // Behind the probe that finds out that a server came up, and behind its slots.
    every('5-59/10 * * * * *', () => pauses.tick()),
    every('15 */5 * * * *', saveLearned),
    // Once a night is enough. Asked every minute, for a laptop sleeps at night and a daemon may be restarted by day.
    every('45 * * * * *', () => upkeep.look()),
  ];
  return {
    async stop() {
      await Promise.all(tasks.map((task) => task.destroy()));
      await upkeep.stop();
    },
  };
}
