// What a choice costs later: the rest of this turn, and then the cheapest way to go on. The other backend falls
// behind while this one works (the debt), and pays for it when the conversation comes back, unless it catches up
// while the person reads. Ways to go on are compared, for a choice is only as bad as the best that can follow it:
// everything on one backend, or each turn on its own.

import { type Asked, excessFailures, type Pricing, redoings } from './cost.ts';
import type { BackendName, Task } from './decision.ts';
import type { Knowledge, When } from './memory.ts';

/** What is known of a candidate once its wait is known. */
export type Prospect = {
  readonly backend: BackendName;
  readonly matchedTokens: number;
  readonly warm: number;
};

/** Expected seconds after this call, one for each candidate if it takes the call. Only their differences mean anything. */
export function prospects(candidates: readonly Prospect[], pricing: Pricing): readonly number[] {
  if (pricing.asked.standsAlone === true) return candidates.map(() => 0);
  const outlook = createOutlook(candidates, pricing);
  return candidates.map(({ backend }) => restOfTurn(outlook, backend) + laterTurns(outlook, backend));
}

type Outlook = {
  readonly pricing: Pricing;
  readonly backends: readonly BackendName[];
  /** Absent where it is no candidate. */
  readonly edit: BackendName | undefined;
  readonly analysis: BackendName | undefined;
  readonly rates: Rates;
  /** Calls of this turn after this one. */
  readonly callsLeft: Readonly<Record<Task, number>>;
  /** Turns to come, by what they will be. */
  readonly turns: Readonly<Record<Task, number>>;
  /** Tokens of the prompt that each backend has not seen. */
  readonly missing: ReadonlyMap<BackendName, number>;
};

function createOutlook(candidates: readonly Prospect[], pricing: Pricing): Outlook {
  const { asked, knowledge, settings } = pricing;
  const backends = candidates.map(({ backend }) => backend);
  const { habits } = knowledge;
  return {
    pricing,
    backends,
    edit: backends.find((backend) => backend === settings.routes.edit),
    analysis: backends.find((backend) => backend === settings.routes.analysis),
    rates: createRates(pricing),
    callsLeft: {
      edit: asked.editTurn * habits.shape('edit').calls,
      analysis: (1 - asked.editTurn) * habits.shape('analysis').calls,
    },
    turns: turnsAhead(asked, knowledge),
    missing: new Map(
      candidates.map(({ backend, matchedTokens, warm }) => [
        backend,
        asked.promptTokens - matchedTokens * warm,
      ]),
    ),
  };
}

/** What the session has done so far says more of its next turns than what sessions do. */
function turnsAhead({ earlierTurns, editTurn }: Asked, { habits }: Knowledge): Outlook['turns'] {
  const { count = 0, edited = 0 } = earlierTurns ?? {};
  const editShare = (edited + editTurn + USUAL_TURNS * habits.editTurns) / (count + 1 + USUAL_TURNS);
  return { edit: editShare * habits.turnsAhead, analysis: (1 - editShare) * habits.turnsAhead };
}

/** So many turns of a session outweigh what is usual. */
const USUAL_TURNS = 2;

/** A turn that begins to edit on the wrong backend may leave it after its first edit. */
function restOfTurn({ pricing, callsLeft, edit, rates, missing }: Outlook, backend: BackendName): number {
  const { asked, knowledge } = pricing;
  const analysis = callsLeft.analysis * rates.call('analysis', backend, 'now');
  const stays = callsLeft.edit * rates.call('edit', backend, 'now');
  if (edit === undefined || edit === backend) return analysis + stays;
  const { editShare } = knowledge.habits.shape('edit');
  const before = Math.min(callsLeft.edit, asked.editTurn / Math.max(editShare, 0.05));
  const moves =
    before * rates.call('edit', backend, 'now') +
    asked.editTurn * rates.prefill(edit, missing.get(edit) ?? asked.promptTokens) +
    (callsLeft.edit - before) * rates.call('edit', edit, 'now');
  const failing = excessFailures(knowledge, { backend, edit, when: 'now' });
  const failures = callsLeft.edit * editShare * failing;
  const redone = redoneTokens(failures, {
    before: missing.get(edit) ?? asked.promptTokens,
    meanwhile: callsLeft.edit * knowledge.habits.growthTokens,
  });
  return analysis + Math.min(stays + rates.prefill(edit, redone), moves);
}

function laterTurns(outlook: Outlook, from: BackendName): number {
  const { backends, edit, analysis } = outlook;
  const ways = backends.map((backend) => allOn(outlook, backend, from));
  if (edit === undefined || analysis === undefined || edit === analysis) return Math.min(...ways);
  return Math.min(...ways, eachOnItsOwn(outlook, { edit, analysis }, from));
}

