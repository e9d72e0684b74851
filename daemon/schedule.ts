// What happens by the clock: backends that are not busy are asked who they are, so that the router and the
// status know of a server that came or went; what servers hold is saved, and one that came back is given what it had.

import cron from 'node-cron';
import type { Memory } from '../router/memory.ts';
import type { Fleet } from './fleet.ts';
import type { Pauses } from './keeper/open.ts';
import type { Persistence } from './persistence.ts';

export type Schedule = { stop(): Promise<void> };

export type Scheduled = {
  readonly fleet: Pick<Fleet, 'probeIdle' | 'members' | 'status'>;
  readonly memory: Pick<Memory, 'met'>;
  readonly persistence: Pick<Persistence, 'tend'>;
  readonly pauses: Pick<Pauses, 'tick'>;
  readonly onError: (error: unknown) => void;
};

export function startSchedule({ fleet, memory, persistence, pauses, onError }: Scheduled): Schedule {
  const every = (pattern: string, work: () => Promise<void>) =>
    cron.schedule(pattern, () => work().catch(onError), { noOverlap: true });
  const look = async (): Promise<void> => {
    await fleet.probeIdle();
    // A server that goes and comes back while nobody asks has lost what it held.
    for (const { name } of fleet.members) memory.met(name, fleet.status(name), Date.now());
    await persistence.tend();
  };
  // Behind the probe that finds out that a server was restarted.
  const tasks = [every('*/10 * * * * *', look), every('5 * * * * *', () => pauses.tick())];
  return {
    async stop() {
      await Promise.all(tasks.map((task) => task.destroy()));
    },
  };
}
