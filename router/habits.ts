// How a turn of this user usually goes on: calls, growth and length of answers, by what the turn turned out to be.
// The priors were counted on 272 recorded sessions; what is seen here takes their place little by little.

import { keep } from '../wire/bounded.ts';
import type { Task } from './decision.ts';
import { type Observation, tokensOf } from './observation.ts';
import { fieldsOf, isPositive } from './saved.ts';
import { sessionKey } from './sessions.ts';

export type TurnShape = {
  /** Calls that a turn of this task still makes, whatever it has made already. */
  readonly calls: number;
  /** Share of its calls that call an edit tool. */
  readonly editShare: number;
  readonly outputTokens: number;
};

export type Habits = {
  shape(task: Task): TurnShape;
  /** Tokens by which a prompt is longer than the one before it. */
  readonly growthTokens: number;
  /** Share of turns that edit. */
  readonly editTurns: number;
  /** Turns of a conversation that are still to come before it ends or is compacted. */
  readonly turnsAhead: number;
  observe(observation: Observation): void;
  toJSON(): SavedHabits;
};

export type SavedHabits = {
  readonly shapes: Readonly<Record<Task, TurnShape>>;
  readonly growthTokens: number;
  readonly editTurns: number;
};

const PRIOR: SavedHabits = {
  shapes: {
    analysis: { calls: 4, editShare: 0, outputTokens: 300 },
    edit: { calls: 17, editShare: 0.26, outputTokens: 300 },
  },
  growthTokens: 1300,
  editTurns: 0.49,
};
const TURNS_AHEAD = 3.5;
/** What one turn, and one call, moves the mean by. */
const TURN_GAIN = 0.03;
const CALL_GAIN = 0.01;
/** An outlier counts as so many times the mean. */
const OUTLIER = 5;
const MAX_SESSIONS = 1000;

type Running = {
  readonly turnId: string;
  readonly calls: number;
  readonly editingCalls: number;
  readonly promptTokens: number;
};

export function createHabits(saved?: unknown): Habits {
  let { shapes, growthTokens, editTurns } = readSaved(saved) ?? PRIOR;
  const running = new Map<string, Running>();

  function endTurn({ calls, editingCalls }: Running): void {
    const task: Task = editingCalls > 0 ? 'edit' : 'analysis';
    const shape = shapes[task];
    editTurns += TURN_GAIN * ((task === 'edit' ? 1 : 0) - editTurns);
    shapes = {
      ...shapes,
      [task]: {
        ...shape,
        calls: towards(shape.calls, calls, TURN_GAIN),
        editShare: shape.editShare + TURN_GAIN * (editingCalls / calls - shape.editShare),
      },
    };
  }

  return {
    shape: (task) => shapes[task],
    get growthTokens() {
      return growthTokens;
    },
    get editTurns() {
      return editTurns;
    },
    turnsAhead: TURNS_AHEAD,
    observe({ turn, ending, chain, promptTokens = tokensOf(chain), outputTokens, editCalls = 0, task }) {
      if (ending !== 'completed' || turn === undefined) return;
      const key = sessionKey(turn);
      const before = running.get(key);
      const goesOn = before !== undefined && before.turnId === turn.turnId;
      if (before !== undefined && !goesOn) endTurn(before);
      const grown = promptTokens - (before?.promptTokens ?? promptTokens);
      if (grown > 0) growthTokens = towards(growthTokens, grown, CALL_GAIN);
      if (task !== undefined && outputTokens !== undefined) {
        const shape = shapes[task];
        shapes = {
          ...shapes,
          [task]: { ...shape, outputTokens: towards(shape.outputTokens, outputTokens, CALL_GAIN) },
        };
      }
      keep(running, MAX_SESSIONS, key, {
        turnId: turn.turnId,
        calls: (goesOn ? before.calls : 0) + 1,
        editingCalls: (goesOn ? before.editingCalls : 0) + (editCalls > 0 ? 1 : 0),
        promptTokens,
      });
    },
    toJSON: () => ({ shapes, growthTokens, editTurns }),
  };
}

function towards(mean: number, value: number, gain: number): number {
  return mean + gain * (Math.min(value, OUTLIER * mean) - mean);
}

function readSaved(saved: unknown): SavedHabits | undefined {
  const { shapes, growthTokens, editTurns } = fieldsOf(saved);
  const analysis = readShape(fieldsOf(shapes)['analysis']);
  const edit = readShape(fieldsOf(shapes)['edit']);
  if (analysis === undefined || edit === undefined) return undefined;
  if (!isPositive(growthTokens) || !isPositive(editTurns) || editTurns > 1) return undefined;
  return { shapes: { analysis, edit }, growthTokens, editTurns };
}

function readShape(saved: unknown): TurnShape | undefined {
  const { calls, editShare, outputTokens } = fieldsOf(saved);
  if (!isPositive(calls) || !isPositive(outputTokens)) return undefined;
  if (typeof editShare !== 'number' || !(editShare >= 0) || editShare > 1) return undefined;
  return { calls, editShare, outputTokens };
}
