import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { momentsOf } from '../../bench/classifier/moments.ts';
import type { TraceEvent, TraceSession } from '../../bench/routing/trace-file.ts';
import { evidenceByEvent } from '../../bench/trace-evidence.ts';
import { classify } from '../../router/classify.ts';
import { turnFeatures } from '../../router/features.ts';
import { progressFeatures } from '../../router/progress.ts';
import { readTurn, type TurnEvidence } from '../../router/turn.ts';
import { parseRequest } from '../../wire/parse.ts';
import { Session } from '../fixture/session.ts';
import { evidence } from './evidence.ts';

describe('the features of a turn', () => {
  it('are the same for the same evidence, finite, and bounded for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), (promptText) => {
        const features = turnFeatures(evidence({ promptText }));
        assert.deepEqual(turnFeatures(evidence({ promptText })), features);
        assert.ok(features.every(({ value }) => Number.isFinite(value)));
        assert.ok(features.length < 2500, String(features.length));
      }),
      { numRuns: 200 },
    );
  });

  it('are no more for a megabyte than for its beginning', () => {
    for (const unit of ['a', 'word ', '壺', '\ufdfa', '? "', '\u0301']) {
      const short = turnFeatures(evidence({ promptText: unit.repeat(2000).slice(0, 2000) }));
      const long = turnFeatures(evidence({ promptText: unit.repeat(1_000_000) }));
      const words = (features: typeof short) => features.filter(({ group }) => group === 'words');
      assert.deepEqual(words(long), words(short), JSON.stringify(unit));
    }
  });

  it('do not take a long prompt for a louder one', () => {
    const length = (promptText: string) =>
      turnFeatures(evidence({ promptText }))
        .filter(({ group }) => group === 'words')
        .reduce((sum, { value }) => sum + value ** 2, 0);
    const short = length('Fix the kettle now');
    assert.ok(Math.abs(length('Fix the kettle now. '.repeat(80)) - short) < 0.01 * short);
  });

  it('know no tool that people made themselves by its name', () => {
    const turn = { edited: false, toolCalls: 1, tools: ['mcp__secret__run'], failedCalls: 0 };
    const runs = [{ id: 'a', name: 'mcp__secret__run', result: 'ok' }] as const;
    const seen = evidence({ promptText: 'Go', earlierTurns: [turn], toolRuns: runs });
    for (const { name } of [...turnFeatures(seen), ...progressFeatures(seen, 0)]) {
      assert.ok(!name.includes('secret'), name);
    }
  });
});

const RECORDED: TraceSession = {
  session: 1,
  repo: 'made/up',
  events: [
    { t: 0, kind: 'user', text: 'Where is the kettle filled?' },
    { t: 1, kind: 'call', ctx: 100, out: 1, tools: ['Read', 'Grep'], bash_mutates: false },
    { t: 2, kind: 'result', tool: 'Grep', error: false, chars: 9 },
    { t: 2, kind: 'result', tool: 'Read', error: true, chars: 9 },
    { t: 3, kind: 'call', ctx: 200, out: 1, tools: [], bash_mutates: false },
    { t: 9, kind: 'user', text: 'Then move the spout' },
    { t: 10, kind: 'call', ctx: 300, out: 1, tools: ['Read'], bash_mutates: false },
    { t: 11, kind: 'result', tool: 'Read', error: false, chars: 9 },
    { t: 12, kind: 'call', ctx: 400, out: 1, tools: ['Edit'], bash_mutates: false },
    { t: 13, kind: 'result', tool: 'Edit', error: false, chars: 9 },
    { t: 14, kind: 'call', ctx: 500, out: 1, tools: [], bash_mutates: false },
    { t: 20, kind: 'user', text: 'Why did it drip?' },
    { t: 21, kind: 'call', ctx: 600, out: 1, tools: [], bash_mutates: false },
  ],
};

// The same session as requests: before each recorded call. What the fixture adds to a text, a reminder, is taken off.
function liveEvidence(): readonly TurnEvidence[] {
  const tool = (name: string) => ({ name, input: {} });
  const session = new Session({ prompt: 'Where is the kettle filled?' });
  const seen: TurnEvidence[] = [];
  const look = () => seen.push(unmarked(readTurn(parseRequest(session.body()), {})));
  look();
  session.useTools([tool('Read'), tool('Grep')], { 0: '<tool_use_error>No such file</tool_use_error>' });
  look();
  session.answer().ask('Then move the spout');
  look();
  session.useTools([tool('Read')]);
  look();
  session.useTools([tool('Edit')]);
  look();
  session.answer().ask('Why did it drip?');
  look();
  return seen;
}

function unmarked(seen: TurnEvidence): TurnEvidence {
  const prompt = RECORDED.events.find(
    (event) => event.kind === 'user' && seen.promptText?.startsWith(event.text),
  );
  return { ...seen, ...(prompt?.kind === 'user' ? { promptText: prompt.text } : {}) };
}

describe('a recorded session', () => {
  it('gives the features and the verdicts of the same session live', () => {
    const recorded = [...evidenceByEvent(RECORDED, 's')].filter(
      ([index]) => RECORDED.events[index]?.kind === 'call',
    );
    const live = liveEvidence();
    assert.equal(recorded.length, live.length);
    for (const [position, [, seen]] of recorded.entries()) {
      const same = live[position];
      assert.ok(same);
      assert.deepEqual(turnFeatures(seen), turnFeatures(same));
      assert.deepEqual(progressFeatures(seen, 1), progressFeatures(same, 1));
      assert.deepEqual(classify(seen), classify(same));
    }
  });

  it('shows at every moment only what came before it', () => {
    const whole = evidenceByEvent(RECORDED, 's');
    for (const [index, seen] of whole) {
      const cut = { ...RECORDED, events: RECORDED.events.slice(0, index + 1) };
      assert.deepEqual(evidenceByEvent(cut, 's').get(index), seen);
    }
    assert.equal(whole.size, 9);
  });

  it('tells what each prompt and each call led to', () => {
    const answers = momentsOf(RECORDED, 's').map(({ at, isEdit, turnWillEdit }) => [
      at,
      isEdit,
      turnWillEdit,
    ]);
    assert.deepEqual(answers, [
      ['prompt', false, false],
      ['call', false, false],
      ['call', false, false],
      ['prompt', true, true],
      ['call', false, true],
      ['call', true, true],
      ['call', false, false],
      ['prompt', false, false],
      ['call', false, false],
    ]);
  });

  it('starts afresh at a compaction, as a live history does', () => {
    const events: TraceEvent[] = [
      ...RECORDED.events,
      { t: 22, kind: 'compact' },
      { t: 23, kind: 'call', ctx: 50, out: 1, tools: [], bash_mutates: false },
    ];
    const seen = evidenceByEvent({ ...RECORDED, events }, 's').get(events.length - 1);
    assert.ok(seen && !('promptText' in seen));
    assert.deepEqual([seen.toolRuns, seen.earlierTurns], [[], []]);
  });

  it('takes for a prompt only what a person wrote', () => {
    const notice = { t: 15, kind: 'user', text: '<task-notification>done</task-notification>' } as const;
    const events = [...RECORDED.events.slice(0, 11), notice];
    assert.equal(evidenceByEvent({ ...RECORDED, events }, 's').has(11), false);
  });
});
