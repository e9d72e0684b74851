import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { allOn, clairvoyant, perTurnOracle } from '../../bench/routing/fixed.ts';
import { hindsight } from '../../bench/routing/hindsight.ts';
import { replay } from '../../bench/routing/replay.ts';
import { type Step, stepsOf } from '../../bench/routing/step.ts';
import type { TraceEvent, TraceSession } from '../../bench/routing/trace-file.ts';
import {
  arrive,
  billS,
  NOTHING_HELD,
  ROW_NAMES,
  type Row,
  type Side,
  serve,
  type World,
  worldOf,
} from '../../bench/routing/world.ts';
import { call, EDIT_THEN_QUESTION, longSession, result } from './sessions.ts';

function row(changes: Partial<Row> = {}): Row {
  return { row: 'equal', catchUp: false, editFailureOnA: 0, ...changes };
}

function replayed(session: TraceSession) {
  return [{ session, steps: stepsOf(session) }];
}

describe('a recorded session', () => {
  test('is one step a call, with turns, pauses and edits told apart', () => {
    const steps = stepsOf(EDIT_THEN_QUESTION);
    assert.deepEqual(
      steps.map(({ arrivedAtS, isEdit, isEditTurn, opensTurn, pauseS, hasEdited }) => ({
        arrivedAtS,
        isEdit,
        isEditTurn,
        opensTurn,
        pauseS,
        hasEdited,
      })),
      [
        { arrivedAtS: 0, isEdit: false, isEditTurn: true, opensTurn: true, pauseS: 0, hasEdited: false },
        { arrivedAtS: 3, isEdit: true, isEditTurn: true, opensTurn: false, pauseS: 0, hasEdited: false },
        { arrivedAtS: 16, isEdit: false, isEditTurn: false, opensTurn: true, pauseS: 10, hasEdited: false },
        { arrivedAtS: 19, isEdit: false, isEditTurn: false, opensTurn: false, pauseS: 0, hasEdited: false },
      ],
    );
  });

  test('that begins in the middle of a turn has that turn, and no pause before it', () => {
    const steps = stepsOf({ session: 1, repo: '', events: [result(0, 'Read'), call(2, 616, 'Edit')] });
    assert.deepEqual(
      steps.map(({ opensTurn, isEditTurn, pauseS }) => ({ opensTurn, isEditTurn, pauseS })),
      [{ opensTurn: false, isEditTurn: true, pauseS: 0 }],
    );
  });

  test('catches up for ten minutes at most, however long the person was away', () => {
    const [, step] = stepsOf({
      session: 1,
      repo: '',
      events: [
        { t: 0, kind: 'user', text: 'a' },
        call(1, 616),
        { t: 90_000, kind: 'user', text: 'b' },
        call(90_001, 616),
      ],
    });
    assert.equal(step?.pauseS, 600);
  });
});

describe('the world', () => {
  test('makes the person wait for what the chosen backend has not seen', () => {
    const tally = replay(worldOf(row()), replayed(EDIT_THEN_QUESTION), perTurnOracle);
    // E: 10 + 10. A has nothing: 21 + 1.
    assert.equal(tally.prefillS, 42);
    assert.equal(tally.preferenceS, 0);
    assert.equal(tally.decodeS, 4);
    assert.equal(tally.switches, 1);
  });

  test('lets the idle backend catch up until the next request arrives', () => {
    const tally = replay(worldOf(row({ catchUp: true })), replayed(EDIT_THEN_QUESTION), perTurnOracle);
    // Ten seconds of pause are 6,160 of the 12,936 tokens: A still has to compute 11 s of them, and then 1.
    assert.equal(tally.prefillS, 32);
  });

  test('is slower on E and recomputes everything where there is no cache', () => {
    const seconds = (name: Row['row'], side: Side) =>
      replay(worldOf(row({ row: name })), replayed(EDIT_THEN_QUESTION), allOn(side)).prefillS;
    assert.deepEqual([seconds('E2x', 'E'), seconds('E4x', 'E'), seconds('E4x', 'A')], [44, 88, 22]);
    assert.deepEqual([seconds('EnoCache', 'E'), seconds('AnoCache', 'A')], [10 + 20 + 21 + 22, 73]);
  });

  test('bills an edit on A and an analysis on E by what the person would rather have', () => {
    const preference = (side: Side) =>
      replay(worldOf(row()), replayed(EDIT_THEN_QUESTION), allOn(side)).preferenceS;
    assert.deepEqual([preference('A'), preference('E')], [5, 2 + 2]);
  });

  test('does a failed edit again on E, which then holds the prompt', () => {
    const world = worldOf(row({ editFailureOnA: 1 }));
    const [first, edit] = stepsOf(EDIT_THEN_QUESTION);
    assert.ok(first !== undefined && edit !== undefined);
    const before = serve(world, NOTHING_HELD, first, 'A').held;
    const served = serve(world, before, edit, 'A');
    // E reads all 12,320 tokens (20 s) and writes the 40 tokens of the answer (1 s).
    assert.deepEqual(served.bill, { prefillS: 10, redoS: 21, preferenceS: 5 });
    assert.deepEqual(served.held, { A: 12_320, E: 12_320, last: 'A', tokens: 12_320 });
  });

  test('lets the same edits fail under every policy, and more where the rate is higher', () => {
    const session = longSession(400);
    const failures = (rate: number) =>
      stepsOf(session).filter(
        (step) => serve(worldOf(row({ editFailureOnA: rate })), NOTHING_HELD, step, 'A').editFailed,
      ).length;
    assert.equal(failures(0), 0);
    assert.ok(failures(0.1) > 20 && failures(0.1) < 60, `${failures(0.1)} of 400`);
    assert.ok(failures(0.3) > 90 && failures(0.3) < 150, `${failures(0.3)} of 400`);
  });

  test('has nothing warm after a compaction', () => {
    const events: TraceEvent[] = [
      { t: 0, kind: 'user', text: 'a' },
      call(1, 6160),
      { t: 2, kind: 'compact' },
      call(3, 1232),
    ];
    const tally = replay(worldOf(row()), replayed({ session: 1, repo: '', events }), allOn('A'));
    assert.equal(tally.prefillS, 12);
  });
});

