// What to prefill while the person reads, and in which pieces. Pure: the same knowledge gives the same plan.
//
// A piece is one request. Some servers do not notice that a prefill is no longer wanted, others throw away what they had
// of it; so a piece is short, and the next one finds it in the cache. But each piece may leave an entry in the server's
// cache, and an entry more may push out a conversation that someone wants to go on with.

import { keepsSteps } from './capacity.ts';
import type { BackendName } from './decision.ts';
import { type Chain, tokensOf } from './observation.ts';
import type { Speed } from './speed.ts';
import type { Flavour, Match } from './warmth.ts';

/** `whole`: what is computed serves only a prompt that begins with all of it. `nothing`: not even that was seen to help. */
export type CacheUse = 'steps' | 'whole' | 'nothing';

export type PrefillLimits = {
  /** Longest request, as far as the backend's speed is known. */
  readonly stepSeconds: number;
  /** Longest prefill of one pause, all requests together. */
  readonly maxSeconds: number;
  /** Longest conversation that is worth it. */
  readonly maxTokens: number;
};

export const PREFILL_LIMITS: PrefillLimits = { stepSeconds: 2, maxSeconds: 300, maxTokens: 200_000 };

/** A conversation that waits for its person. */
export type Resting = {
  /** Unique among them. */
  readonly key: string;
  readonly chain: Chain;
  /** Who answered last. */
  readonly backend: BackendName;
  readonly endedAtMs: number;
};

/** A backend that nothing runs on. */
export type Standby = {
  readonly backend: BackendName;
  readonly model: string;
  readonly flavour: Flavour;
  readonly cacheUse: CacheUse;
  readonly speed: Speed;
  /** Tokens. */
  readonly contextWindow?: number;
  /** Belief that a conversation's next turn goes there, 0 to 1. */
  readonly nextTurnShare: number;
  match(chain: Chain): Match;
  /** Prompts that it can take before it loses one of these. */
  room(protectedChains: readonly Chain[]): number;
};

export type PlanInput = {
  readonly resting: readonly Resting[];
  readonly standbys: readonly Standby[];
  readonly limits: PrefillLimits;
  readonly nowMs: number;
};

export type CatchUp = {
  readonly key: string;
  readonly backend: BackendName;
  readonly model: string;
  readonly debtTokens: number;
  /** Where each request ends, in the chain's tokens: the last one at its end, or where the room ends. */
  readonly cuts: readonly number[];
  /** Of all of them together, as expected. */
  readonly seconds: number;
  readonly returnProbability: number;
};

/** Less is computed as fast as it is asked for. */
const LEAST_DEBT_TOKENS = 128;
/** A person who has been away for so long comes back to the conversation in one of two cases. */
const HALF_RETURN_MS = 10 * 60_000;
/** Below this belief a server is taken to have lost what it held. */
const SURE = 0.8;

/** The most useful first: by the belief that the conversation comes back there, times what would have to be waited for. */
export function planCatchUp({ resting, standbys, limits, nowMs }: PlanInput): readonly CatchUp[] {
  const wanted = standbys.flatMap((standby) =>
    resting
      .filter(({ backend, chain }) => backend !== standby.backend && fits(chain, standby, limits))
      .flatMap((one) => catchUpOf(one, standby, { resting, limits, nowMs }) ?? []),
  );
  const ordered = wanted.toSorted(
    (a, b) =>
      b.returnProbability * b.seconds - a.returnProbability * a.seconds ||
      `${a.key} ${a.backend}`.localeCompare(`${b.key} ${b.backend}`),
  );
  return within(ordered, limits.maxSeconds);
}

function fits(chain: Chain, { contextWindow = Number.POSITIVE_INFINITY }: Standby, limits: PrefillLimits) {
  const tokens = tokensOf(chain);
  return tokens <= limits.maxTokens && tokens < contextWindow;
}

function catchUpOf(
  { key, chain, endedAtMs }: Resting,
  standby: Standby,
  { resting, limits, nowMs }: Omit<PlanInput, 'standbys'>,
): CatchUp | undefined {
  const { backend, model, speed, nextTurnShare } = standby;
  const fromTokens = startOf(standby.match(chain));
  const toTokens = tokensOf(chain);
  if (toTokens - fromTokens < LEAST_DEBT_TOKENS) return undefined;
  const others = worthKeeping(resting.filter((one) => one.key !== key));
  const room = winsRoomBack(standby, others.length) ? Number.POSITIVE_INFINITY : standby.room(others);
  const cuts = cutsOf(standby, { fromTokens, toTokens, limits, room });
  const last = cuts.at(-1);
  if (last === undefined) return undefined;
  const returnProbability = nextTurnShare / (1 + Math.max(0, nowMs - endedAtMs) / HALF_RETURN_MS);
  return {
    ...{ key, backend, model, cuts, returnProbability },
    debtTokens: toTokens - fromTokens,
    seconds: speed.ttft({ uncached: last - fromTokens, cached: fromTokens }).seconds,
  };
}

