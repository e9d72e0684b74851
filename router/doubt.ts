// How much of a price is a guess: a bill of seconds must not be followed where what it is made of was never seen.

import type { Asked, Pricing } from './cost.ts';
import type { BackendName, Task } from './decision.ts';
import type { Prospect } from './future.ts';
import type { Knowledge } from './memory.ts';

/** A backend whose speed is not known yet makes all that will follow uncertain, not only this call. */
export function doubtAhead(
  backend: BackendName,
  { asked, knowledge }: Pick<Pricing, 'asked' | 'knowledge'>,
): number {
  if (asked.standsAlone === true) return 0;
  const { growthTokens } = knowledge.habits;
  const { seconds, doubt } = knowledge
    .speed(backend)
    .ttft({ uncached: growthTokens, cached: asked.promptTokens });
  const { edit, analysis } = callsAhead(asked, knowledge);
  return Math.max(0, doubt - SETTLED_DOUBT * seconds) * (edit + analysis);
}

/** A speed that is measured all the time stays as doubtful as this, for servers do change. */
const SETTLED_DOUBT = 0.1;

/**
 * When a conversation begins, or begins anew after a compaction, nobody knows what it will be about. The spread of such
 * counts is as large as their mean.
 */
export function spreadAhead(
  { backend }: Prospect,
  { asked, knowledge, settings: { routes, preference } }: Pricing,
): number {
  if (asked.standsAlone === true) return 0;
  const { edit, analysis } = callsAhead(asked, knowledge);
  const edits = edit * knowledge.habits.shape('edit').editShare;
  return Math.hypot(
    backend === routes.edit ? 0 : edits * preference.editSeconds,
    backend === routes.analysis ? 0 : analysis * preference.analysisSeconds,
  );
}

export function isBeginning(waits: readonly Prospect[], { promptTokens }: Asked): boolean {
  return waits.every(({ matchedTokens, warm }) => matchedTokens * warm < promptTokens / 2);
}

function callsAhead({ editTurn }: Asked, { habits }: Knowledge): Readonly<Record<Task, number>> {
  const turns = habits.turnsAhead;
  const editTurns = editTurn + turns * habits.editTurns;
  return {
    edit: editTurns * habits.shape('edit').calls,
    analysis: (1 + turns - editTurns) * habits.shape('analysis').calls,
  };
}

/** Where no edit was seen yet, bad surprises cost some of them: after those the turns leave. */
export function editDoubt(
  { backend }: Prospect,
  redoSeconds: number,
  { asked, settings, knowledge }: Pricing,
): number {
  if (backend === settings.routes.edit || asked.standsAlone === true) return 0;
  return SURPRISES * knowledge.editDoubt(backend) * redoSeconds;
}

const SURPRISES = 2;
