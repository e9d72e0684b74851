// What happens by the clock: backends that are not busy are asked who they are, so that the router and the
// status know of a server that came or went; and a server that came back is given what it had.

import cron from 'node-cron';
import type { Fleet } from './fleet.ts';
import type { Pauses } from './keeper/open.ts';

export type Schedule = { stop(): Promise<void> };

export type Scheduled = {
  readonly fleet: Pick<Fleet, 'probeIdle'>;
  readonly pauses: Pick<Pauses, 'tick'>;
  readonly onError: (error: unknown) => void;
};

export function startSchedule({ fleet, pauses, onError }: Scheduled): Schedule {
  const every = (pattern: string, work: () => Promise<void>) =>
    cron.schedule(pattern, () => work().catch(onError), { noOverlap: true });
  // Behind the probe that finds out that a server was restarted.
  const tasks = [every('*/10 * * * * *', () => fleet.probeIdle()), every('5 * * * * *', () => pauses.tick())];
  return {
    async stop() {
      await Promise.all(tasks.map((task) => task.destroy()));
    },
  };
}
