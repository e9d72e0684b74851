// Which prompts one server is believed to have in its prompt cache. No server can be asked, so this is a shadow of it:
// what was sent there and completed, forgotten as that kind of server forgets, and corrected by what comes back.
// Reports only ever lower the belief in what was sent or restore it to that: they never add a prompt.

import { createCapacity, keepsSteps, LOST_SHARE, TELLING_TOKENS } from './capacity.ts';
import { type Chain, type Observation, sharedLength, tokensOf } from './observation.ts';
import { fieldsOf, isFiniteNumber } from './saved.ts';

/** What a probe can tell of the program behind an address. */
export type Flavour = 'mlx-lm' | 'lmstudio' | 'llama.cpp' | 'vllm' | 'claude' | 'other';

export type Match = {
  /** Tokens of the longest prefix that was sent there before, in the asker's own estimates. */
  readonly tokens: number;
  /** Belief that the server still has it, 0 to 1. */
  readonly warm: number;
};

/** What a server is believed to hold. Tokens are estimates; what several conversations begin with counts once. */
export type HeldPrompts = {
  readonly conversations: number;
  readonly tokens: number;
  /** When one of them was last used: of the clock that memory is told the time by. */
  readonly usedAtMs: number;
};

export type Warmth = {
  match(chain: Chain, nowMs: number): Match;
  /** Share of a prompt that a conversation which goes on at once finds cached, 0 to 1. */
  readonly keeps: number;
  /** The same in turns to come, when what is unproven now will have been found out: it is taken for good here. */
  readonly keepsLater: number;
  /**
   * `cachedTokens` is absent where nothing is known. `ending` other than `completed` adds no prompt.
   * Call it before the next `match` of the same conversation.
   */
  observe(seen: Seen, nowMs: number): void;
  /** Undefined where nothing is known to be held. */
  readonly held: HeldPrompts | undefined;
  /** Prompts that can be added before one of these is lost: conversations that someone may go on with. */
  room(protectedChains: readonly Chain[]): number;
  /** The server is not the one it was: restarted, or with another model. */
  forget(): void;
  /** Counts up with every restart that was noticed. */
  readonly epoch: number;
  toJSON(): readonly Tally[];
};

export type Seen = Pick<
  Observation,
  'chain' | 'ending' | 'cachedTokens' | 'outputTokens' | 'promptTokens' | 'isStep'
>;
export type Tally = { readonly kept: number; readonly lost: number };

type Held = {
  readonly hashes: readonly string[];
  /** Of each link. */
  readonly tokens: readonly number[];
  /** The answer is in the cache, too: the next prompt of the conversation repeats it. */
  readonly answerTokens: number;
  readonly usedMs: number;
  /** Part of a longer prompt that is computed piece by piece. */
  readonly isStep: boolean;
};

type Holding = { readonly nowMs: number; readonly isStep: boolean };

/** Where the longest prefix of a prompt is held. */
type Place = Pick<Match, 'tokens'> & {
  readonly usedMs: number;
  /** Conversations that came after it. */
  readonly newer: number;
  /** Tokens that another one holds, too. */
  readonly inOthers: number;
  /** Of `tokens`: the prompt's own, and all of the answer that may be kept. */
  readonly prompt: number;
  readonly answer: number;
};

type Found = Place & {
  readonly warm: number;
  /** Which of the tallies the belief belongs to. */
  readonly step: number;
};

/** Idle time in milliseconds below which a belief belongs to the first, the second … of the tallies. */
const IDLE_STEPS_MS = [5 * 60_000, 60 * 60_000, Number.POSITIVE_INFINITY] as const;
const PRIOR_KEPT = [0.95, 0.85, 0.6] as const;
/** Of a server that nothing is known of. */
const PRIOR_KEPT_UNKNOWN = [0.7, 0.5, 0.3] as const;
/** Weight of the prior in reports, and how much of the past each report leaves. */
const PRIOR_WEIGHT = 1;
const REMEMBER = 0.95;
const TELLING_ANSWER_TOKENS = 30;
const ANSWER_GAIN = 0.1;
/** Believed prompts that were gone, one after another: from so many on the server is taken for restarted. */
const LOSSES_OF_A_RESTART = 2;

