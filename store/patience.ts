// Whoever else writes to the file is let through: what finds it locked is tried again for a second or so.

import { setTimeout as delay } from 'node:timers/promises';
import { isBusy } from './sqlite-error.ts';

const ATTEMPTS = 40;
const PAUSE_MS = 25;

/** Rejects with the database's error: at once for any but a lock. */
export async function whenFree<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isBusy(error) || attempt === ATTEMPTS) throw error;
      await delay(PAUSE_MS);
    }
  }
}