/** Those prompts that no prefill may push out of a cache. */
export function worthKeeping(prompts: readonly { readonly chain: Chain }[]): readonly Chain[] {
  return prompts.map(({ chain }) => chain).filter((chain) => tokensOf(chain) >= LEAST_DEBT_TOKENS);
}

/** Where the work begins: what is only hoped to be there is computed again, in short requests. */
export function startOf({ tokens, warm }: Match): number {
  return warm >= SURE ? tokens : 0;
}

/** The first one is taken however long it is: its requests are short, and the next pause goes on where they ended. */
function within(jobs: readonly CatchUp[], maxSeconds: number): readonly CatchUp[] {
  let seconds = 0;
  return jobs.filter((job, at) => {
    const isTaken = at === 0 || seconds + job.seconds <= maxSeconds;
    if (isTaken) seconds += job.seconds;
    return isTaken;
  });
}

// ---- Steps --------------------------------------------------------------------------------------------

export type Stretch = {
  readonly fromTokens: number;
  readonly toTokens: number;
  readonly limits: Pick<PrefillLimits, 'stepSeconds'>;
  /** Entries that may be added to the server's cache. */
  readonly room: number;
  /** Most tokens of the next request: what the one before it would have come to in its time. */
  readonly mostTokens?: number;
};

/** Where each request ends. Empty where none may be sent. */
export function cutsOf(
  { speed, flavour, cacheUse }: Pick<Standby, 'speed' | 'flavour' | 'cacheUse'>,
  { fromTokens, toTokens, limits, room, mostTokens = MOST_STEP_TOKENS }: Stretch,
): readonly number[] {
  if (room < 1 || cacheUse === 'nothing' || toTokens <= fromTokens) return [];
  const step = { seconds: limits.stepSeconds, mostTokens };
  const isShort = nextCut(speed, fromTokens, step) >= toTokens;
  if (cacheUse === 'whole') return isShort || leavesPrefill(flavour) ? [toTokens] : [];
  const cuts: number[] = [];
  const most = keepsSteps(flavour) ? room : Number.POSITIVE_INFINITY;
  for (let at = fromTokens; at < toTokens && cuts.length < most; ) {
    at = Math.min(toTokens, nextCut(speed, at, step));
    cuts.push(at);
  }
  return cuts;
}

/** Of the ten entries of mlx_lm.server: with more, it is these that would be read most of the time. */
const MOST_READ_AGAIN = 5;

/** Whether room for steps is won back by reading so many other conversations again, out of the cache. */
export function winsRoomBack(
  { flavour, cacheUse }: Pick<Standby, 'flavour' | 'cacheUse'>,
  others: number,
): boolean {
  return keepsSteps(flavour) && cacheUse === 'steps' && others <= MOST_READ_AGAIN;
}

/** Ends a prefill within one step of its own when nobody waits for it any more, and throws it away. */
export function leavesPrefill(flavour: Flavour): boolean {
  return flavour === 'mlx-lm';
}

const LEAST_STEP_TOKENS = 64;
const MOST_STEP_TOKENS = 65_536;
/** A backend that was hardly seen at work may be slow: it begins with the least. */
const FEW_SAMPLES = 2;
/** Standard deviations: someone waits for the end of a step that takes longer than was thought. */
const BEYOND_DOUBT = 2;

/** As many tokens as are computed within so many seconds, behind those that are cached, with the doubt counted in. */
function nextCut(
  speed: Speed,
  cached: number,
  { seconds, mostTokens }: { readonly seconds: number; readonly mostTokens: number },
): number {
  let low = LEAST_STEP_TOKENS;
  let high = Math.min(mostTokens, speed.samples < FEW_SAMPLES ? LEAST_STEP_TOKENS : MOST_STEP_TOKENS);
  while (high - low > LEAST_STEP_TOKENS / 2) {
    const middle = (low + high) / 2;
    const forecast = speed.ttft({ uncached: middle, cached });
    if (forecast.seconds + BEYOND_DOUBT * forecast.sigma <= seconds) low = middle;
    else high = middle;
  }
  return cached + Math.floor(low);
}
