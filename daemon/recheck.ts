// Asking again after backends that are believed down. A request waits for that only where it could not be served
// otherwise, where it would leave the backend its turn is on, or where the backend it would rather have is known to
// answer at once. In every other case the requests behind it profit, and it goes its way.

import type { Deps } from './deps.ts';
import type { Plan } from './plan.ts';

/** A server that runs answers in a few milliseconds, and a refusal is to be told within a second. */
const PATIENCE_MS = 700;

/** Resolves with true where a backend that matters to this plan has come up: then it is worth a new one. */
export async function recheckFor(plan: Plan, { fleet, memory }: Deps): Promise<boolean> {
  void fleet.recheckDown();
  const awaited = awaitedBy(plan, memory.stickyFor(plan.turn)?.backend, fleet);
  if (awaited.length === 0) return false;
  const patience = Promise.withResolvers<false>();
  const timer = setTimeout(() => patience.resolve(false), PATIENCE_MS);
  try {
    return await Promise.race([fleet.recheckDown(awaited), patience.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function awaitedBy(
  { decision }: Plan,
  pinnedTo: string | undefined,
  fleet: Deps['fleet'],
): readonly string[] {
  const down = decision.passedOver.filter(({ why }) => why === 'down').map(({ backend }) => backend);
  if ('refused' in decision) return down;
  if (pinnedTo !== undefined && down.includes(pinnedTo)) return [pinnedTo];
  // A server that hangs would hold up every request to those that do not.
  return decision.reason === 'backend-down' ? down.filter((name) => !fleet.isSilent(name)) : [];
}
