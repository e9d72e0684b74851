// What happens by the clock: backends that are not busy are asked who they are, so that the router and the
// status know of a server that came or went, and what servers hold is looked after.

import cron from 'node-cron';

export type Schedule = { stop(): Promise<void> };

export function startSchedule(look: () => Promise<void>, onError: (error: unknown) => void): Schedule {
  const task = cron.schedule('*/10 * * * * *', () => look().catch(onError), { noOverlap: true });
  return {
    async stop() {
      await task.destroy();
    },
  };
}
