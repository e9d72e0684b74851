// What happens by the clock: backends that are not busy are asked who they are, so that the router and the
// status know of a server that came or went.

import cron from 'node-cron';
import type { Fleet } from './fleet.ts';

export type Schedule = { stop(): Promise<void> };

export function startSchedule(fleet: Fleet, onError: (error: unknown) => void): Schedule {
  const task = cron.schedule('*/10 * * * * *', () => fleet.probeIdle().catch(onError), { noOverlap: true });
  return {
    async stop() {
      await task.destroy();
    },
  };
}
