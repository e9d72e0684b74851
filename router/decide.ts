// Where a request goes. What is wished for (an override, the mode, the turn's own backend, the task) is kept
// apart from who can serve it, so that every answer can say which of the two decided. Pure: the same
// knowledge gives the same decision.

import { bargain } from './bargain.ts';
import { type Candidate, type Needs, unfit } from './candidate.ts';
import type { Cost } from './cost.ts';
import type { Decision, DecisionReason, PassedOver, Refusal, Target } from './decision.ts';
import type { Kind } from './outcome.ts';
import { refuse } from './refuse.ts';
import { settle } from './settle.ts';
import { byName, isSeenToEdit, type Wish, type WishInput, wishFor } from './wish.ts';

export type DecideInput = WishInput & {
  readonly kind: Kind;
  /** In the order of the configuration; the Claude API among them where it is set up at all. */
  readonly candidates: readonly Candidate[];
  readonly needs: Needs;
  /** Lets the Claude API answer where no local backend can. */
  readonly allowCloud: boolean;
  /** What each local candidate would cost (`priceAll`). Without them `auto` decides as `task` does. */
  readonly costs?: readonly Cost[];
};

/** What a person would wait longer for an edit that works, where more than a fifth of them fails. */
const WORTH_WORKING_EDITS_S = 30;

/**
 * A decision has the chosen backend first and behind it those that may take over, the Claude API last. A
 * backend believed down is never among them. A refusal says what is in the way of each backend.
 */
export function decide(input: DecideInput): Decision | Refusal {
  const made = decideBy({ ...input, rule: input.mode === 'auto' ? 'bill' : 'task' });
  if (input.mode !== 'shadow' || 'refused' in made) return made;
  const other = decideBy({ ...input, rule: 'bill' });
  if ('refused' in other) return made;
  const { reason, detail, targets } = other;
  return { ...made, shadow: { backend: targets[0].backend, reason, detail } };
}

type Ruled = DecideInput & { readonly rule: 'bill' | 'task' };

function decideBy(input: Ruled): Decision | Refusal {
  const priced = input.rule === 'bill' ? byBill(input) : undefined;
  const wish = byName(input) ?? priced ?? settle(wishFor(input), input);
  const barred = input.candidates.flatMap((candidate) => barOf(candidate, wish, input) ?? []);
  const able = input.candidates.filter(({ name }) => !barred.some((bar) => bar.backend === name));
  const ordered = inOrder(able, wish, input);
  const [chosen, ...others] = ordered;
  if (chosen === undefined) return refuse(input, wish, barred);
  const passedOver = [...barred, ...unchosen(able, chosen, input)];
  return {
    targets: [toTarget(chosen), ...others.map(toTarget)],
    ...explain(chosen, wish, { passedOver, input }),
    passedOver,
    ...prices(input.costs, chosen, able),
  };
}

function byBill({ costs, ...input }: DecideInput): Wish | undefined {
  return costs && bargain({ ...input, costs });
}

function prices(
  costs: readonly Cost[] | undefined,
  chosen: Candidate,
  able: readonly Candidate[],
): Pick<Decision, 'predicted' | 'alternatives'> {
  if (costs === undefined) return {};
  const predicted = costs.find(({ backend }) => backend === chosen.name);
  const others = costs.filter(({ backend }) => able.some(({ name }) => name === backend));
  return {
    ...(predicted && { predicted }),
    alternatives: others.filter((cost) => cost !== predicted),
  };
}

/** What no preference can overcome. */
function barOf(candidate: Candidate, wish: Wish, input: DecideInput): PassedOver | undefined {
  const { name: backend, isCloud } = candidate;
  if (wish.others === 'only') {
    if (backend !== wish.backend)
      return { backend, why: 'not-allowed', detail: `${backend} may not stand in` };
  } else if (isCloud && !input.allowCloud) {
    return { backend, why: 'not-allowed', detail: `${backend} is in the cloud, and allowCloud is not set` };
  }
  return unfit(candidate, input.kind, input.needs);
}

