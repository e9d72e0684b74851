// What the bench prints: one JSON object, or the same as tables with the bill's parts beside it.

import { table } from '../../cli/terminal.ts';
import type { TaskFigures } from './accuracy.ts';
import type { Reading } from './reading.ts';
import type { PolicyFigures, Tally } from './score.ts';
import type { Row } from './world.ts';

export const POLICY_NAMES = [
  'auto',
  'task',
  'all-A',
  'all-E',
  'per-call-oracle',
  'per-turn-oracle',
  'hindsight',
] as const;
export type PolicyName = (typeof POLICY_NAMES)[number];

export type PolicyResult = {
  readonly figures: PolicyFigures;
  readonly tally: Tally;
  /** Mean of the absolute errors of the predicted time to first token, in percent; where the policy predicts. */
  readonly ttftErrorPercent?: number;
};
export type RowResult = Row & { readonly policies: Readonly<Record<PolicyName, PolicyResult>> };
export type Baseline = { readonly name: string; readonly figures: TaskFigures };

export type BenchResult = {
  readonly prompts: TaskFigures;
  readonly calls: TaskFigures;
  /** Milliseconds. */
  readonly classifyMsP99: number;
  /** What reading whole requests took; not in the JSON, whose form is agreed. */
  readonly reading: readonly Reading[];
  readonly rows: readonly RowResult[];
  /** The same for rules that need no training. */
  readonly baselines: readonly Baseline[];
  /** Where the classifier's weights came from, in one clause. */
  readonly weights: string;
  readonly sessions: number;
};

export function toJson({ prompts, calls, classifyMsP99, rows }: BenchResult): string {
  return JSON.stringify({
    prompts,
    calls,
    classifyMsP99,
    rows: rows.map(({ row, catchUp, editFailureOnA, policies }) => ({
      row,
      catchUp,
      editFailureOnA,
      policies: Object.fromEntries(POLICY_NAMES.map((name) => [name, policies[name].figures])),
    })),
  });
}

export function toTables(result: BenchResult): string {
  return [
    taskTable(result),
    readingTable(result.reading),
    ...result.rows.map(rowTable),
    verdict(result.rows),
    'A serves analysis, E edits. prefill, redo and preference add up to the bill; all in seconds a call. Decode is',
    'not in the bill: at 40 tokens/s it takes the same on both.',
  ].join('\n\n');
}

function taskTable({ prompts, calls, baselines, classifyMsP99, weights, sessions }: BenchResult): string {
  const lines = [
    { name: 'prompts: edit turn or not', figures: prompts },
    { name: 'calls: edit call or not', figures: calls },
    ...baselines.map(({ name, figures }) => ({ name: `prompts by: ${name}`, figures })),
  ].map(({ name, figures: { n, accuracy, balancedAccuracy, f1, ece } }) => [
    name,
    String(n),
    ...[accuracy, balancedAccuracy, f1, ece].map((share) => fixed(share, 3)),
  ]);
  const shown = table(
    [['judged before it happens', 'n', 'accuracy', 'balanced', 'F1', 'ECE'], ...lines],
    isNumber,
  );
  return `${sessions} sessions; classifier: ${weights}; p99 ${fixed(classifyMsP99, 3)} ms\n\n${shown}`;
}

function readingTable(reading: readonly Reading[]): string {
  const lines = reading.map(({ name, bytes, firstMs, medianMs, p99Ms, parseMs, goalMs }) => [
    ...[name, fixed(bytes / 1000, 0), fixed(firstMs), fixed(medianMs), fixed(p99Ms)],
    ...[fixed(medianMs / parseMs), `≤ ${goalMs}`],
  ]);
  const heading = [
    'reading and judging a request',
    'kB',
    'first ms',
    'median',
    'p99',
    '× JSON.parse',
    'goal',
  ];
  return table([heading, ...lines], isNumber);
}

const HEADINGS = [
  'policy',
  'bill',
  'prefill',
  'redo',
  'preference',
  'regret %',
  'switches/100',
  'edits on E %',
  'analysis on A %',
  'unsafe',
  'decode',
  'TTFT error %',
];

function rowTable(row: RowResult): string {
  const catchUp = row.catchUp ? 'with catch-up in pauses' : 'no catch-up';
  const title = `${row.row}, ${catchUp}, ${100 * row.editFailureOnA} % of edits fail on A`;
  const lines = POLICY_NAMES.map((name) => policyLine(name, row.policies[name]));
  return `${title}\n${table([HEADINGS, ...lines], isNumber)}`;
}

function policyLine(name: PolicyName, { figures, tally, ttftErrorPercent }: PolicyResult): readonly string[] {
  return [
    name,
    fixed(figures.billPerCall),
    fixed(figures.secondsPerCall),
    fixed(tally.redoS / tally.calls),
    fixed(tally.preferenceS / tally.calls),
    fixed(figures.regretPercent, 1),
    fixed(figures.switchesPer100),
    fixed(figures.editCallsOnEPercent, 1),
    fixed(figures.analysisCallsOnAPercent, 1),
    String(figures.unsafeSwitches),
    fixed(tally.decodeS / tally.calls),
    fixed(ttftErrorPercent, 1),
  ];
}

/** What `auto` may cost more than the best plain policy, as a share. */
const TOLERATED = 0.02;

function verdict(rows: readonly RowResult[]): string {
  const lines = rows.map(({ row, catchUp, editFailureOnA, policies }) => {
    const plain = (['all-A', 'all-E', 'task'] as const).map((name) => ({
      name,
      bill: policies[name].figures.billPerCall,
    }));
    const best = plain.reduce((a, b) => (b.bill < a.bill ? b : a));
    const { billPerCall, regretPercent } = policies.auto.figures;
    const over = 100 * (billPerCall / best.bill - 1);
    return {
      isGood: over <= 100 * TOLERATED,
      cells: [
        row,
        catchUp ? 'yes' : 'no',
        String(editFailureOnA),
        fixed(billPerCall),
        `${best.name} ${fixed(best.bill)}`,
        `${over > 0 ? '+' : ''}${fixed(over, 1)}`,
        fixed(regretPercent, 1),
        sharesOf(policies.auto.tally),
        sharesOf(policies.hindsight.tally),
        over <= 100 * TOLERATED ? '' : 'NO',
      ],
    };
  });
  const heading = [
    ...['row', 'catch-up', 'failures', 'auto', 'best plain', 'over %', 'regret %'],
    ...['calls on A/E %', 'hindsight', ''],
  ];
  const good = lines.filter(({ isGood }) => isGood).length;
  const shown = table([heading, ...lines.map(({ cells }) => cells)], isNumber);
  return `auto within 2 % of the best plain policy or better in ${good} of ${rows.length} rows\n${shown}`;
}

function sharesOf({ calls, callsOnA }: Tally): string {
  const onA = (100 * callsOnA) / calls;
  return `${fixed(onA, 1)}/${fixed(100 - onA, 1)}`;
}

/** All but the names that begin a row. */
function isNumber(column: number): boolean {
  return column > 0;
}

function fixed(value: number | null | undefined, digits = 2): string {
  return value === null || value === undefined ? '–' : value.toFixed(digits);
}
