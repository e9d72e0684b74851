// What the trained classifier sees of a turn when its prompt arrives: the prompt's words and characters, and what
// the session did before. A live request and a recorded session come through the same code, by TurnEvidence.

import { type EarlierTurn, isEditTool, type TurnEvidence } from './turn.ts';
import { readWords } from './words.ts';

/** Raise it where the meaning of a feature changes in a way that the fingerprint of the weights cannot see. */
export const FEATURE_VERSION = 1;

export type SignalGroup = 'words' | 'context' | 'progress';
export type Feature = { readonly group: SignalGroup; readonly name: string; readonly value: number };

const TEXT_CHARS = 2000;
const SPAN_CHARS = 240;
const SPAN_LENGTHS = [2, 3, 4, 5] as const;
const MAX_TOKENS = 200;
const TOKEN_CHARS = 32;
const HEAD_TOKENS = 6;
const TAIL_TOKENS = 5;

/** Deterministic and bounded: 2,000 characters of the prompt, 20 earlier turns. */
export function turnFeatures(evidence: TurnEvidence): readonly Feature[] {
  const last = lastTurn(evidence.earlierTurns);
  return [...wordFeatures(evidence.promptText, last), ...contextFeatures(evidence, last)];
}

/** How the turn before ended: no turn, an edit, tools without an edit, or talk alone. */
export type LastTurn = 'none' | 'edited' | 'looked' | 'talked';

export function lastTurn(earlier: readonly EarlierTurn[]): LastTurn {
  const last = earlier.at(-1);
  if (last === undefined) return 'none';
  if (last.edited) return 'edited';
  return last.toolCalls > 0 ? 'looked' : 'talked';
}

function wordFeatures(promptText: string | undefined, last: LastTurn): readonly Feature[] {
  if (promptText === undefined) return [{ group: 'words', name: 'no prompt', value: 1 }];
  const text = plain(promptText);
  const tokens = tokensOf(text);
  const rule = readWords(promptText);
  const ruleName = rule === undefined ? 'no rule' : `${rule.reason} ${rule.editShare}`;
  const head = tokens.slice(0, 2).join(' ');
  return [
    ...scaled(spans(text), 3),
    ...scaled(phrases(tokens), 2),
    ...scaled(counted(headNames(tokens)), 1.5),
    ...scaled(counted(tailNames(tokens)), 1),
    { group: 'words', name: `rule ${ruleName}`, value: 1 },
    { group: 'words', name: `rule ${ruleName} after ${last}`, value: 1 },
    { group: 'words', name: `opens ${tokens[0] ?? ''} after ${last}`, value: 0.7 },
    { group: 'words', name: `opens ${head} after ${last}`, value: 0.7 },
  ];
}

// Compatibility forms make one character of what looks alike, and may grow: hence the second cut.
function plain(promptText: string): string {
  return promptText
    .slice(0, TEXT_CHARS)
    .normalize('NFKC')
    .slice(0, TEXT_CHARS)
    .toLowerCase()
    .replaceAll('’', "'")
    .replace(/\s+/g, ' ')
    .trim();
}

