// The router as it runs live, in a world that tells it nothing but outcomes: decision, bill and memory are the
// daemon's own, with the priors that are shipped.

import type { Candidate } from '../../router/candidate.ts';
import { type Asked, priceAll } from '../../router/cost.ts';
import { decide } from '../../router/decide.ts';
import type { Classification, Mode } from '../../router/decision.ts';
import { createMemory, type Memory } from '../../router/memory.ts';
import { type Chain, tokensOf } from '../../router/observation.ts';
import type { ToolRun, TurnEvidence } from '../../router/turn.ts';
import type { CaughtUp, Chooser, Policy, ReplaySession } from './replay.ts';
import { PREFERENCE, type Served, type Side } from './world.ts';

/** A step with all that the router may know of it, made once for all rows. */
export type PreparedStep = {
  readonly turn: TurnEvidence;
  readonly classification: Classification;
  readonly chain: Chain;
  /** The call's edits as they went where the row lets them go well. */
  readonly editRuns: readonly ToolRun[];
  readonly arrivedAtMs: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
};
export type PreparedSession = ReplaySession & { readonly prepared: readonly PreparedStep[] };

const BACKENDS = { A: 'mlx-lm', E: 'lmstudio' } as const;
const ROUTES = { analysis: BACKENDS.A, edit: BACKENDS.E } as const;
/** One decoding step. */
const FIRST_TOKEN_S = 1 / 40;

export type LivePolicy = Policy<PreparedSession> & {
  /** Mean absolute error of the predicted time to first token, in percent; undefined where nothing was predicted. */
  ttftErrorPercent(): number | undefined;
};

/** One router for one row: what it learns in a session it knows in the next. */
export function livePolicy(mode: Mode): LivePolicy {
  const memory = createMemory();
  for (const name of Object.values(BACKENDS)) memory.met(name, { flavour: name, state: 'up' }, 0);
  const errors = { sum: 0, count: 0 };
  return {
    forSession: ({ prepared }) => chooser({ memory, mode, prepared, errors }),
    ttftErrorPercent: () => (errors.count === 0 ? undefined : (100 * errors.sum) / errors.count),
  };
}

type Run = {
  readonly memory: Memory;
  readonly mode: Mode;
  readonly prepared: readonly PreparedStep[];
  readonly errors: { sum: number; count: number };
};

function chooser({ memory, mode, prepared, errors }: Run): Chooser {
  let predictedS: number | undefined;
  let knownRuns: readonly ToolRun[] = [];
  return {
    caughtUp(index, caught) {
      const before = stepAt(prepared, index - 1);
      observeCatchUp(memory, { before, caught, nowMs: stepAt(prepared, index).arrivedAtMs });
    },
    choose(index) {
      const step = stepAt(prepared, index);
      memory.observeToolResults(knownRuns, step.arrivedAtMs);
      const choice = choose(memory, mode, step);
      predictedS = choice.ttftS;
      return choice.side;
    },
    served(index, side, served) {
      const step = stepAt(prepared, index);
      knownRuns = observeServed(memory, step, { side, served });
      const ttftS = served.bill.prefillS + FIRST_TOKEN_S;
      if (predictedS !== undefined && ttftS >= TELLING_S) {
        errors.sum += Math.abs(predictedS / ttftS - 1);
        errors.count += 1;
      }
    },
  };
}

/** Shorter waits are not felt, and an error in percent of nearly nothing says nothing. */
const TELLING_S = 0.1;

type Choice = { readonly side: Side; readonly ttftS: number | undefined };

function choose(memory: Memory, mode: Mode, step: PreparedStep): Choice {
  const { turn, classification, chain, promptTokens, arrivedAtMs: nowMs } = step;
  const candidates = [BACKENDS.A, BACKENDS.E].map((name) => candidate(memory, name, { turn, nowMs }));
  const asked: Asked = {
    chain,
    promptTokens,
    editTurn: classification.task === 'edit' ? classification.probability : 1 - classification.probability,
    earlierTurns: earlierTurns(turn),
  };
  const settings = { routes: ROUTES, preference: PREFERENCE };
  const costs =
    mode === 'auto' ? priceAll(candidates, { asked, knowledge: memory, settings, nowMs }) : undefined;
  const sticky = memory.stickyFor(turn);
  const last = memory.lastOf(turn, nowMs);
  const decision = decide({
    mode,
    kind: 'main',
    classification,
    candidates,
    routes: ROUTES,
    insideToolLoop: turn.insideToolLoop,
    needs: { promptTokens, images: false },
    allowCloud: false,
    ...(costs && { costs }),
    ...(sticky && { sticky }),
    ...(last && { last }),
  });
  if ('refused' in decision) throw new Error(`Two servers that are up refused: ${decision.detail}`);
  const [{ backend }] = decision.targets;
  memory.rememberTurn(turn, { backend, task: classification.task }, nowMs);
  return { side: backend === BACKENDS.E ? 'E' : 'A', ttftS: decision.predicted?.ttftSeconds };
}

