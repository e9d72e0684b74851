// The nightly upkeep of the store, within the daemon: begun when it is due, whether the machine was awake at the time
// or not, and never twice at once.

import { setTimeout as delay } from 'node:timers/promises';
import type { Recorder } from '../store/recorder.ts';
import type { Retention, UpkeepReport } from '../store/upkeep.ts';

export type Upkeep = {
  /** Resolves when it is done, or was not due. Rejects with the database's error. */
  look(): Promise<void>;
  /** Ends what runs after its step. Never rejects. */
  stop(): Promise<void>;
};

export type UpkeepDeps = {
  readonly recorder: Pick<Recorder, 'use'>;
  readonly retention: Retention;
  /** Unix epoch, milliseconds. */
  readonly wall: () => number;
  readonly onDone: (report: UpkeepReport) => void;
};

export function createUpkeep({ recorder, retention, wall, onDone }: UpkeepDeps): Upkeep {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;

  async function keepUpIfDue(): Promise<void> {
    const { isUpkeepDue, keepUp } = await import('../store/upkeep.ts');
    await recorder.use(async (db) => {
      const nowMs = wall();
      if (stopping.signal.aborted || !(await isUpkeepDue(db, nowMs))) return;
      const report = await keepUp(db, { nowMs, retention, signal: stopping.signal });
      if (!stopping.signal.aborted) onDone(report);
    });
  }

  return {
    look() {
      running ??= keepUpIfDue().finally(() => {
        running = undefined;
      });
      return running;
    },
    async stop() {
      stopping.abort();
      await Promise.race([running, delay(LONGEST_STEP_MS, undefined, { ref: false })]).catch(() => undefined);
    },
  };
}

const LONGEST_STEP_MS = 2000;
