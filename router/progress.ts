// What the trained classifier sees of a turn that is under way: which tools ran since the prompt, and how it went.

import { bucketOf, type Feature, lastTurn, toolName } from './features.ts';
import { isEditTool, type ToolRun, type TurnEvidence } from './turn.ts';

const RECENT_RUNS = 3;

/** Deterministic and bounded: 200 tool calls. `promptLogOdds` is what the prompt alone made of it. */
export function progressFeatures(evidence: TurnEvidence, promptLogOdds: number): readonly Feature[] {
  const { toolRuns } = evidence;
  const names: (readonly [string, number])[] = [
    ['what the prompt said', Math.max(-4, Math.min(4, promptLogOdds))],
    [`tool calls ${bucketOf(toolRuns.length, 7)}`, 1],
    [`last turn ${lastTurn(evidence.earlierTurns)}`, 0.7],
    [evidence.insideToolLoop ? 'inside a tool loop' : 'not inside a tool loop', 1],
    ...recentNames(toolRuns),
    ...editNames(toolRuns),
  ];
  return names.map(([name, value]) => ({ group: 'progress', name, value }));
}

function recentNames(toolRuns: readonly ToolRun[]): (readonly [string, number])[] {
  const recent = toolRuns.slice(-RECENT_RUNS).toReversed();
  const used = new Set(toolRuns.map(({ name }) => toolName(name)));
  const failed = toolRuns.filter(isNotOk).length;
  return [
    ...recent.map((run, back) => [`tool ${back + 1} back ${toolName(run.name)}`, 1] as const),
    [
      `last tools ${recent
        .slice(0, 2)
        .map(({ name }) => toolName(name))
        .join(' after ')}`,
      0.7,
    ],
    ...(recent[0] && isNotOk(recent[0])
      ? [[`last tool ${toolName(recent[0].name)} did not succeed`, 1] as const]
      : []),
    ...Array.from(used, (name) => [`used ${name}`, 0.7] as const),
    [`failed calls ${bucketOf(failed, 3)}`, 0.7],
  ];
}

function editNames(toolRuns: readonly ToolRun[]): (readonly [string, number])[] {
  const edits = toolRuns.filter(({ name }) => isEditTool(name)).length;
  if (edits === 0) return [['no edit yet', 1]];
  const since = toolRuns.toReversed().findIndex(({ name }) => isEditTool(name));
  return [
    [`edits ${bucketOf(edits, 5)}`, 1],
    [`tool calls since the last edit ${bucketOf(since, 6)}`, 1],
  ];
}

function isNotOk({ result }: ToolRun): boolean {
  return result === 'failed' || result === 'declined';
}
