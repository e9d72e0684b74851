// A trace made ready once for all rows: steps, what the router may know at each, and what it believes of each.

import type { Classification } from '../../router/decision.ts';
import { isEditTool, type ToolRun, type TurnEvidence } from '../../router/turn.ts';
import { momentsOf } from '../classifier/moments.ts';
import { editProbability, type FoldScorer } from '../classifier-folds.ts';
import { evidenceByEvent } from '../trace-evidence.ts';
import type { Guess } from './accuracy.ts';
import type { PreparedSession, PreparedStep } from './live.ts';
import { chainsOf } from './prompt-chain.ts';
import { stepsOf } from './step.ts';
import type { TraceEvent, TraceSession } from './trace-file.ts';

export type Prepared = {
  readonly sessions: readonly PreparedSession[];
  readonly prompts: readonly Guess[];
  readonly calls: readonly Guess[];
  /** What each classification took. */
  readonly classifyMs: readonly number[];
};

/** Sessions follow one another; between two of them nobody works for so long. */
const BETWEEN_SESSIONS_S = 3600;

export function prepare(
  sessions: readonly TraceSession[],
  scorerOf: (session: TraceSession) => FoldScorer,
): Prepared {
  const prepared: PreparedSession[] = [];
  const guesses = { prompts: [] as Guess[], calls: [] as Guess[] };
  const classifyMs: number[] = [];
  let startS = 0;
  for (const [index, session] of sessions.entries()) {
    const id = String(index);
    const scorer = scorerOf(session);
    const classify = timed(scorer.classify, classifyMs);
    prepared.push(prepareSession(session, { id, classify, startS }));
    startS += (session.events.at(-1)?.t ?? 0) + BETWEEN_SESSIONS_S;
    for (const { at, evidence, isEdit } of momentsOf(session, id)) {
      if (at === 'call') guesses.calls.push({ isEdit, editProbability: scorer.callEdits(evidence) });
      else guesses.prompts.push({ isEdit, editProbability: editProbability(classify(evidence)) });
    }
  }
  return { sessions: prepared, ...guesses, classifyMs };
}

type Classify = (evidence: TurnEvidence) => Classification;

function timed(classify: Classify, tookMs: number[]): Classify {
  return (evidence) => {
    const from = performance.now();
    const classification = classify(evidence);
    tookMs.push(performance.now() - from);
    return classification;
  };
}

type Context = { readonly id: string; readonly classify: Classify; readonly startS: number };

function prepareSession(session: TraceSession, { id, classify, startS }: Context): PreparedSession {
  const evidence = evidenceByEvent(session, id);
  const steps = stepsOf(session);
  const chains = chainsOf(id, steps);
  const prepared = steps.map((step, index): PreparedStep => {
    const turn = evidence.get(step.eventIndex);
    if (turn === undefined) throw new RangeError(`Nothing is known at event ${step.eventIndex}`);
    return {
      turn,
      classification: classify(turn),
      chain: chains[index] ?? [],
      editRuns: editRuns(session.events, step.eventIndex, id),
      arrivedAtMs: 1000 * (startS + step.arrivedAtS),
      promptTokens: step.promptTokens,
      outputTokens: step.outputTokens,
    };
  });
  return { steps, prepared };
}

// Whether an edit fails is for the row to say. The recorded errors, of files that had changed or were not read yet,
// belong to the session and would have met either backend.
function editRuns(events: readonly TraceEvent[], callIndex: number, session: string): readonly ToolRun[] {
  const call = events[callIndex];
  if (call?.kind !== 'call') return [];
  return call.tools
    .map((name, at): ToolRun => ({ id: `${session}/${callIndex}/${at}`, name, result: 'ok' }))
    .filter(({ name }) => isEditTool(name));
}
