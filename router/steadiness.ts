// Whether a server that was lost can be counted on again. It has to stay up as long as it did before the loss, and
// then twice as long: whoever comes and goes, in whatever rhythm quicker than an hour, soon gets no more turns.

/** Times are milliseconds of the clock that memory is told. */
export type Steadiness = {
  comesUp(nowMs: number): void;
  /** True where it was up until now. */
  goesDown(nowMs: number): boolean;
  /** Why no conversation should move there now, in one clause. */
  unsteady(nowMs: number): string | undefined;
};

const MINUTE_MS = 60_000;
const SHORTEST_TRIAL_MS = 2 * MINUTE_MS;
/** One loss alone, soon after the server was first seen, is more often a person's doing than a fault. */
const FIRST_TRIAL_MS = 15 * MINUTE_MS;
/** Who stayed up for so long is as good as new: to leave and come back costs less than to do without it. */
const AS_GOOD_AS_NEW_MS = 60 * MINUTE_MS;

export function createSteadiness(): Steadiness {
  let isUp = false;
  let losses = 0;
  let trialMs = 0;
  let sinceMs: number | undefined;

  function isLost(lastedMs: number): void {
    const isNew = losses === 0 || lastedMs >= AS_GOOD_AS_NEW_MS;
    losses = isNew ? 1 : losses + 1;
    trialMs = isNew ? firstTrial(lastedMs) : Math.max(trialMs, 2 * lastedMs);
    trialMs = Math.min(AS_GOOD_AS_NEW_MS, trialMs);
  }

  return {
    comesUp(nowMs) {
      isUp = true;
      sinceMs ??= nowMs;
    },
    goesDown(nowMs) {
      const wasUp = isUp;
      if (wasUp) isLost(nowMs - (sinceMs ?? nowMs));
      isUp = false;
      sinceMs = nowMs;
      return wasUp;
    },
    unsteady(nowMs) {
      const leftMs = (sinceMs ?? nowMs) + trialMs - nowMs;
      if (losses === 0 || leftMs <= 0) return undefined;
      const times = `${losses} time${losses === 1 ? '' : 's'}`;
      return `it was lost ${times} lately and has to stay up for ${Math.ceil(leftMs / 1000)} s more`;
    },
  };
}

function firstTrial(lastedMs: number): number {
  if (lastedMs >= AS_GOOD_AS_NEW_MS) return SHORTEST_TRIAL_MS;
  return Math.max(SHORTEST_TRIAL_MS, Math.min(FIRST_TRIAL_MS, lastedMs));
}
