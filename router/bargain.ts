// Where a request would go by its bill, in mode `auto`. The task's own backend is the first choice, and it is left
// only where another is cheaper by more than a margin and the doubt in both figures. Whoever is in the middle of
// something is not moved at all, but for an edit that began on the wrong backend.

import { type Candidate, unfit } from './candidate.ts';
import type { Cost } from './cost.ts';
import type { BackendName, DecisionReason } from './decision.ts';
import type { Kind } from './outcome.ts';
import { avoidance, settle } from './settle.ts';
import { byTask, byTurn, crossesToEdit, type Wish, type WishInput } from './wish.ts';

type BargainInput = WishInput & {
  readonly kind: Kind;
  readonly candidates: readonly Candidate[];
  readonly needs: Parameters<typeof unfit>[2];
  readonly costs: readonly Cost[];
};

/** Seconds that a change must be worth beyond its doubt: where nothing binds the request, and where a turn is warm. */
const FREE_MARGIN_S = 0.5;
const BOUND_MARGIN_S = 3;
/** Standard deviations of the difference. */
const DOUBT = 0.3;
/** A turn that has just moved stays there for so long. */
const DWELL_MS = 30_000;
/** After so long nobody waits in the middle of anything. */
const IDLE_MS = 300_000;
/** A wait this long at a backend's gate releases a turn that is not in a tool loop. */
const SATURATED_S = 10;

/** What the bill says; undefined where it cannot be asked, because the candidates that matter have no price. */
export function bargain(input: BargainInput): Wish | undefined {
  const fit = input.candidates.filter((candidate) => unfit(candidate, input.kind, input.needs) === undefined);
  const costs = input.costs.filter(({ backend }) => fit.some(({ name }) => name === backend));
  if (costs.length < 2) return undefined;
  return bound(input, costs) ?? free(input, { costs, fit });
}

/** The turn is somewhere already: it stays, unless it crosses and that is worth it, or its backend is swamped. */
function bound(input: BargainInput, costs: readonly Cost[]): Wish | undefined {
  const wish = byTurn(input);
  const stay = costs.find(({ backend }) => backend === input.sticky?.backend);
  if (wish === undefined || stay === undefined || input.sticky === undefined) return wish;
  if (crossesToEdit(input)) {
    const settled = settle(wish, input);
    if (settled !== wish) return settled;
    const cross = costs.find(({ backend }) => backend === input.routes.edit);
    if (cross === undefined || isWorth(stay, cross, BOUND_MARGIN_S)) return wish;
    const detail = `The turn has begun to edit, but ${comparison(stay, cross)}: it stays on ${stay.backend}.`;
    return { ...wish, backend: stay.backend, reason: 'stay-warm', detail, thenBackend: cross.backend };
  }
  return isReleased(input, stay) ? undefined : wish;
}

function isReleased({ kind, last, insideToolLoop }: BargainInput, stay: Cost): boolean {
  if (kind === 'compact' || (last !== undefined && last.idleMs >= IDLE_MS)) return true;
  if (insideToolLoop) return false;
  // A turn that goes on without a tool's result, such as a prompt that was sent again.
  const dwelt = last === undefined || last.dwellMs >= DWELL_MS;
  return dwelt && stay.parts.queue >= SATURATED_S;
}

type Priced = { readonly costs: readonly Cost[]; readonly fit: readonly Candidate[] };

function free(input: BargainInput, { costs, fit }: Priced): Wish | undefined {
  const task = byTask(input);
  const own = costs.find(({ backend }) => backend === task.backend);
  if (own === undefined) return task;
  const avoided = new Map(fit.map((one) => [one.name, avoidance(one)] as const));
  const open = costs.filter(({ backend }) => avoided.get(backend) === undefined);
  const best = cheapest(open.length > 0 ? open : costs);
  const why = avoided.get(own.backend);
  if (why !== undefined && best.backend !== own.backend && input.last?.backend !== own.backend) {
    return wishOf(best, why.reason, { detail: why.detail, next: own.backend });
  }
  if (best.backend === own.backend || !isWorth(own, best, FREE_MARGIN_S)) {
    const other = costs.filter((cost) => cost !== own);
    const doubt = best.backend === own.backend ? '' : ', which is within the doubt';
    const detail = `${task.detail.replace(/\.$/, '')}: ${comparison(own, cheapest(other))}${doubt}.`;
    return wishOf(own, 'follows-task', { detail, next: cheapest(other).backend });
  }
  const stays = best.backend === input.last?.backend;
  const detail = `${task.detail.replace(/\.$/, '')} by task, but ${comparison(best, own)}.`;
  return wishOf(best, stays ? 'stay-warm' : 'cheaper', { detail, next: own.backend });
}

function wishOf(
  { backend }: Cost,
  reason: DecisionReason,
  { detail, next }: { readonly detail: string; readonly next: BackendName },
): Wish {
  return { backend, reason, detail, others: 'may-answer', thenBackend: next };
}

function isWorth(stay: Cost, leave: Cost, marginS: number): boolean {
  return stay.seconds - leave.seconds > marginS + DOUBT * Math.hypot(stay.sigma, leave.sigma);
}

function cheapest(costs: readonly Cost[]): Cost {
  return costs.reduce((best, cost) => (cost.seconds < best.seconds ? cost : best));
}

function comparison(one: Cost, other: Cost): string {
  return `${one.backend} costs ${one.seconds.toFixed(1)} s, ${other.backend} ${other.seconds.toFixed(1)} s`;
}
