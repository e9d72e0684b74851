import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { logOdds, readingOf } from '../../router/classifier-model.ts';
import { classify, explainClassification, SHIPPED } from '../../router/classify.ts';
import { CLASSIFY_REASONS, type ClassifyReason, type Task } from '../../router/decision.ts';
import type { EarlierTurn, TurnEvidence } from '../../router/turn.ts';
import { evidence } from './evidence.ts';

const edited: EarlierTurn = { edited: true, toolCalls: 3 };
const looked: EarlierTurn = { edited: false, toolCalls: 3 };
const talked: EarlierTurn = { edited: false, toolCalls: 0 };

const CERTAIN: ReadonlySet<ClassifyReason> = new Set([
  'subagent-type',
  'plan-mode',
  'compaction',
  'edit-tool-used',
  'plan-approved',
]);

const RULES_ONLY = { refused: 'for this test' };

const run = (name: string, result: 'ok' | 'declined' = 'ok') => ({ id: 'x', name, result });

const table: readonly (readonly [string, Partial<TurnEvidence>, Task, ClassifyReason])[] = [
  ['an Explore agent', { agentType: 'Explore', promptText: 'Fix it' }, 'analysis', 'subagent-type'],
  ['a Plan agent', { agentType: 'Plan' }, 'analysis', 'subagent-type'],
  [
    'any other agent by its prompt',
    { agentType: 'general-purpose', promptText: 'Fix it' },
    'edit',
    'edit-words',
  ],
  ['a compaction', { compaction: true, toolRuns: [run('Edit')] }, 'analysis', 'compaction'],
  ['an order in plan mode', { planMode: true, promptText: 'Fix the spout' }, 'analysis', 'plan-mode'],
  [
    'a question after which a file was written',
    { promptText: 'why?', toolRuns: [run('Write')] },
    'edit',
    'edit-tool-used',
  ],
  [
    'an approved plan',
    { promptText: 'what would you do?', toolRuns: [run('ExitPlanMode')] },
    'edit',
    'plan-approved',
  ],
  [
    'a plan that was turned down',
    { promptText: 'What would you do?', toolRuns: [run('ExitPlanMode', 'declined')] },
    'analysis',
    'question-words',
  ],
  [
    'shell commands',
    { promptText: 'Explain the spout', toolRuns: [run('Bash')] },
    'analysis',
    'question-words',
  ],
  ['an order', { promptText: 'Fix the spout' }, 'edit', 'edit-words'],
  ['a polite order', { promptText: 'ok, can you please rename it to kettle?' }, 'edit', 'edit-words'],
  [
    'an order behind its reason',
    { promptText: 'The name is odd, please rename it to kettle' },
    'edit',
    'edit-words',
  ],
  ['a question', { promptText: 'Why does it drip?' }, 'analysis', 'question-words'],
  ['a request to look', { promptText: 'can you check the spout' }, 'analysis', 'question-words'],
  [
    'a sentence that ends as a question',
    { promptText: 'The spout, that is old code?' },
    'analysis',
    'question-words',
  ],
  ['a commit', { promptText: 'commit this' }, 'analysis', 'git-words'],
  ['a pull request', { promptText: 'create a draft PR' }, 'analysis', 'git-words'],
  ['a pasted failure', { promptText: 'TestSpout: FAIL: wants 3, got 4' }, 'edit', 'problem-report'],
  ['a consent', { promptText: 'yes' }, 'edit', 'short-consent'],
  ['a choice', { promptText: 'Option B', earlierTurns: [edited] }, 'edit', 'short-consent'],
  [
    'a choice after much talk',
    { promptText: 'Option B', earlierTurns: [looked] },
    'analysis',
    'previous-turn',
  ],
  [
    'another language after an edit',
    { promptText: 'ponlo en la tetera', earlierTurns: [edited] },
    'edit',
    'previous-turn',
  ],
  [
    'another language after talk',
    { promptText: '壺はどこ', earlierTurns: [looked] },
    'analysis',
    'previous-turn',
  ],
  [
    'another language in between',
    { promptText: 'чайник', earlierTurns: [edited, looked] },
    'analysis',
    'previous-turn',
  ],
  ['no prompt at all', {}, 'edit', 'default'],
];

describe('classify without weights', () => {
  for (const [name, more, task, reason] of table) {
    it(`takes ${name} for ${task} by ${reason}`, () => {
      const { task: got, reason: why } = classify(evidence(more), undefined, RULES_ONLY);
      assert.deepEqual({ task: got, reason: why }, { task, reason });
    });
  }

  it('is surer of an edit where the session has just edited', () => {
    const after = (turn: EarlierTurn) =>
      classify(evidence({ promptText: 'Fix the spout', earlierTurns: [turn] }), undefined, RULES_ONLY)
        .probability;
    assert.ok(after(edited) > after(looked));
  });
});