function tokensOf(text: string): readonly string[] {
  const tokens = text.match(/[\p{L}\p{N}_']+|[?!.,:;`"()/-]/gu) ?? [];
  return tokens.slice(0, MAX_TOKENS).map((token) => token.slice(0, TOKEN_CHARS));
}

// Runs of characters need no words to be told apart, so they serve every script.
function spans(text: string): Map<string, number> {
  const padded = ` ${text.slice(0, SPAN_CHARS)} `;
  const counts = new Map<string, number>();
  for (const length of SPAN_LENGTHS) {
    for (let start = 0; start + length <= padded.length; start += 1) {
      count(counts, `"${padded.slice(start, start + length)}"`);
    }
  }
  return counts;
}

function phrases(tokens: readonly string[]): Map<string, number> {
  const counts = counted(tokens.map((token) => `says ${token}`));
  for (let index = 1; index < tokens.length; index += 1) {
    count(counts, `says ${tokens[index - 1]} ${tokens[index]}`);
  }
  return counts;
}

function headNames(tokens: readonly string[]): readonly string[] {
  const head = tokens.slice(0, HEAD_TOKENS);
  return head.flatMap((token, index) => [
    `head ${token}`,
    ...(index < 3 ? [`word ${index + 1} ${token}`] : []),
    ...(index > 0 ? [`head ${head[index - 1]} ${token}`] : []),
  ]);
}

function tailNames(tokens: readonly string[]): readonly string[] {
  const tail = tokens.slice(-TAIL_TOKENS);
  return tail.flatMap((token, index) => [
    `tail ${token}`,
    ...(index > 0 ? [`tail ${tail[index - 1]} ${token}`] : []),
  ]);
}

function counted(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) count(counts, name);
  return counts;
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

// A long prompt must not speak louder than a short one: every group of words has the same length as a vector.
function scaled(counts: ReadonlyMap<string, number>, length: number): readonly Feature[] {
  let squares = 0;
  for (const times of counts.values()) squares += (1 + Math.log(times)) ** 2;
  const factor = squares === 0 ? 0 : length / Math.sqrt(squares);
  return Array.from(counts, ([name, times]) => ({
    group: 'words' as const,
    name,
    value: factor * (1 + Math.log(times)),
  }));
}

function contextFeatures({ promptText, earlierTurns }: TurnEvidence, last: LastTurn): readonly Feature[] {
  const size = bucketOf(promptText?.length ?? 0, 8);
  const asks = promptText === undefined ? 'nothing' : questionMarks(promptText);
  const found: (readonly [string, number])[] = [
    [`prompt length ${size}`, 1],
    [`prompt length ${size} after ${last}`, 1],
    [`question marks: ${asks}`, 1],
    [`lines ${Math.min(3, (promptText ?? '').split('\n').length - 1)}`, 1],
    [`last turn ${last}`, 1],
    ...historyNames(earlierTurns, last),
  ];
  return found.map(([name, value]) => ({ group: 'context', name, value }));
}

function questionMarks(promptText: string): string {
  if (/[?？؟]["')\s]*$/.test(promptText.slice(-20))) return 'at the end';
  return /[?？؟]/.test(promptText) ? 'inside' : 'none';
}

function historyNames(earlier: readonly EarlierTurn[], last: LastTurn): (readonly [string, number])[] {
  const turn = earlier.at(-1);
  if (turn === undefined) return [];
  const editedTurns = earlier.filter(({ edited }) => edited).length;
  const sinceEdit = earlier.toReversed().findIndex(({ edited }) => edited);
  const before = lastTurn(earlier.slice(0, -1));
  return [
    [`last turn ${last}, ${bucketOf(turn.toolCalls, 5)} tools`, 1],
    [`last turn ${last}, its last tool ${toolName(turn.tools?.at(-1))}`, 0.7],
    ...(turn.tools ?? []).map((tool) => [`last turn used ${toolName(tool)}`, 0.5] as const),
    ...((turn.failedCalls ?? 0) > 0 ? [['last turn had failures', 1] as const] : []),
    [`last turns ${before}, ${last}`, 0.7],
    ...[3, 4].flatMap((back) =>
      earlier.length >= back
        ? [[`${back} turns ago ${earlier.at(-back)?.edited ? 'edited' : 'not edited'}`, 0.7] as const]
        : [],
    ),
    ['share of edits in earlier turns', (editedTurns + 0.5) / (earlier.length + 1) - 0.5],
    [`earlier turns ${bucketOf(earlier.length, 5)}`, 0.5],
    [`turns since an edit ${sinceEdit < 0 ? 'all' : Math.min(5, sinceEdit)}`, 0.7],
  ];
}

/** A power of two, capped. */
export function bucketOf(count: number, cap: number): number {
  return Math.min(cap, Math.floor(Math.log2(count + 1)));
}

/** The names of people's own tools would be learnt by heart. */
export function toolName(name: string | undefined): string {
  if (name === undefined) return 'none';
  if (isEditTool(name)) return 'an edit tool';
  return name.startsWith('mcp__') ? 'an MCP tool' : name;
}
