// The keeper and what it works with, built and wired to those who keep count of it.

import { PREFILL_LIMITS } from '../../router/catch-up.ts';
import type { Outcome } from '../../router/outcome.ts';
import type { Recorder } from '../../store/recorder.ts';
import type { Deps } from '../deps.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { createCacheUses } from './cache-use.ts';
import { createGains } from './gains.ts';
import { createKeeper, type Keeper } from './keeper.ts';
import { createPower, type Power } from './power.ts';
import { createPrefiller, type Prefiller } from './prefill.ts';

export type Pauses = {
  readonly keeper: Pick<Keeper, 'status' | 'warm'>;
  readonly prefiller: Pick<Prefiller, 'run'>;
  /** A request has ended. */
  served(outcome: Outcome): void;
  /** To be called by the clock, every few seconds. */
  tick(): Promise<void>;
  /** Ends what runs. */
  stop(): Promise<void>;
};

export type PausesOptions = {
  readonly deps: Deps;
  readonly recorder: Pick<Recorder, 'warmup'>;
  readonly metrics: Pick<Metrics, 'warmedUp' | 'warmupUsed'>;
  readonly power?: Power;
  /** See KeeperDeps. */
  readonly isRestored?: (backend: string) => boolean;
  readonly settleMs?: number;
  /** Longest request. */
  readonly stepSeconds?: number;
};

export function openPauses({
  deps,
  recorder,
  metrics,
  settleMs,
  stepSeconds,
  ...given
}: PausesOptions): Pauses {
  const { power = createPower(), isRestored } = given;
  const cacheUses = createCacheUses();
  const gains = createGains({
    memory: deps.memory,
    onUse(warmup) {
      const { use, backend, model } = warmup;
      if (use.result !== 'unknown') cacheUses.wholeEnded(backend, model, use.result);
      recorder.warmup(warmup);
      metrics.warmupUsed(warmup);
    },
  });
  const limits = {
    ...PREFILL_LIMITS,
    ...deps.config.catchUp,
    ...(stepSeconds !== undefined && { stepSeconds }),
  };
  const isOnBattery = async () => !deps.config.catchUp.onBattery && (await power()) === 'battery';
  const onError = (error: unknown) => deps.logError(error, 'keeper');
  const prefiller = createPrefiller({
    ...deps,
    ...{ cacheUses, limits, isOnBattery, onError },
    onRun(warmup, job) {
      recorder.warmup(warmup);
      metrics.warmedUp(warmup);
      gains.ran(warmup, job);
    },
  });
  const keeper = createKeeper({
    ...deps,
    ...{ prefiller, limits, isOnBattery },
    cacheUse: cacheUses.of,
    ...(settleMs !== undefined && { settleMs }),
    ...(isRestored !== undefined && { isRestored }),
    onError,
  });
  return {
    ...{ keeper, prefiller },
    served: gains.served,
    tick() {
      gains.expire(deps.clock.wall());
      return keeper.tick();
    },
    stop() {
      keeper.stop();
      return prefiller.stop();
    },
  };
}