export function createWarmth(flavour: Flavour = 'other', saved?: unknown): Warmth {
  const capacity = createCapacity(flavour);
  const priors = flavour === 'other' ? PRIOR_KEPT_UNKNOWN : PRIOR_KEPT;
  const tallies = readTallies(saved) ?? priors.map(() => ({ kept: 0, lost: 0 }));
  let held: readonly Held[] = [];
  let losses = 0;
  let answerKept = 1;
  let epoch = 0;

  const keptShare = (step: number, prior: number = priors[step] ?? 0): number => {
    const { kept, lost } = tallies[step] ?? { kept: 0, lost: 0 };
    return (kept + prior * PRIOR_WEIGHT) / (kept + lost + PRIOR_WEIGHT);
  };

  function find(chain: Chain, nowMs: number): Found {
    const place = placeOf(chain, held, answerKept);
    const idleMs = place.tokens === 0 ? 0 : nowMs - place.usedMs;
    const step = IDLE_STEPS_MS.findIndex((limit) => idleMs < limit);
    return { ...place, warm: place.tokens === 0 ? 0 : keptShare(step), step };
  }

  /** Some templates drop what the model thought, and then its answer is not what the next prompt repeats. */
  function learnAnswer({ prompt, answer }: Found, cached: number): void {
    if (answer < TELLING_ANSWER_TOKENS || cached < prompt * (1 - LOST_SHARE)) return;
    const kept = Math.max(0, Math.min(1, (cached - prompt) / answer));
    answerKept += ANSWER_GAIN * (kept - answerKept);
  }

  function hold(chain: Chain, answerTokens: number, { nowMs, isStep }: Holding): void {
    const hashes = chain.map(({ hash }) => hash);
    if (hashes.length === 0) return;
    const others = held.filter((one) => !givesWay(one, hashes, flavour));
    const tokens = chain.map((link) => link.tokens);
    held = [...others, { hashes, tokens, answerTokens, usedMs: nowMs, isStep }].slice(
      -capacity.conversations,
    );
  }

  function count(step: number, share: number): void {
    const { kept, lost } = tallies[step] ?? { kept: 0, lost: 0 };
    tallies[step] = { kept: kept * REMEMBER + share, lost: lost * REMEMBER + (1 - share) };
  }

  /** True where the server must have lost everything. */
  function isRestart(share: number): boolean {
    losses = share < LOST_SHARE ? losses + 1 : 0;
    return losses >= LOSSES_OF_A_RESTART;
  }

  function learn(found: Found, cached: number): void {
    const share = Math.min(1, cached / found.tokens);
    count(found.step, share);
    learnAnswer(found, cached);
    if (isRestart(share)) forget();
  }

  function forget(): void {
    held = [];
    capacity.forget();
    losses = 0;
    epoch += 1;
  }

  return {
    match(chain, nowMs) {
      const { tokens, warm } = find(chain, nowMs);
      return { tokens, warm };
    },
    get keeps() {
      return keptShare(0);
    },
    get keepsLater() {
      return keptShare(0, 1);
    },
    observe({ chain, ending, cachedTokens, promptTokens, outputTokens = 0, isStep = false }, nowMs) {
      const found = find(chain, nowMs);
      if (isCount(cachedTokens)) {
        // The asker's estimates and the server's own count may differ: shares of the whole do not.
        const scale = isCount(promptTokens) && promptTokens > 0 ? promptTokens / tokensOf(chain) : 1;
        const cached = cachedTokens / scale;
        capacity.learn(found, cached);
        if (found.tokens >= TELLING_TOKENS) learn(found, cached);
      }
      if (ending === 'completed') hold(chain, outputTokens, { nowMs, isStep });
    },
    room(protectedChains) {
      const first = firstOf(held, protectedChains);
      return first === undefined ? Number.POSITIVE_INFINITY : capacity.conversations - held.length + first;
    },
    get held() {
      return summaryOf(held);
    },
    forget,
    get epoch() {
      return epoch;
    },
    toJSON: () => tallies,
  };
}

function placeOf(chain: Chain, held: readonly Held[], answerKept: number): Place {
  const hashes = chain.map(({ hash }) => hash);
  let best = { tokens: 0, prompt: 0, answer: 0, usedMs: 0, newer: 0 };
  let inOthers = 0;
  for (const [at, one] of held.entries()) {
    const shared = sharedLength(one.hashes, hashes);
    const next = shared === one.hashes.length ? (chain[shared]?.tokens ?? 0) : 0;
    const answer = Math.min(one.answerTokens, next);
    const prompt = tokensOf(chain.slice(0, shared));
    const tokens = prompt + answer * answerKept;
    const isBest = tokens >= best.tokens && shared > 0;
    inOthers = Math.max(inOthers, isBest ? best.tokens : tokens);
    if (isBest) best = { tokens, prompt, answer, usedMs: one.usedMs, newer: held.length - 1 - at };
  }
  return { ...best, inOthers };
}

function summaryOf(held: readonly Held[]): HeldPrompts | undefined {
  if (held.length === 0) return undefined;
  // Each hash covers all before it, so equal hashes are the same tokens in the same place.
  const links = new Map(
    held.flatMap(({ hashes, tokens }) => hashes.map((hash, at) => [hash, tokens[at] ?? 0])),
  );
  const answers = held.reduce((sum, { answerTokens }) => sum + answerTokens, 0);
  return {
    conversations: held.length,
    tokens: Math.round([...links.values()].reduce((sum, each) => sum + each, answers)),
    usedAtMs: Math.max(...held.map(({ usedMs }) => usedMs)),
  };
}

/**
 * A conversation that goes on takes the place of its own beginning. Where prompts live in slots, the next step of one
 * that is computed piece by piece does, too; mlx_lm.server keeps an entry of each.
 */
function givesWay({ hashes, isStep }: Held, next: readonly string[], flavour: Flavour): boolean {
  const shared = sharedLength(hashes, next);
  return shared === hashes.length || (isStep && shared > 0 && !keepsSteps(flavour));
}

/** The place in the row of the one that would be lost first; undefined where none of them is held. */
function firstOf(held: readonly Held[], chains: readonly Chain[]): number | undefined {
  const places = chains.flatMap((chain) => {
    const hashes = chain.map(({ hash }) => hash);
    const shared = held.map((one) => sharedLength(one.hashes, hashes));
    const most = Math.max(0, ...shared);
    return most === 0 ? [] : [shared.lastIndexOf(most)];
  });
  return places.length === 0 ? undefined : Math.min(...places);
}

/** A figure that cannot be true says nothing. */
function isCount(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value) && value >= 0;
}

function readTallies(saved: unknown): Tally[] | undefined {
  if (!Array.isArray(saved) || saved.length !== IDLE_STEPS_MS.length) return undefined;
  return saved.every(isTally) ? saved.map(({ kept, lost }) => ({ kept, lost })) : undefined;
}

function isTally(value: unknown): value is Tally {
  const { kept, lost } = fieldsOf(value);
  return [kept, lost].every((count) => isFiniteNumber(count) && count >= 0);
}
