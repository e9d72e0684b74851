// All sessions through one row under one policy.

import { emptyTally, score, type Tally } from './score.ts';
import type { Step } from './step.ts';
import { arrive, type Held, NOTHING_HELD, type Served, type Side, serve, type World } from './world.ts';

export type ReplaySession = { readonly steps: readonly Step[] };

/** One session's choices. What a choice led to is told before the next is asked for. */
export type Chooser = {
  choose(index: number): Side;
  /** What an idle backend has prefilled by itself in the pause before the step. */
  caughtUp?(index: number, caught: CaughtUp): void;
  served?(index: number, side: Side, served: Served): void;
};
export type CaughtUp = {
  readonly side: Side;
  readonly fromTokens: number;
  readonly toTokens: number;
  readonly tookS: number;
};

/** A policy lives for one row, over all its sessions; it must not look into the world unless it is clairvoyant. */
export type Policy<Session extends ReplaySession = ReplaySession> = { forSession(session: Session): Chooser };

export function replay<Session extends ReplaySession>(
  world: World,
  sessions: readonly Session[],
  policy: Policy<Session>,
): Tally {
  const tally = emptyTally();
  for (const session of sessions)
    replaySession(world, { steps: session.steps, chooser: policy.forSession(session) }, tally);
  return tally;
}

type Running = ReplaySession & { readonly chooser: Chooser };

function replaySession(world: World, { steps, chooser }: Running, tally: Tally): void {
  let held = NOTHING_HELD;
  let afterFailure = false;
  for (const [index, step] of steps.entries()) {
    const before = arrive(world, held, step);
    const caught = caughtUpBetween(world, held, before);
    if (caught !== undefined) chooser.caughtUp?.(index, caught);
    const side = chooser.choose(index);
    const served = serve(world, before, step, side);
    chooser.served?.(index, side, served);
    score(tally, { step, side, before, served, afterFailure });
    held = served.held;
    afterFailure = served.editFailed;
  }
}

function caughtUpBetween(world: World, from: Held, to: Held): CaughtUp | undefined {
  const side = to.A > from.A ? 'A' : 'E';
  const tokens = to[side] - from[side];
  if (tokens <= 0) return undefined;
  const tookS = tokens / world.engines[side].tokensPerS;
  return { side, fromTokens: from[side], toTokens: to[side], tookS };
}