describe('hindsight', () => {
  const steps = fc.array(
    fc.record({
      ctx: fc.integer({ min: 100, max: 60_000 }),
      isEdit: fc.boolean(),
      prompt: fc.boolean(),
      pauseS: fc.integer({ min: 0, max: 40 }),
      compacted: fc.constantFrom(false, false, false, false, true),
    }),
    { minLength: 1, maxLength: 8 },
  );
  const rows = fc.record({
    row: fc.constantFrom(...ROW_NAMES),
    catchUp: fc.boolean(),
    editFailureOnA: fc.constantFrom(0, 0.3, 0.8),
  });

  test('costs as little as the cheapest of all possible ways', () => {
    fc.assert(
      fc.property(steps, rows, (made, someRow) => {
        const world = worldOf(someRow);
        const walked = stepsOf(sessionOf(made));
        const least = Math.min(...everyWay(walked.length).map((sides) => costOf(world, walked, sides)));
        const found = costOf(world, walked, hindsight(world, walked));
        assert.ok(Math.abs(found - least) < 1e-6, `${found} is not ${least}`);
      }),
      { numRuns: 200 },
    );
  });

  test('follows the task where switching is free, and stays where it is dear', () => {
    const session = EDIT_THEN_QUESTION;
    const sides = (changes: Partial<Row>) => hindsight(worldOf(row(changes)), stepsOf(session)).join('');
    assert.equal(sides({}), 'EEEE');
    assert.equal(sides({ row: 'EnoCache' }), 'AAAA');
    const longPause = {
      ...session,
      events: session.events.map((event) => (event.t < 16 ? event : { ...event, t: event.t + 60 })),
    };
    assert.equal(hindsight(worldOf(row({ catchUp: true })), stepsOf(longPause)).join(''), 'EEAA');
  });

  type Made = { ctx: number; isEdit: boolean; prompt: boolean; pauseS: number; compacted: boolean };

  function sessionOf(made: readonly Made[]): TraceSession {
    let t = 0;
    const events = made.flatMap(({ ctx, isEdit, prompt, pauseS, compacted }): TraceEvent[] => {
      t += pauseS;
      return [
        ...(compacted ? [{ t, kind: 'compact' } as const] : []),
        ...(prompt ? [{ t, kind: 'user', text: 'next' } as const] : []),
        call(t, ctx, isEdit ? 'Edit' : 'Read'),
      ];
    });
    return { session: 3, repo: 'made/up', events };
  }

  function everyWay(length: number): readonly (readonly Side[])[] {
    return Array.from({ length: 2 ** length }, (_, way) =>
      Array.from({ length }, (_, at) => ((way >> at) & 1 ? 'E' : 'A')),
    );
  }

  function costOf(world: World, walked: readonly Step[], sides: readonly Side[]): number {
    let held = NOTHING_HELD;
    let cost = 0;
    for (const [at, step] of walked.entries()) {
      const served = serve(world, arrive(world, held, step), step, sides[at] ?? 'A');
      held = served.held;
      cost += billS(served.bill);
    }
    return cost;
  }
});

test('the clairvoyant policy is never dearer than a plain one', () => {
  const sessions = replayed(EDIT_THEN_QUESTION);
  for (const name of ROW_NAMES) {
    const world = worldOf(row({ row: name, catchUp: true, editFailureOnA: 0.3 }));
    const best = billS(replay(world, sessions, clairvoyant(world)));
    for (const policy of [allOn('A'), allOn('E'), perTurnOracle]) {
      assert.ok(best <= billS(replay(world, sessions, policy)) + 1e-9);
    }
  }
});
