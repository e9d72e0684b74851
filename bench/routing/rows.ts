// Every policy in every row.

import { shareOut } from '../threads.ts';
import { allOn, clairvoyant, perCallOracle, perTurnOracle } from './fixed.ts';
import { livePolicy, type PreparedSession } from './live.ts';
import { type Policy, replay } from './replay.ts';
import type { PolicyName, RowResult } from './report.ts';
import { figuresOf, type Tally } from './score.ts';
import { billS, ROWS, type Row, type Side, worldOf } from './world.ts';

export function runRows(sessions: readonly PreparedSession[]): Promise<readonly RowResult[]> {
  return shareOut(new URL('rows-worker.ts', import.meta.url), sessions, ROWS.length);
}

/** By a row's place in `ROWS`. */
export function rowRunner(sessions: readonly PreparedSession[]): (at: number) => RowResult {
  const taskIn = createTaskPolicies();
  return (at) => {
    const row = ROWS[at];
    if (row === undefined) throw new RangeError(`There is no row ${at}`);
    return runRow(row, { sessions, task: taskIn(row) });
  };
}

type Setup = { readonly sessions: readonly PreparedSession[]; readonly task: Policy<PreparedSession> };

function runRow(row: Row, { sessions, task }: Setup): RowResult {
  const world = worldOf(row);
  const auto = livePolicy('auto');
  const run = (policy: Policy<PreparedSession>) => replay(world, sessions, policy);
  const tallies: Readonly<Record<PolicyName, Tally>> = {
    auto: run(auto),
    task: run(task),
    ...plainTallies(run),
    hindsight: run(clairvoyant(world)),
  };
  const least = billS(tallies.hindsight);
  const result = (name: PolicyName) => ({ figures: figuresOf(tallies[name], least), tally: tallies[name] });
  const ttftErrorPercent = auto.ttftErrorPercent();
  return {
    ...row,
    policies: {
      auto: { ...result('auto'), ...(ttftErrorPercent !== undefined && { ttftErrorPercent }) },
      task: result('task'),
      'all-A': result('all-A'),
      'all-E': result('all-E'),
      'per-call-oracle': result('per-call-oracle'),
      'per-turn-oracle': result('per-turn-oracle'),
      hindsight: result('hindsight'),
    },
  };
}

function plainTallies(run: (policy: Policy<PreparedSession>) => Tally) {
  return {
    'all-A': run(allOn('A')),
    'all-E': run(allOn('E')),
    'per-call-oracle': run(perCallOracle),
    'per-turn-oracle': run(perTurnOracle),
  };
}

// What mode `task` decides follows from the turns and from which edits fail, not from what anything costs: it is
// asked once for each failure rate, and its answers are replayed in the other rows.
function createTaskPolicies(): (row: Row) => Policy<PreparedSession> {
  const known = new Map<number, Policy<PreparedSession>>();
  return ({ editFailureOnA }) => {
    const policy = known.get(editFailureOnA);
    if (policy !== undefined) return policy;
    const { live, again } = recorded(livePolicy('task'));
    known.set(editFailureOnA, again);
    return live;
  };
}

type Recorded = { readonly live: Policy<PreparedSession>; readonly again: Policy<PreparedSession> };

function recorded(policy: Policy<PreparedSession>): Recorded {
  const taken = new Map<PreparedSession, Side[]>();
  return {
    live: {
      forSession(session) {
        const chooser = policy.forSession(session);
        const sides: Side[] = [];
        taken.set(session, sides);
        return {
          ...chooser,
          choose(index) {
            const side = chooser.choose(index);
            sides[index] = side;
            return side;
          },
        };
      },
    },
    again: { forSession: (session) => ({ choose: (index) => taken.get(session)?.[index] ?? 'A' }) },
  };
}
