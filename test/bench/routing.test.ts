import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type TaskFigures, taskFigures } from '../../bench/routing/accuracy.ts';
import { POLICY_NAMES, type PolicyName } from '../../bench/routing/report.ts';
import type { PolicyFigures } from '../../bench/routing/score.ts';
import { readTraceFiles } from '../../bench/routing/trace-file.ts';
import type { Row } from '../../bench/routing/world.ts';
import { EDIT_THEN_QUESTION, longSession, workday } from './sessions.ts';

const folder = mkdtempSync(join(tmpdir(), 'bench-routing-'));
after(() => rmSync(folder, { recursive: true }));

describe('accuracy', () => {
  test('is shares of right guesses, and the distance of belief from truth', () => {
    const figures = taskFigures([
      { editProbability: 0.9, isEdit: true },
      { editProbability: 0.9, isEdit: false },
      { editProbability: 0.2, isEdit: false },
      { editProbability: 0.2, isEdit: false },
      { editProbability: 0.3, isEdit: true },
    ]);
    assert.equal(figures.n, 5);
    assert.equal(figures.accuracy, 3 / 5);
    assert.equal(figures.balancedAccuracy, (1 / 2 + 2 / 3) / 2);
    assert.equal(figures.f1, 0.5);
    // Bins: 1.8 against 1 edit, 0.4 against 0, 0.3 against 1.
    assert.ok(Math.abs((figures.ece ?? 0) - (0.8 + 0.4 + 0.7) / 5) < 1e-9);
  });

  test('of nothing is unknown, not zero', () => {
    const figures = taskFigures([]);
    assert.deepEqual(figures, { n: 0, accuracy: null, balancedAccuracy: null, f1: null, ece: null });
  });
});

describe('a trace file', () => {
  test('with lines that cannot be read names file and line, and the rest is used', () => {
    const path = join(folder, 'damaged.jsonl');
    const good = JSON.stringify(EDIT_THEN_QUESTION);
    const wrong = JSON.stringify({ session: 9, repo: 'x', events: [{ t: 0, kind: 'call' }] });
    writeFileSync(path, `${good}\n{"session": 2, "ev\n\n${wrong}\n${good}\n`);
    const { sessions, complaints } = readTraceFiles([path, join(folder, 'absent.jsonl.gz')]);
    assert.equal(sessions.length, 2);
    assert.equal(complaints.length, 3);
    assert.ok(complaints[0]?.includes(`${path} line 2`));
    assert.ok(complaints[1]?.includes(`${path} line 4`) && complaints[1].includes('events.0.ctx'));
    assert.ok(complaints[2]?.includes('absent.jsonl.gz'));
  });

  test('with a byte order mark keeps its first line', () => {
    const path = join(folder, 'marked.jsonl');
    writeFileSync(path, `\uFEFF${JSON.stringify(EDIT_THEN_QUESTION)}\n`);
    for (const name of [path, `${path}.gz`]) {
      if (name !== path) writeFileSync(name, gzipSync(readFileSync(path)));
      const { sessions, complaints, unread } = readTraceFiles([name]);
      assert.deepEqual([sessions.length, complaints, unread], [1, [], []]);
    }
  });

  test('that was cut off keeps its whole lines', () => {
    const path = join(folder, 'cut.jsonl.gz');
    const lines = Array.from({ length: 200 }, (_, session) => JSON.stringify({ ...longSession(9), session }));
    const whole = gzipSync(lines.join('\n'));
    writeFileSync(path, whole.subarray(0, whole.length - 30));
    const { sessions, complaints } = readTraceFiles([path]);
    assert.ok(sessions.length > 0 && sessions.length < 200);
    assert.equal(complaints.length, 1);
  });
});

