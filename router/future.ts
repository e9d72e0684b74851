// What a choice costs later: the rest of this turn, and then the cheapest way to go on. The other backend falls
// behind while this one works (the debt), and pays for it when the conversation comes back, unless it catches up
// while the person reads. Ways to go on are compared, for a choice is only as bad as the best that can follow it:
// everything on one backend, or each turn on its task's own.

import type { Asked, Pricing } from './cost.ts';
import { after, again, type Course, type Missing, mixed, secondsOf, type Value } from './course.ts';
import type { BackendName, Task } from './decision.ts';
import type { Habits } from './habits.ts';
import type { Knowledge, When } from './memory.ts';
import { type Pace, paceOf } from './pace.ts';

/** What is known of a candidate once its wait is known. */
export type Prospect = {
  readonly backend: BackendName;
  readonly matchedTokens: number;
  readonly warm: number;
};

/** Expected seconds after this call. Only their differences mean anything. */
export type Future = {
  readonly waited: number;
  /** What it is worth to the person that a task's own backend does the calls to come. */
  readonly preference: number;
};

/** One for each candidate, if it takes the call. */
export function futuresOf(candidates: readonly Prospect[], pricing: Pricing): readonly Future[] {
  if (pricing.asked.standsAlone === true) return candidates.map(() => ({ waited: 0, preference: 0 }));
  const outlook = createOutlook(candidates, pricing);
  const ways = waysOn(outlook, editTurnsAhead(pricing.asked, pricing.knowledge));
  return candidates.map((_, at) => futureOn(outlook, ways, at));
}

/** Backends are named by their place among the candidates. */
type Outlook = {
  readonly paces: readonly Pace[];
  /** -1 where it is no candidate. */
  readonly edit: number;
  readonly analysis: number;
  readonly missing: Missing;
  readonly editTurn: number;
  readonly habits: Habits;
  /** Likelihood that another turn follows. */
  readonly goesOn: number;
};
type Stretch = { readonly task: Task; readonly on: number; readonly calls: number; readonly when: When };

/** So many turns of a session outweigh what is usual. */
const USUAL_TURNS = 2;

function createOutlook(candidates: readonly Prospect[], pricing: Pricing): Outlook {
  const { asked, knowledge, settings } = pricing;
  const { turnsAhead } = knowledge.habits;
  const placeOf = (name: BackendName) => candidates.findIndex(({ backend }) => backend === name);
  return {
    paces: candidates.map(({ backend }) => paceOf(backend, pricing)),
    edit: placeOf(settings.routes.edit),
    analysis: placeOf(settings.routes.analysis),
    missing: candidates.map(({ matchedTokens, warm }) => asked.promptTokens - matchedTokens * warm),
    editTurn: asked.editTurn,
    habits: knowledge.habits,
    goesOn: turnsAhead / (1 + turnsAhead),
  };
}

/** What the session has done so far says more of its next turns than what sessions do. */
function editTurnsAhead({ earlierTurns, editTurn }: Asked, { habits }: Knowledge): number {
  const { count = 0, edited = 0 } = earlierTurns ?? {};
  return (edited + editTurn + USUAL_TURNS * habits.editTurns) / (count + 1 + USUAL_TURNS);
}

/** The rest of this turn, where one that edits on the wrong backend may leave it after its first edit, and all after it. */
function futureOn(outlook: Outlook, ways: readonly Value[], on: number): Future {
  const { habits, edit, editTurn, goesOn } = outlook;
  const missing = outlook.missing.map((tokens, at) => (at === on ? 0 : tokens));
  const left = (task: Task): Stretch => ({
    task,
    on,
    calls: Math.max(0, habits.shape(task).calls - 1),
    when: 'now',
  });
  const looking = stretch(outlook, left('analysis'));
  const editing = [stretch(outlook, left('edit'))];
  if (edit >= 0 && edit !== on) editing.push(crossing(outlook, left('edit')));
  let best: Future | undefined;
  for (const edits of editing) {
    const rest = mixed(editTurn, edits, looking);
    for (const next of ways) {
      const found = secondsOf(rest, missing, { next, goesOn });
      if (best === undefined || found.waited + found.preference < best.waited + best.preference) best = found;
    }
  }
  return best ?? { waited: 0, preference: 0 };
}

/** Everything on one backend, for each of them, and each turn on its own. */
function waysOn(outlook: Outlook, editTurns: number): readonly Value[] {
  const { paces, edit, analysis, goesOn } = outlook;
  const ways = paces.map((_, on) => turnOn(outlook, editTurns, { edit: on, analysis: on }));
  if (edit >= 0 && analysis >= 0 && edit !== analysis)
    ways.push(turnOn(outlook, editTurns, { edit, analysis }));
  const pause = pauseOf(outlook);
  return ways.map((turn) => again(after(pause, turn), goesOn));
}

function turnOn(outlook: Outlook, editTurns: number, on: Readonly<Record<Task, number>>): Course {
  return mixed(
    editTurns,
    stretch(outlook, usual(outlook, 'edit', on.edit)),
    stretch(outlook, usual(outlook, 'analysis', on.analysis)),
  );
}

function usual({ habits }: Outlook, task: Task, on: number): Stretch {
  return { task, on, calls: habits.shape(task).calls, when: 'later' };
}

/** Calls in a row on one backend, which first reads what it has missed. */
function stretch({ paces, edit, habits }: Outlook, { task, on, calls, when }: Stretch): Course {
  const grown = calls * habits.growthTokens;
  const pace = paces[on];
  const waited = calls * (pace?.call(task, when) ?? 0);
  const preference = calls * (pace?.preference[task] ?? 0);
  const perMissing = paces.map(({ perToken }, at) => (at === on ? perToken : 0));
  const keeps = paces.map((_, at) => (at === on ? 0 : 1));
  const grows = paces.map((_, at) => (at === on ? 0 : grown));
  const failing = task === 'edit' && edit >= 0 && edit !== on ? (pace?.failing(when) ?? 0) : 0;
  if (failing === 0) return { waited, preference, perMissing, keeps, grows };
  // Failed edits are redone on the backend for edits, which reads for it all that was said up to the last of them.
  const failures = calls * habits.shape('edit').editShare * failing;
  const read = failures / (1 + failures);
  const price = read * (paces[edit]?.perToken ?? 0);
  return {
    waited: waited + price * grown,
    preference,
    perMissing: perMissing.map((seconds, at) => (at === edit ? price : seconds)),
    keeps: keeps.map((share, at) => (at === edit ? 1 - read : share)),
    grows: grows.map((tokens, at) => (at === edit ? tokens * (1 - read) : tokens)),
  };
}

/** An edit turn that begins on the wrong backend and leaves it after its first edit. */
function crossing(outlook: Outlook, { on, calls, when }: Stretch): Course {
  const { editShare } = outlook.habits.shape('edit');
  const before = Math.min(calls, 1 / Math.max(editShare, 0.05));
  const first = stretch(outlook, { task: 'edit', on, calls: before, when });
  return after(first, stretch(outlook, { task: 'edit', on: outlook.edit, calls: calls - before, when }));
}

/** The person reads, and who is idle reads what it has missed. */
function pauseOf({ paces }: Outlook): Course {
  return {
    ...{ waited: 0, preference: 0 },
    perMissing: paces.map(() => 0),
    keeps: paces.map(({ caughtUp }) => 1 - caughtUp),
    grows: paces.map(() => 0),
  };
}