function inOrder(able: readonly Candidate[], wish: Wish, input: Ruled): readonly Candidate[] {
  const ranked = able.toSorted((a, b) => rank(a, wish) - rank(b, wish));
  if (!needsWorkingEdits(wish, input)) return ranked;
  const working = ranked.filter((candidate) => candidate.editsFailing === undefined);
  const stands = working.find((candidate) => !candidate.isCloud);
  // Bad edits are better than none, and no reason to send the code to the cloud.
  return stands === undefined || isTooDear(stands, ranked[0], input) ? ranked : working;
}

/** The bill has the redoing of failed edits in it: without a prompt cache on the other side that may be far cheaper. */
function isTooDear(working: Candidate, failing: Candidate | undefined, { rule, costs }: Ruled): boolean {
  if (rule === 'task') return false;
  const secondsOf = (one: Candidate | undefined) =>
    costs?.find(({ backend }) => backend === one?.name)?.seconds;
  return (secondsOf(working) ?? 0) - (secondsOf(failing) ?? Number.POSITIVE_INFINITY) > WORTH_WORKING_EDITS_S;
}

function rank({ name, state, isCloud }: Candidate, wish: Wish): number {
  if (name === wish.backend && state !== 'loading') return 0;
  if (isCloud) return 5;
  // It may be minutes until a model is loaded: who is ready goes first.
  if (state === 'loading') return name === wish.backend ? 3 : 4;
  return name === wish.thenBackend ? 1 : 2;
}

/** A person who asks by name gets what was asked for. A tool loop that has not edited yet stays where it is. */
function needsWorkingEdits({ reason }: Wish, { classification }: DecideInput): boolean {
  if (classification.task !== 'edit' || reason === 'override' || reason === 'fixed-mode') return false;
  const isUnderWay = reason === 'tool-loop' || reason === 'sticky-turn';
  return !isUnderWay || isSeenToEdit(classification);
}

function unchosen(able: readonly Candidate[], chosen: Candidate, input: DecideInput): readonly PassedOver[] {
  const { task } = input.classification;
  return able
    .filter((candidate) => candidate !== chosen)
    .map(({ name: backend, state, editsFailing }) => {
      if (task === 'edit' && editsFailing !== undefined && chosen.editsFailing === undefined) {
        return { backend, why: 'edits-failing', detail: `${backend} takes no edits now: ${editsFailing}` };
      }
      if (state === 'loading') return { backend, why: 'down', detail: `${backend} is loading its model` };
      return { backend, why: 'not-preferred', detail: `${backend} stands by` };
    });
}

function explain(
  chosen: Candidate,
  wish: Wish,
  { passedOver, input }: { readonly passedOver: readonly PassedOver[]; readonly input: DecideInput },
): Pick<Decision, 'reason' | 'detail'> {
  if (chosen.name === wish.backend) {
    const reachable = input.candidates.filter(({ isCloud }) => !isCloud || input.allowCloud);
    const isOnly = wish.reason === 'task' && reachable.length === 1;
    return isOnly
      ? { reason: 'only-backend', detail: `${chosen.name} is the only backend.` }
      : { reason: wish.reason, detail: wish.detail };
  }
  const bar = passedOver.find((each) => each.backend === wish.backend);
  const detail = bar?.detail ?? `${wish.backend} is not configured`;
  return { reason: reasonOf(bar?.why), detail: `${detail}: ${chosen.name} takes its place.` };
}

function reasonOf(why: PassedOver['why'] | undefined): DecisionReason {
  switch (why) {
    case 'down':
      return 'backend-down';
    case 'window':
      return 'window-too-small';
    case 'unsupported':
      return 'unsupported';
    case 'edits-failing':
      return 'edits-failing';
    // The route leads to a backend that is not there, or that nobody allowed: the others are all there is.
    case 'not-allowed':
    case 'not-preferred':
    case undefined:
      return 'only-backend';
    default:
      return why satisfies never;
  }
}

function toTarget({ name: backend, model }: Candidate): Target {
  return { backend, model };
}