describe('the command', () => {
  const benches = join(import.meta.dirname, '..', '..', 'bench');
  const runBench = (name: string, ...args: string[]) =>
    spawnSync(process.execPath, [join(benches, `${name}.ts`), ...args], { encoding: 'utf8' });
  const run = (...args: string[]) => runBench('routing', ...args);

  test('prints the agreed JSON, leaves out a damaged line with its name, and never switches without a cause', () => {
    const path = join(folder, 'days.jsonl.gz');
    const lines = Array.from({ length: 12 }, (_, session) => JSON.stringify(workday(session)));
    writeFileSync(path, gzipSync([...lines.slice(0, 3), '{"session": 1', ...lines.slice(3)].join('\n')));
    const { stdout, stderr, status } = run(path, '--json');
    assert.equal(status, 0, stderr);
    assert.ok(stderr.includes(`${path} line 4`));
    const printed = JSON.parse(stdout) as Printed;
    assert.deepEqual(shapeOf(printed), SHAPE);
    assert.equal(printed.prompts.n, 12 * 8);
    const places = printed.rows.map(
      ({ row, catchUp, editFailureOnA }) => `${row} ${catchUp} ${editFailureOnA}`,
    );
    assert.equal(new Set(places).size, 30);
    for (const { row, policies } of printed.rows) {
      assert.deepEqual(Object.keys(policies), POLICY_NAMES, row);
      for (const name of ['auto', 'task'] as const) {
        assert.equal(policies[name].unsafeSwitches, 0, `${name} in ${row}`);
        assert.ok(policies[name].regretPercent >= -1e-6, `${name} in ${row} beats what is known afterwards`);
      }
    }
  });

  test('says the same of the same file, however its work is shared out, but for what it took', () => {
    const path = join(folder, 'twice.jsonl');
    writeFileSync(
      path,
      Array.from({ length: 10 }, (_, session) => JSON.stringify(workday(session))).join('\n'),
    );
    const [once, again] = [run(path, '--json'), run(path, '--json')].map(({ stdout }) => JSON.parse(stdout));
    assert.deepEqual({ ...once, classifyMsP99: 0 }, { ...again, classifyMsP99: 0 });
  });

  test('prints the parts of every bill as tables', () => {
    const path = join(folder, 'day.jsonl');
    writeFileSync(path, JSON.stringify(workday(1)));
    const { stdout } = run(path);
    assert.match(
      stdout,
      /AnoCache, with catch-up in pauses, 30 % of edits fail on A\npolicy +bill +prefill +redo +preference/,
    );
    assert.match(stdout, /reading and judging a request +kB +first ms +median +p99/);
    assert.match(stdout, /many reminders +1\d{3} +\d+\.\d\d +\d+\.\d\d +\d+\.\d\d .* ≤ 20/);
    assert.match(stdout, /auto within 2 % of the best plain policy or better in \d+ of 30 rows/);
    assert.match(stdout, /calls on A\/E % +hindsight\nequal +no .* \d+\.\d\/\d+\.\d +\d+\.\d\/\d+\.\d/);
  });

  test('says in one sentence what it does not know', () => {
    for (const bench of ['routing', 'overhead', 'metrics', 'statusline', 'sessions', 'hybrid', 'cache']) {
      const { status, stderr, stdout } = runBench(bench, '--nope');
      assert.deepEqual([status, stderr, stdout], [2, "Unknown option '--nope'.\n", ''], bench);
    }
  });

  test('says what is missing where there is nothing to measure', () => {
    const empty = join(folder, 'empty.jsonl');
    writeFileSync(empty, '');
    const lengthless = join(folder, 'lengthless.jsonl');
    const { events, ...session } = workday(1);
    const without = events.map((event) => (event.kind === 'call' ? { ...event, ctx: 0 } : event));
    writeFileSync(lengthless, JSON.stringify({ ...session, events: without }));
    for (const [args, says] of [
      [[], /Name at least one trace file/],
      [[empty], /no model call/],
      [[lengthless], /^No model call says how long its prompt was \(ctx\): nothing could be replayed\.\n$/],
    ] as const) {
      const { status, stderr, stdout } = run(...args);
      assert.equal(status, 1);
      assert.match(stderr, says);
      assert.equal(stdout, '');
    }
  });
});

type Printed = {
  readonly prompts: TaskFigures;
  readonly rows: readonly (Row & { readonly policies: Readonly<Record<PolicyName, PolicyFigures>> })[];
};

const TASK_SHAPE = {
  n: 'number',
  accuracy: 'number',
  balancedAccuracy: 'number',
  f1: 'number',
  ece: 'number',
};
const POLICY_SHAPE = {
  secondsPerCall: 'number',
  billPerCall: 'number',
  switchesPer100: 'number',
  editCallsOnEPercent: 'number',
  analysisCallsOnAPercent: 'number',
  unsafeSwitches: 'number',
  regretPercent: 'number',
};
const SHAPE = {
  prompts: TASK_SHAPE,
  calls: TASK_SHAPE,
  classifyMsP99: 'number',
  rows: {
    row: 'string',
    catchUp: 'boolean',
    editFailureOnA: 'number',
    policies: Object.fromEntries(POLICY_NAMES.map((name) => [name, POLICY_SHAPE])),
  },
};

/** Types in place of values; of an array its elements' one shape. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) {
    const shapes = new Set(value.map((each) => JSON.stringify(shapeOf(each))));
    assert.equal(shapes.size, 1, 'the elements of an array are of one shape');
    return shapeOf(value[0]);
  }
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, shapeOf(each)]));
}
