// The least that a session could have cost, known afterwards: a dynamic programme over what both servers hold.

import type { Step } from './step.ts';
import { arrive, billS, type Held, NOTHING_HELD, otherSide, type Side, serve, type World } from './world.ts';

/** A side and the step from which on it is used; the chain leads back to the session's beginning. */
type Choice = { readonly side: Side; readonly fromStep: number; readonly before: Choice | undefined };
type Path = { readonly held: Held; readonly costS: number; readonly choice?: Choice | undefined };

/** By the side of the last call; of each side those that hold most on the other first. */
type Paths = Readonly<Record<Side, readonly Path[]>>;

/** For each step the side that the cheapest of all ways through the session takes. */
export function hindsight(world: World, steps: readonly Step[]): readonly Side[] {
  const start: Path = { held: NOTHING_HELD, costS: 0 };
  let paths: Paths = { A: [start], E: [] };
  for (const [index, step] of steps.entries()) {
    const arrived = { A: arrivedAll(world, paths.A, step), E: arrivedAll(world, paths.E, step) };
    const on = (side: Side) => nextPaths(world, arrived, { step, side, index });
    paths = { A: on('A'), E: on('E') };
  }
  return unroll(cheapest([...paths.A, ...paths.E])?.choice, steps.length);
}

function arrivedAll(world: World, paths: readonly Path[], step: Step): readonly Path[] {
  return paths.map((path) => ({ ...path, held: arrive(world, path.held, step) }));
}

type Next = { readonly step: Step; readonly side: Side; readonly index: number };

// Paths that were on the other side hold all of the conversation there, each as much as the next: the cheapest of
// them is as good as all. Those that were on this side already differ in what the other side holds.
function nextPaths(world: World, arrived: Paths, next: Next): readonly Path[] {
  const { side } = next;
  const extended = (path: Path) => extend(world, path, next);
  const crossing = cheapest(arrived[otherSide(side)].map(extended));
  const staying = arrived[side].map(extended);
  return undominated(crossing === undefined ? staying : inserted(staying, crossing, otherSide(side)));
}

function extend(world: World, { held, costS, choice }: Path, { step, side, index }: Next): Path {
  const served = serve(world, held, step, side);
  return {
    held: served.held,
    costS: costS + billS(served.bill),
    choice: choice?.side === side ? choice : { side, fromStep: index, before: choice },
  };
}

// A history that was taken back leaves a server with more than the newest prompt.
function inserted(paths: readonly Path[], path: Path, other: Side): readonly Path[] {
  const found = paths.findIndex(({ held }) => held[other] < path.held[other]);
  const at = found < 0 ? paths.length : found;
  return [...paths.slice(0, at), path, ...paths.slice(at)];
}

// One that holds no more on the other side and has cost no less can never become the better one.
function undominated(paths: readonly Path[]): readonly Path[] {
  let least = Number.POSITIVE_INFINITY;
  return paths.filter(({ costS }) => {
    if (costS >= least) return false;
    least = costS;
    return true;
  });
}

function cheapest(paths: readonly Path[]): Path | undefined {
  return paths.reduce<Path | undefined>(
    (best, path) => (best === undefined || path.costS < best.costS ? path : best),
    undefined,
  );
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
