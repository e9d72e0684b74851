// What each choice would cost the person, in seconds, with its parts: the bill of a decision before it is made.
// Pure: the same knowledge and the same moment give the same bill.

import type { Candidate } from './candidate.ts';
import type { BackendName, Task } from './decision.ts';
import { futuresOf, type Prospect } from './future.ts';
import type { Knowledge, When } from './memory.ts';
import type { Chain } from './observation.ts';

/** Seconds. Their sum is the cost. */
export type CostParts = {
  /** Until the backend begins with it. */
  readonly queue: number;
  /** Of the model, where it is not in memory. */
  readonly load: number;
  readonly prefill: number;
  readonly decode: number;
  /** Expected redoing of a failed edit. */
  readonly quality: number;
  /** What it is worth to the person that a task's own backend does this call and, of those to come, what one loses more. */
  readonly preference: number;
  /** What the rest of the conversation takes longer than after the fastest choice. */
  readonly future: number;
};

export type Cost = {
  readonly backend: BackendName;
  readonly seconds: number;
  readonly parts: CostParts;
  /** The likeliest time to first token, the queue included: warm or cold, not a mean of both. */
  readonly ttftSeconds: number;
  /** Standard deviation of `seconds` for what is not known yet of the backend's speed. */
  readonly sigma: number;
  /** Tokens of the prompt that the backend is believed to have seen, and the belief that it still holds them. */
  readonly matchedTokens: number;
  readonly warm: number;
};

export type BillSettings = {
  readonly routes: Readonly<Record<Task, BackendName>>;
  /** Seconds a call. */
  readonly preference: { readonly editSeconds: number; readonly analysisSeconds: number };
};

/** The request whose choices are priced. */
export type Asked = {
  readonly chain: Chain;
  readonly promptTokens: number;
  /** Belief that the turn edits, 0 to 1. */
  readonly editTurn: number;
  /** Turns of this session before this one, and those of them that edited. */
  readonly earlierTurns?: { readonly count: number; readonly edited: number };
  /** A call that no other will follow: a side call, a compaction. */
  readonly standsAlone?: boolean;
};

export type Pricing = {
  readonly asked: Asked;
  readonly knowledge: Knowledge;
  readonly settings: BillSettings;
  /** Unix epoch, or any other clock that memory is told the time by. */
  readonly nowMs: number;
};

/** Loading a model of some gigabytes from a fast disk. */
const LOAD_S = 20;

/** A cost for each candidate that is not in the cloud, whose speed and worth nobody measures here; in their order. */
export function priceAll(candidates: readonly Candidate[], pricing: Pricing): readonly Cost[] {
  const local = candidates.filter(({ isCloud }) => !isCloud);
  const waits = local.map((candidate) => waitFor(candidate, pricing));
  const futures = futuresOf(waits, pricing);
  const least = {
    waited: Math.min(...futures.map(({ waited }) => waited)),
    preference: Math.min(...futures.map(({ preference }) => preference)),
  };
  return waits.map((wait, at) => {
    const redo = waits.find(({ backend }) => backend === pricing.settings.routes.edit) ?? wait;
    const { quality, preference } = worth(wait, redo, pricing);
    const { waited, preference: ahead } = futures[at] ?? least;
    return toCost(wait, {
      quality,
      preference: preference + ahead - least.preference,
      future: waited - least.waited,
    });
  });
}

/** The waiting alone. */
type Wait = Prospect & {
  readonly parts: Pick<CostParts, 'queue' | 'load' | 'prefill' | 'decode'>;
  readonly ttftSeconds: number;
  readonly sigma: number;
};

