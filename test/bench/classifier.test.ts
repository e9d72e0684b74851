import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { casesOf, inUnknownLetters } from '../../bench/classifier/cases.ts';
import { evaluate } from '../../bench/classifier/evaluate.ts';
import { fitClassifier } from '../../bench/classifier/fit.ts';
import { fitLogistic, rowLogOdds, type SparseRow } from '../../bench/classifier/logistic.ts';
import { editProbability, foldScorers } from '../../bench/classifier-folds.ts';
import type { TraceEvent, TraceSession } from '../../bench/routing/trace-file.ts';
import { evidenceByEvent } from '../../bench/trace-evidence.ts';
import type { TurnEvidence } from '../../router/turn.ts';
import { loadWeights, packWeights } from '../../router/weights.ts';

const call = (t: number, ...tools: string[]): TraceEvent => ({
  t,
  kind: 'call',
  ctx: 1000,
  out: 9,
  tools,
  bash_mutates: false,
});
const user = (t: number, text: string): TraceEvent => ({ t, kind: 'user', text });

const THINGS = ['kettle', 'spout', 'lid', 'handle', 'well', 'bucket', 'rope'];

// A word that no rule knows: "plomfy" always leads to an edit, "grankle" never does.
function madeUp(session: number): TraceSession {
  const thing = THINGS[session % THINGS.length];
  return {
    session,
    repo: 'made/up',
    events: [
      user(0, `plomfy the ${thing}`),
      call(1, 'Read'),
      { t: 2, kind: 'result', tool: 'Read', error: false, chars: 3 },
      call(3, 'Edit'),
      { t: 4, kind: 'result', tool: 'Edit', error: false, chars: 3 },
      user(9, `grankle the ${thing}`),
      call(10),
    ],
  };
}

/** What comes out of a session never seen: every edit a look, every look an edit. */
function contrary(session: TraceSession): TraceSession {
  const swap = (tool: string) => (tool === 'Edit' ? 'Read' : 'Edit');
  return {
    ...session,
    events: session.events.map((event) =>
      event.kind === 'call'
        ? { ...event, tools: event.tools.length > 0 ? event.tools.map(swap) : ['Edit'] }
        : event,
    ),
  };
}

const SESSIONS = Array.from({ length: 60 }, (_, session) => madeUp(session));
const asked = (promptText: string): TurnEvidence => ({
  turnId: 't',
  promptText,
  toolRuns: [],
  insideToolLoop: false,
  planMode: false,
  compaction: false,
  earlierTurns: [],
  messageCount: 1,
});

describe('fold scorers', () => {
  it('judge a session by weights that have not seen it', () => {
    const at = 7;
    const altered = SESSIONS.map((session, index) => (index === at ? contrary(session) : session));
    const [before, after] = [SESSIONS, altered].map((sessions) => {
      const session = sessions[at];
      assert.ok(session);
      const { weights, classify, callEdits } = foldScorers(sessions, 2)(session);
      const evidence = [asked('plomfy the lid'), asked('grankle the rope'), asked('see to the well')];
      return { weights, verdicts: evidence.map(classify), calls: evidence.map(callEdits) };
    });
    assert.equal(before?.weights, 'trained');
    assert.deepEqual(after, before);
  });

  it('have learnt the words of the other sessions', () => {
    const [session] = SESSIONS;
    assert.ok(session);
    const { classify } = foldScorers(SESSIONS, 2)(session);
    const seen = evidenceByEvent(session, 's');
    const [atOrder, atQuestion] = [seen.get(0), seen.get(5)];
    assert.ok(atOrder && atQuestion);
    assert.ok(editProbability(classify(atOrder)) > 0.7);
    assert.ok(editProbability(classify(atQuestion)) < 0.3);
    const swapped = { ...atQuestion, promptText: 'plomfy the rope' };
    assert.ok(editProbability(classify(swapped)) > editProbability(classify(atQuestion)) + 0.1);
  });

  it('are the fixed rules where there is too little to learn from', () => {
    const few = SESSIONS.slice(0, 6);
    for (const session of [...few, madeUp(99)]) {
      const { weights, classify, callEdits } = foldScorers(few)(session);
      assert.equal(weights, 'rules');
      assert.deepEqual(classify(asked('Why does it drip?')).reason, 'question-words');
      assert.ok(callEdits(asked('Why does it drip?')) < 0.5);
    }
    assert.equal(foldScorers([])(madeUp(1)).weights, 'rules');
  });
});

