import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ClassifierModel, type LinearModel, turnBelief } from '../../router/classifier-model.ts';
import { CLASSIFIER_WEIGHTS } from '../../router/classifier-weights.ts';
import { classify } from '../../router/classify.ts';
import type { TurnEvidence } from '../../router/turn.ts';
import { loadWeights, packWeights } from '../../router/weights.ts';

const linear = (more: Partial<LinearModel> = {}): LinearModel => ({
  bias: 0.25,
  step: 0.5,
  weights: Int8Array.from({ length: 64 }, (_, index) => (index % 2 ? -128 + index : 127 - index)),
  ...more,
});
const MODEL: ClassifierModel = {
  prompt: linear(),
  progress: linear({ bias: -1 }),
  call: linear({ bias: 2 }),
};

const QUESTION: TurnEvidence = {
  turnId: 't',
  promptText: 'Why does it drip?',
  toolRuns: [],
  insideToolLoop: false,
  planMode: false,
  compaction: false,
  earlierTurns: [],
  messageCount: 1,
};

function edited(change: (value: Record<string, unknown>) => void): string {
  const value: Record<string, unknown> = JSON.parse(packWeights(MODEL));
  change(value);
  return JSON.stringify(value);
}

describe('weights', () => {
  it('come back as they were packed', () => {
    assert.deepEqual(loadWeights(packWeights(MODEL)), { model: MODEL });
  });

  const misfits: readonly (readonly [string, string, RegExp])[] = [
    ['are no JSON', 'x', /are not JSON/],
    ['are missing', '', /are not JSON/],
    ['are JSON of another kind', '[1]', /are not JSON/],
    ['have another format', edited((value) => Object.assign(value, { format: 99 })), /format 99, not 1/],
    [
      'were trained for other features',
      edited((value) => Object.assign(value, { features: '0-other' })),
      /trained for features 0-other, but these are 1-/,
    ],
    ['have lost their end', packWeights(MODEL).slice(0, -40), /are not JSON/],
    ['have a changed byte', packWeights(MODEL).replace('"bias":-1', '"bias":-2'), /damaged: wrong checksum/],
    [
      'have a length that is no power of two',
      packWeights({ ...MODEL, call: linear({ weights: new Int8Array(63) }) }),
      /"call" is missing or has a wrong length/,
    ],
  ];
  for (const [what, text, reason] of misfits) {
    it(`that ${what} are refused with the reason, and the fixed rules decide`, () => {
      const loaded = loadWeights(text);
      assert.ok('refused' in loaded);
      assert.match(loaded.refused, reason);
      assert.match(loaded.refused, /train:classifier/);
      assert.equal(classify(QUESTION, undefined, loaded).reason, 'question-words');
    });
  }

  it('that are shipped stay below 100 kB and judge as they did before they were packed', () => {
    assert.ok(CLASSIFIER_WEIGHTS.length < 100_000);
    const loaded = loadWeights(CLASSIFIER_WEIGHTS);
    assert.ok('model' in loaded);
    const again = loadWeights(packWeights(loaded.model));
    assert.ok('model' in again);
    assert.deepEqual(turnBelief(again.model, QUESTION), turnBelief(loaded.model, QUESTION));
  });
});