const trained: readonly (readonly [string, Partial<TurnEvidence>, Task, ClassifyReason])[] = [
  ['an order', { promptText: 'Fix the failing test, please' }, 'edit', 'model-words'],
  ['a question', { promptText: 'Why does the spout drip?' }, 'analysis', 'model-words'],
  ['a commit', { promptText: 'commit this', earlierTurns: [edited] }, 'analysis', 'model-words'],
  ['no prompt after talk', { earlierTurns: [talked, talked] }, 'analysis', 'model-context'],
  [
    'a question that only led to reading',
    { promptText: 'Why does it drip?', toolRuns: [run('Read')], insideToolLoop: true },
    'analysis',
    'model-progress',
  ],
];

describe('classify', () => {
  it('has accepted the weights that are shipped', () => {
    assert.equal('refused' in SHIPPED ? SHIPPED.refused : undefined, undefined);
  });

  for (const [name, more, task, reason] of trained) {
    it(`takes ${name} for ${task} by ${reason}`, () => {
      const { task: got, reason: why } = classify(evidence(more));
      assert.deepEqual({ task: got, reason: why }, { task, reason });
    });
  }

  it('has a case for every reason', () => {
    const tested = new Set([...table, ...trained].map(([, , , reason]) => reason));
    assert.deepEqual([...tested.add('override')].sort(), [...CLASSIFY_REASONS].sort());
  });

  it('is as certain with weights as without where no guess is needed', () => {
    for (const [, more, , reason] of table) {
      if (!CERTAIN.has(reason)) continue;
      assert.deepEqual(classify(evidence(more)), classify(evidence(more), undefined, RULES_ONLY));
    }
  });

  it('goes by what the session did where nobody knows the words', () => {
    for (const promptText of ['ğöçüş ızlürt', '壺はどこ', 'чайник течёт', 'xqzv kjwq', 'ضع الإبريق هنا']) {
      const after = (earlierTurns: readonly EarlierTurn[]) => {
        const { task, probability } = classify(evidence({ promptText, earlierTurns }));
        return task === 'edit' ? probability : 1 - probability;
      };
      assert.ok(after([edited, edited]) > after([talked, talked]) + 0.15, promptText);
    }
  });

  it('names the signals that weighed most, strongest first', () => {
    const explained = explainClassification(evidence({ promptText: 'Why does it drip?' }));
    const [classification, signals] = [explained.classification, explained.signals()];
    assert.equal(classification.task, 'analysis');
    const strengths = signals.map(({ value }) => Math.abs(value));
    assert.ok(strengths.length > 3);
    assert.deepEqual(
      strengths,
      strengths.toSorted((a, b) => b - a),
    );
    assert.ok(
      signals.some(({ name, value }) => name.startsWith('words: rule question-words') && value < 0),
      JSON.stringify(signals),
    );
  });

  it('adds up every feature of the wording before it names the strongest, and names no word of it', () => {
    assert.ok('model' in SHIPPED);
    for (const promptText of ['Fix the failing test, please', 'commit this', 'Why does it drip?']) {
      const { linear, features } = readingOf(SHIPPED.model, evidence({ promptText }));
      const wording = features.filter(({ group, name }) => group === 'words' && !name.startsWith('rule '));
      const sum = logOdds({ ...linear, bias: 0 }, wording);
      const signals = explainClassification(evidence({ promptText })).signals();
      const found = signals.find(({ name }) => name === 'words: its wording');
      assert.ok(found && Math.abs(found.value - sum) < 1e-9, `${promptText}: ${found?.value}, not ${sum}`);
      assert.ok(signals.length <= 8);
      const names = signals.map(({ name }) => name).join('; ');
      assert.doesNotMatch(names, /fix|failing|commit|drip/i);
    }
  });

  it('has no trained signals to name where a rule was certain', () => {
    const seen = evidence({ promptText: 'Fix it', planMode: true });
    assert.deepEqual(explainClassification(seen).signals(), []);
    assert.deepEqual(explainClassification(evidence(), undefined, RULES_ONLY).signals(), []);
  });

  it('obeys an override against everything it sees', () => {
    const seen = evidence({ planMode: true, agentType: 'Explore' });
    assert.deepEqual(classify(seen, 'edit'), { task: 'edit', probability: 1, reason: 'override' });
  });

  it('gives the same verdict twice, and believes in it at least by half, for any text', () => {
    const turns = fc.array(fc.constantFrom(edited, looked), { maxLength: 4 });
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), turns, (promptText, earlierTurns) => {
        const seen = evidence({ promptText, earlierTurns });
        const verdict = classify(seen);
        assert.deepEqual(classify(seen), verdict);
        assert.ok(verdict.probability >= 0.5 && verdict.probability <= 1);
      }),
      { numRuns: 200 },
    );
  });
});
