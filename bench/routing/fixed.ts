// Policies that do not learn: the plain choices, the oracles that know what a call or a turn will do, and the one
// that knows everything.

import { hindsight } from './hindsight.ts';
import type { Policy } from './replay.ts';
import type { Step } from './step.ts';
import type { Side, World } from './world.ts';

export const allOn = (side: Side): Policy => byStep(() => side);
export const perCallOracle: Policy = byStep((step) => (step.isEdit ? 'E' : 'A'));
export const perTurnOracle: Policy = byStep((step) => (step.isEditTurn ? 'E' : 'A'));

export function clairvoyant(world: World): Policy {
  return {
    forSession({ steps }) {
      const sides = hindsight(world, steps);
      return { choose: (index) => sides[index] ?? 'A' };
    },
  };
}

function byStep(sideOf: (step: Step) => Side): Policy {
  return {
    forSession: ({ steps }) => ({
      choose(index) {
        const step = steps[index];
        return step === undefined ? 'A' : sideOf(step);
      },
    }),
  };
}
