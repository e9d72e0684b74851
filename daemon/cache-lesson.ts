// What one attempt showed of the prompt cache: what was broken on the way and what the cache was worth. Both are held
// against what the backend's speed promised before this attempt was learned from.

import type { FoundBreak } from '../router/guardian.ts';
import { type Observation, tokensOf } from '../router/observation.ts';
import type { CacheBreak } from '../router/outcome.ts';
import { type Saved, savedBy } from '../router/savings.ts';
import type { Forecast } from '../router/speed.ts';
import type { Pass } from './pass.ts';
import type { Plan } from './plan.ts';
import { serverVersion } from './server-version.ts';

/** Reports after which a speed is believed. */
const BELIEVED_AFTER = 3;
const GONE: readonly (string | undefined)[] = ['connect', 'dead'];

/** Call it before memory learns of the attempt, and what it answers afterwards, with what memory inferred. */
export function watchCache(pass: Pass, plan: Plan, seen: Observation): (inferredTokens?: number) => void {
  const { guardian } = pass.deps;
  const { backend, fault, ending, ttftMs } = seen;
  if (GONE.includes(fault)) guardian.lost(backend);
  if (ending !== 'completed' && ttftMs === undefined) return () => {};
  const promised = promisesOf(pass, plan, seen);
  return (inferredTokens) => settle({ pass, plan, seen, promised }, inferredTokens);
}

type Promised = {
  readonly promptTokens: number;
  /** As if nothing were cached. */
  readonly cold: Forecast;
  readonly coldSamples: number;
  /** As if all that the backend had computed before of this conversation were cached. */
  readonly unbroken: Forecast;
  readonly withCached: (cachedTokens: number) => Forecast;
  readonly isBelieved: boolean;
};

function promisesOf({ deps }: Pass, plan: Plan, { backend, promptTokens }: Observation): Promised {
  const speed = deps.memory.speed(backend);
  const estimated = tokensOf(plan.chain);
  const total = promptTokens ?? estimated;
  const held = deps.guardian.heldTokens(plan.watched, backend) * (estimated > 0 ? total / estimated : 1);
  const forecast = (cachedTokens: number): Forecast => {
    const cached = Math.min(total, cachedTokens);
    return speed.ttft({ uncached: total - cached, cached });
  };
  return {
    promptTokens: total,
    cold: speed.cold(total),
    coldSamples: speed.coldSamples,
    unbroken: forecast(held),
    withCached: forecast,
    isBelieved: speed.samples >= BELIEVED_AFTER,
  };
}

type Settled = {
  readonly pass: Pass;
  readonly plan: Plan;
  readonly seen: Observation;
  readonly promised: Promised;
};

function settle(one: Settled, inferredTokens: number | undefined): void {
  const { pass, plan, seen } = one;
  const { deps, draft, tally } = pass;
  const { backend, ending } = seen;
  const status = deps.fleet.status(backend);
  const cachedTokens = seen.cachedTokens ?? inferredTokens;
  const found = deps.guardian.settle(plan.watched, {
    ...{ backend, model: status.model },
    ending: ending === 'completed' ? 'completed' : 'begun',
    ...(seen.promptTokens !== undefined && { promptTokens: seen.promptTokens }),
    ...(cachedTokens !== undefined && { cachedTokens }),
  });
  const version = serverVersion(status, tally.usage?.fingerprint);
  const isLoaded = plan.loaded.get(backend);
  const saved = savedSeconds(one, cachedTokens);
  Object.assign(draft.known, {
    ...(found && { cacheBreak: withCost(found, one) }),
    ...(saved && { saved }),
    ...(version !== undefined && { serverVersion: version }),
    ...(isLoaded !== undefined && { coldLoad: !isLoaded }),
  });
  if (tally.toldTheImpossible) deps.note(impossible(backend));
}

function withCost(found: FoundBreak, { seen, promised }: Settled): CacheBreak {
  const { ttftMs, loadedModel, cachedTokens } = seen;
  if (ttftMs === undefined || loadedModel === true || !promised.isBelieved) return found;
  const more = found.lostTokens === 0 ? 0 : ttftMs / 1000 - promised.unbroken.seconds;
  const lostSecondsBasis = cachedTokens === undefined ? 'inferred' : 'measured';
  return { ...found, lostSeconds: Math.max(0, more), lostSecondsBasis };
}

function savedSeconds({ seen, promised }: Settled, cachedTokens: number | undefined): Saved | undefined {
  const { ttftMs, loadedModel } = seen;
  if (cachedTokens === undefined || loadedModel === true || !promised.isBelieved) return undefined;
  const { promptTokens, cold, coldSamples, withCached } = promised;
  return savedBy({
    ...{ promptTokens, cachedTokens, cold, coldSamples },
    expected: withCached(cachedTokens),
    ...(ttftMs !== undefined && { seconds: ttftMs / 1000 }),
  });
}

function impossible(backend: string): string {
  return `${backend} reports cached tokens that cannot be (negative, or more than its prompt has): what it says of its cache is recorded as unknown.`;
}
