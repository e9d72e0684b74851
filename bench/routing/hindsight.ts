// The least that a session could have cost, known afterwards: a dynamic programme over what both servers hold.

import type { Step } from './step.ts';
import { arrive, billS, type Held, NOTHING_HELD, otherSide, type Side, serve, type World } from './world.ts';

const SIDES = ['A', 'E'] as const;

/** A side and the step from which on it is used; the chain leads back to the session's beginning. */
type Choice = { readonly side: Side; readonly fromStep: number; readonly before: Choice | undefined };
type Path = { readonly held: Held; readonly costS: number; readonly choice?: Choice | undefined };

/** For each step the side that the cheapest of all ways through the session takes. */
export function hindsight(world: World, steps: readonly Step[]): readonly Side[] {
  let paths: readonly Path[] = [{ held: NOTHING_HELD, costS: 0 }];
  for (const [index, step] of steps.entries()) {
    const arrived = paths.map((path) => ({ ...path, held: arrive(world, path.held, step) }));
    paths = SIDES.flatMap((side) =>
      undominated(
        arrived.map((path) => extend(world, path, { step, side, index })),
        side,
      ),
    );
  }
  const best = paths.reduce((a, b) => (b.costS < a.costS ? b : a));
  return unroll(best.choice, steps.length);
}

type Next = { readonly step: Step; readonly side: Side; readonly index: number };

function extend(world: World, { held, costS, choice }: Path, { step, side, index }: Next): Path {
  const served = serve(world, held, step, side);
  return {
    held: served.held,
    costS: costS + billS(served.bill),
    choice: choice?.side === side ? choice : { side, fromStep: index, before: choice },
  };
}

// Paths that end on the same side hold the same there: what tells them apart is the other side's cache. One that
// holds no more there and has cost no less can never become the better one.
function undominated(paths: Path[], side: Side): readonly Path[] {
  const other = otherSide(side);
  paths.sort((a, b) => b.held[other] - a.held[other] || a.costS - b.costS);
  let cheapest = Number.POSITIVE_INFINITY;
  return paths.filter(({ costS }) => {
    if (costS >= cheapest) return false;
    cheapest = costS;
    return true;
  });
}

function unroll(last: Choice | undefined, length: number): readonly Side[] {
  const sides = new Array<Side>(length).fill('A');
  let until = length;
  for (let choice = last; choice !== undefined; choice = choice.before) {
    sides.fill(choice.side, choice.fromStep, until);
    until = choice.fromStep;
  }
  return sides;
}
