// Who should get no conversation just now, though it could serve one, and who takes its place by rule alone.

import { type Candidate, type Needs, unfit } from './candidate.ts';
import type { DecisionReason } from './decision.ts';
import type { Kind } from './outcome.ts';
import type { Wish, WishInput } from './wish.ts';

type Avoided = { readonly reason: DecisionReason; readonly detail: string };

/** Why no conversation should move to the candidate now; undefined where it may. */
export function avoidance({ name, unsteady, crowding }: Candidate): Avoided | undefined {
  if (unsteady !== undefined) return { reason: 'unsteady', detail: `${name} is passed over: ${unsteady}.` };
  if (crowding !== undefined) return { reason: 'crowding', detail: `${name} is passed over: ${crowding}.` };
  return undefined;
}

type SettleInput = WishInput & {
  readonly kind: Kind;
  readonly candidates: readonly Candidate[];
  readonly needs: Needs;
};

/**
 * The wish, but for one that would bring a conversation to a backend that comes and goes: that one stays where it
 * is, or goes to another that can take it. Who is on such a backend is not moved away from it.
 */
export function settle(wish: Wish, input: SettleInput): Wish {
  if (wish.reason !== 'task' && wish.reason !== 'crossed-to-edit') return wish;
  const here = input.sticky?.backend ?? input.last?.backend;
  const own = input.candidates.find(({ name }) => name === wish.backend);
  if (own?.unsteady === undefined || own.state === 'down' || here === own.name) return wish;
  const steady = input.candidates.filter((candidate) => isSteady(candidate, input));
  const instead = steady.find(({ name }) => name === here) ?? steady[0];
  if (instead === undefined) return wish;
  const { detail } = avoidance(own) ?? wish;
  return { ...wish, backend: instead.name, reason: 'unsteady', detail, thenBackend: own.name };
}

function isSteady(candidate: Candidate, { kind, needs }: SettleInput): boolean {
  const { isCloud, state, unsteady } = candidate;
  return !isCloud && state !== 'loading' && !unsteady && unfit(candidate, kind, needs) === undefined;
}