function allOn(outlook: Outlook, backend: BackendName, from: BackendName): number {
  const { turns, rates, edit, pricing } = outlook;
  const { habits } = pricing.knowledge;
  const calls =
    turns.edit * rates.turn('edit', backend, 'later') +
    turns.analysis * rates.turn('analysis', backend, 'later');
  const debt = rates.prefill(backend, debtAfter(outlook, from, backend));
  if (edit === undefined || edit === backend) return debt + calls;
  // Failed edits are redone on the edit backend, which has to read for it all that was said meanwhile.
  const edits = turns.edit * habits.shape('edit').calls;
  const said = (edits + turns.analysis * habits.shape('analysis').calls) * habits.growthTokens;
  const failing = excessFailures(pricing.knowledge, { backend, edit, when: 'later' });
  const failures = edits * habits.shape('edit').editShare * failing;
  const before = debtAfter(outlook, from, edit);
  return debt + calls + rates.prefill(edit, redoneTokens(failures, { before, meanwhile: said }));
}

function eachOnItsOwn(
  outlook: Outlook,
  routes: Readonly<Record<Task, BackendName>>,
  from: BackendName,
): number {
  const { turns, rates, pricing } = outlook;
  const { habits } = pricing.knowledge;
  const catchUpShare = pricing.knowledge.catchUpShare();
  const ofTask = (task: Task): number => {
    const other: Task = task === 'edit' ? 'analysis' : 'edit';
    const isUsed = 1 - Math.exp(-turns[task]);
    // Between two of its turns it misses what was said on the other backend.
    const missed = turns[other] * habits.shape(other).calls * habits.growthTokens * (1 - catchUpShare);
    const behind = debtAfter(outlook, from, routes[task]) + missed;
    return (
      turns[task] * rates.turn(task, routes[task], 'later') + isUsed * rates.prefill(routes[task], behind)
    );
  };
  return ofTask('edit') + ofTask('analysis');
}

/** Tokens that a backend has not seen when this turn has ended on another one. */
function debtAfter(
  { pricing, missing, callsLeft }: Outlook,
  from: BackendName,
  backend: BackendName,
): number {
  if (from === backend) return 0;
  const { asked, knowledge } = pricing;
  const grown = (callsLeft.edit + callsLeft.analysis) * knowledge.habits.growthTokens;
  return ((missing.get(backend) ?? asked.promptTokens) + grown) * (1 - knowledge.catchUpShare());
}

/**
 * Tokens that the edit backend has to read for so many edits that are expected to fail elsewhere: of what it had missed
 * before and of what is said meanwhile. The last stretch, after the last failure, is never read.
 */
function redoneTokens(
  failures: number,
  { before, meanwhile }: { readonly before: number; readonly meanwhile: number },
): number {
  return (failures / (1 + failures)) * (before + meanwhile);
}

type Rates = {
  /** Seconds by which so many tokens more to compute make a wait longer. */
  prefill(backend: BackendName, tokens: number): number;
  /** A call that goes on where the last one ended. */
  call(task: Task, backend: BackendName, when: When): number;
  turn(task: Task, backend: BackendName, when: When): number;
};

function createRates({ asked, knowledge, settings }: Pricing): Rates {
  const { habits } = knowledge;
  const { routes, preference } = settings;

  function wait(backend: BackendName, task: Task, when: When): number {
    const speed = knowledge.speed(backend);
    const keeps = knowledge.keeps(backend, when);
    const grown = habits.growthTokens;
    const warm = speed.ttftSeconds(grown, asked.promptTokens);
    const cold = speed.ttftSeconds(asked.promptTokens + grown, 0);
    return keeps * warm + (1 - keeps) * cold + speed.decodeSeconds(habits.shape(task).outputTokens);
  }

  function redo(backend: BackendName, when: When): number {
    const inTheSamePlace = backend === routes.edit;
    const times = redoings(excessFailures(knowledge, { backend, edit: routes.edit, when }), inTheSamePlace);
    const keeps = knowledge.keeps(routes.edit, when);
    const speed = knowledge.speed(routes.edit);
    const cold = speed.ttftSeconds(asked.promptTokens, 0);
    return times * (speed.decodeSeconds(habits.shape('edit').outputTokens) + (1 - keeps) * cold);
  }

  function call(task: Task, backend: BackendName, when: When): number {
    const seconds = wait(backend, task, when);
    if (task === 'analysis') return seconds + (backend === routes.analysis ? 0 : preference.analysisSeconds);
    const misplaced = backend === routes.edit ? 0 : preference.editSeconds;
    return seconds + habits.shape('edit').editShare * (misplaced + redo(backend, when));
  }

  return {
    prefill(backend, tokens) {
      if (tokens <= 0) return 0;
      const cached = Math.max(0, asked.promptTokens - tokens);
      const speed = knowledge.speed(backend);
      const more = speed.ttftSeconds(tokens, cached) - speed.ttftSeconds(0, cached);
      return Math.max(0, more);
    },
    call,
    turn: (task, backend, when) => habits.shape(task).calls * call(task, backend, when),
  };
}