type Moment = { readonly turn: TurnEvidence; readonly nowMs: number };

function candidate(memory: Memory, name: string, { turn, nowMs }: Moment): Candidate {
  const editsFailing = memory.editsFailing(name, turn, nowMs);
  const model = `model of ${name}`;
  return { name, model, state: 'up', isCloud: false, ...(editsFailing !== undefined && { editsFailing }) };
}

function earlierTurns({ earlierTurns: turns }: TurnEvidence) {
  return { count: turns.length, edited: turns.filter(({ edited }) => edited).length };
}

// The servers report their cached tokens, as both real ones do. A failed edit comes to be known with the results,
// and its redo is one more answer of the backend for edits.
function observeServed(
  memory: Memory,
  step: PreparedStep,
  { side, served }: { readonly side: Side; readonly served: Served },
): readonly ToolRun[] {
  const backend = BACKENDS[side];
  observeAnswer(memory, step, {
    backend,
    cachedTokens: served.cachedTokens,
    prefillS: served.bill.prefillS,
    served,
  });
  if (!served.editFailed) return remember(memory, step.editRuns, backend);
  const failed = step.editRuns.map((run): ToolRun => ({ ...run, id: `${run.id}/failed`, result: 'failed' }));
  const { redoCachedTokens: cachedTokens = 0, bill, decodeS } = served;
  observeAnswer(memory, step, { backend: BACKENDS.E, cachedTokens, prefillS: bill.redoS - decodeS, served });
  return [...remember(memory, failed, backend), ...remember(memory, step.editRuns, BACKENDS.E)];
}

function remember(memory: Memory, runs: readonly ToolRun[], backend: string): readonly ToolRun[] {
  for (const { id, name } of runs) memory.rememberToolUse(id, backend, name);
  return runs;
}

type Answer = {
  readonly backend: string;
  readonly cachedTokens: number;
  readonly prefillS: number;
  readonly served: Served;
};

function observeAnswer(
  memory: Memory,
  step: PreparedStep,
  { backend, cachedTokens, prefillS, served }: Answer,
): void {
  const { chain, promptTokens, outputTokens, turn, classification, editRuns, arrivedAtMs } = step;
  // The first token is there when it has been decoded.
  const ttftMs = 1000 * (prefillS + FIRST_TOKEN_S);
  const endMs = arrivedAtMs + 1000 * (prefillS + served.decodeS);
  memory.observe(
    {
      backend,
      chain,
      ending: 'completed',
      promptTokens,
      cachedTokens: Math.round(cachedTokens),
      ttftMs,
      outputTokens,
      decodeMs: 1000 * served.decodeS,
      turn,
      task: classification.task,
      editCalls: editRuns.length,
    },
    endMs,
  );
}

type CatchUp = { readonly before: PreparedStep; readonly caught: CaughtUp; readonly nowMs: number };

// What was cut short has left behind as much as was computed of it, in whole segments.
function observeCatchUp(memory: Memory, { before, caught, nowMs }: CatchUp): void {
  const { side, fromTokens, toTokens, tookS } = caught;
  const chain = beginning(before.chain, toTokens);
  const promptTokens = tokensOf(chain);
  if (promptTokens === 0) return;
  memory.observe(
    {
      backend: BACKENDS[side],
      chain,
      ending: 'completed',
      purpose: 'catch-up',
      promptTokens: Math.round(toTokens),
      cachedTokens: Math.round(fromTokens),
      ttftMs: 1000 * (tookS + FIRST_TOKEN_S),
      turn: before.turn,
    },
    nowMs,
  );
}

function beginning(chain: Chain, tokens: number): Chain {
  let sum = 0;
  const end = chain.findIndex((link) => {
    sum += link.tokens;
    return sum > tokens + 1;
  });
  return end < 0 ? chain : chain.slice(0, end);
}

function stepAt(prepared: readonly PreparedStep[], index: number): PreparedStep {
  const step = prepared[index];
  if (step === undefined) throw new RangeError(`There is no step ${index}`);
  return step;
}