describe('the training', () => {
  it('gives the same bytes for the same sessions, and weights that load', () => {
    const train = () => {
      const model = fitClassifier(SESSIONS.map((session, index) => casesOf(session, String(index))));
      assert.ok(model);
      return packWeights(model);
    };
    const packed = train();
    assert.equal(train(), packed);
    assert.ok('model' in loadWeights(packed));
  });

  it('knows, once tools have run, which calls edit', () => {
    const [session] = SESSIONS;
    assert.ok(session);
    const seen = evidenceByEvent(session, 's');
    const { callEdits } = foldScorers(SESSIONS, 2)(session);
    const [afterRead, atQuestion] = [seen.get(3), seen.get(6)];
    assert.ok(afterRead && atQuestion);
    assert.ok(callEdits(afterRead) > 0.7);
    assert.ok(callEdits(atQuestion) < 0.3);
  });

  it('keeps marks, digits and length where it hides the letters', () => {
    const hidden = inUnknownLetters('Why 3, Bob?', 'seed');
    assert.match(hidden, /^\p{L}{3} 3, \p{L}{3}\?$/u);
    assert.equal(hidden[7], hidden[9], 'a letter is hidden by the same one each time');
    assert.notEqual(inUnknownLetters('Why 3, Bob?', 'other'), hidden);
    assert.doesNotMatch(hidden, /[a-z]/i);
  });
});

describe('the training command', () => {
  it('writes nothing where a file that was named could not be read', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'train-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const root = join(import.meta.dirname, '..', '..');
    const weights = join(root, 'router', 'classifier-weights.ts');
    const shipped = readFileSync(weights, 'utf8');
    t.after(() => writeFileSync(weights, shipped));
    const part = join(folder, 'part.jsonl');
    writeFileSync(part, SESSIONS.map((session) => JSON.stringify(session)).join('\n'));
    const args = [join(root, 'scripts', 'train-classifier.ts'), part, join(folder, 'typo.jsonl.gz')];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, /Nothing was written, for .*typo\.jsonl\.gz would be missing/);
    assert.equal(readFileSync(weights, 'utf8'), shipped);
  });
});

describe('an evaluation', () => {
  it('shows beside unknown letters what needs no words', () => {
    const { figures } = evaluate(SESSIONS);
    for (const name of ['trained, unknown letters', 'trained, no text', 'as the turn before']) {
      const found = Object.entries(figures).find(([key]) => key.endsWith(`prompts, ${name}`));
      assert.equal(found?.[1].n, 120, name);
    }
  });
});

describe('a logistic regression', () => {
  const row = (bucket: number, isEdit: boolean): SparseRow => ({
    buckets: Int32Array.of(bucket),
    values: Float64Array.of(1),
    isEdit,
    weight: 1,
  });

  it('finds the log-odds that were counted', () => {
    const rows = [
      ...Array.from({ length: 100 }, (_, index) => row(0, index < 80)),
      ...Array.from({ length: 100 }, (_, index) => row(1, index < 30)),
    ];
    const fitted = fitLogistic(rows, { buckets: 2, l2: 1e-4 });
    assert.ok(Math.abs(rowLogOdds(fitted, row(0, true)) - Math.log(80 / 20)) < 0.02);
    assert.ok(Math.abs(rowLogOdds(fitted, row(1, true)) - Math.log(30 / 70)) < 0.02);
  });

  it('stays finite where the classes part cleanly, and at the prior without rows', () => {
    const fitted = fitLogistic([row(0, true), row(1, false)], { buckets: 2, l2: 1 });
    assert.ok(fitted.every(Number.isFinite));
    assert.deepEqual([...fitLogistic([], { buckets: 2, l2: 1 })], [0, 0, 0]);
  });
});