function waitFor(candidate: Candidate, { asked, knowledge, nowMs }: Pricing): Wait {
  const { name: backend } = candidate;
  const speed = knowledge.speed(backend);
  const { tokens, warm } = knowledge.match(backend, asked.chain, nowMs);
  const matchedTokens = Math.min(asked.promptTokens, tokens);
  const whenWarm = speed.ttft({ uncached: asked.promptTokens - matchedTokens, cached: matchedTokens });
  const whenCold = speed.ttft({ uncached: asked.promptTokens, cached: 0 });
  const queue = knowledge.queueSeconds(backend, nowMs);
  const load = candidate.state === 'loading' || candidate.isLoaded === false ? LOAD_S : 0;
  const likeliest = warm >= 0.5 ? whenWarm : whenCold;
  return {
    backend,
    matchedTokens,
    warm,
    parts: {
      queue,
      load,
      prefill: warm * whenWarm.seconds + (1 - warm) * whenCold.seconds,
      decode: speed.decodeSeconds(outputTokensOf(asked, knowledge), asked.promptTokens),
    },
    ttftSeconds: queue + load + likeliest.seconds,
    sigma: doubtAhead(backend, { asked, knowledge }),
  };
}

/** A backend whose speed is not known yet makes all that will follow uncertain, not only this call. */
function doubtAhead(
  backend: BackendName,
  { asked, knowledge }: Pick<Pricing, 'asked' | 'knowledge'>,
): number {
  if (asked.standsAlone === true) return 0;
  const { habits } = knowledge;
  const { seconds, doubt } = knowledge
    .speed(backend)
    .ttft({ uncached: habits.growthTokens, cached: asked.promptTokens });
  const inTurn = (editShare: number) =>
    editShare * habits.shape('edit').calls + (1 - editShare) * habits.shape('analysis').calls;
  const calls = inTurn(asked.editTurn) + habits.turnsAhead * inTurn(habits.editTurns);
  return Math.max(0, doubt - SETTLED_DOUBT * seconds) * calls;
}

/** A speed that is measured all the time stays as doubtful as this, for servers do change. */
const SETTLED_DOUBT = 0.1;

/** What the answer is worth less than a good one of the task's own backend. A failed edit is redone on `redo`. */
function worth(
  { backend }: Prospect,
  redo: Wait,
  { asked, knowledge, settings: { routes, preference } }: Pricing,
): Pick<CostParts, 'quality' | 'preference'> {
  const editCall = asked.editTurn * knowledge.habits.shape('edit').editShare;
  const excess = excessFailures(knowledge, { backend, edit: routes.edit, when: 'now' });
  const redone = redoings(excess, backend === redo.backend);
  // Where the edit backend fails itself, it has the prompt by then.
  const again = redo.parts.decode + (backend === redo.backend ? 0 : redo.parts.prefill);
  return {
    quality: editCall * redone * again,
    preference:
      (backend === routes.edit ? 0 : editCall * preference.editSeconds) +
      (backend === routes.analysis ? 0 : (1 - asked.editTurn) * preference.analysisSeconds),
  };
}

type Compared = { readonly backend: BackendName; readonly edit: BackendName; readonly when: When };

/** Some edits fail wherever they are made, because a file has changed meanwhile: that is no reason to go elsewhere. */
export function excessFailures(knowledge: Knowledge, { backend, edit, when }: Compared): number {
  if (backend === edit) return Math.max(0, knowledge.editFailureShare(edit, when) - TOLERATED_FAILURES);
  return Math.max(0, knowledge.editFailureShare(backend, when) - knowledge.editFailureShare(edit, when));
}

const TOLERATED_FAILURES = 0.2;

/** How often an edit is redone: where it is redone in the same place, it may fail there again. */
export function redoings(failureShare: number, inTheSamePlace: boolean): number {
  return inTheSamePlace ? failureShare / (1 - Math.min(failureShare, 0.9)) : failureShare;
}

function toCost(wait: Wait, rest: Pick<CostParts, 'quality' | 'preference' | 'future'>): Cost {
  const { backend, ttftSeconds, sigma, matchedTokens, warm } = wait;
  const parts: CostParts = { ...wait.parts, ...rest };
  const seconds = Object.values(parts).reduce((sum, part) => sum + part, 0);
  return { backend, seconds, parts, ttftSeconds, sigma, matchedTokens, warm };
}

function outputTokensOf({ editTurn }: Asked, { habits }: Knowledge): number {
  return (
    editTurn * habits.shape('edit').outputTokens + (1 - editTurn) * habits.shape('analysis').outputTokens
  );
}
