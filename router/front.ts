// The front of a prompt, its system text and its tools, in a form that two of them can be compared in. Most
// conversations of a project share theirs, so each different one is held once.

import { hash } from 'node:crypto';
import { keep } from '../wire/bounded.ts';
import type { Segment } from '../wire/fingerprint.ts';
import type { Tool } from '../wire/message.ts';
import type { BreakCause, BreakSegment } from './breaks.ts';

export type Front = {
  compareTo(after: Front): FrontChange;
  readonly system: SystemText;
  readonly tools: ToolList;
};

export type FrontChange = {
  readonly cause: BreakCause;
  readonly segment: BreakSegment;
  readonly words: string;
  /** Share of the system text and of the tools that both have. */
  readonly similar: readonly [system: number, tools: number];
  /** Share of each that stands before its first change. */
  readonly inPlace: readonly [system: number, tools: number];
};

/** `text` is absent where it is too long to be kept. */
export type SystemText = { readonly hash: string; readonly chars: number; readonly text?: string };
/** In their order. */
export type ToolList = { readonly hash: string; readonly tools: readonly ToolDigest[] };
type ToolDigest = { readonly name: string; readonly digest: string };

export type Fronts = {
  of(prompt: { readonly segments: readonly Segment[]; readonly tools: readonly Tool[] }): Front;
};

const MAX_FRONTS = 64;
/** The longest system text that was seen is 142 kB, of a safety check; the main ones have 7 to 29 kB. */
const MAX_TEXT_CHARS = 64_000;
const MAX_TOOLS = 1000;
const NAMES_SHOWN = 5;
const NAME_CHARS = 80;

export function createFronts(): Fronts {
  const systems = new Map<string, SystemText>();
  const lists = new Map<string, ToolList>();
  return {
    of({ segments, tools }) {
      const [first, second] = segments;
      const system = systems.get(first?.hash ?? '') ?? readSystem(first);
      const list = lists.get(second?.hash ?? '') ?? { hash: second?.hash ?? '', tools: digests(tools) };
      keep(systems, MAX_FRONTS, system.hash, system);
      keep(lists, MAX_FRONTS, list.hash, list);
      return { system, tools: list, compareTo: (after) => compare({ system, tools: list }, after) };
    },
  };
}

type Plain = Pick<Front, 'system' | 'tools'>;

function compare(before: Plain, after: Plain): FrontChange {
  const system = systemChange(before.system, after.system);
  const tools = toolChange(before.tools.tools, after.tools.tools);
  const words = [system.words, tools.words].filter((clause) => clause !== undefined).join('; ');
  const isSystem = system.words !== undefined;
  return {
    cause: isSystem ? 'system-changed' : tools.cause,
    segment: isSystem ? 'system' : 'tools',
    // Two lists may differ only beyond what is kept of them.
    words: words === '' ? 'tool list changed' : words,
    similar: [system.similar, tools.similar],
    inPlace: [system.inPlace, tools.inPlace],
  };
}

function readSystem(segment: Segment | undefined): SystemText {
  const { hash: ownHash = '', text = '' } = segment ?? {};
  return { hash: ownHash, chars: text.length, ...(text.length <= MAX_TEXT_CHARS && { text }) };
}

function digests(tools: readonly Tool[]): readonly ToolDigest[] {
  return tools.slice(0, MAX_TOOLS).map((tool) => ({
    name: tool.name,
    digest: hash('sha1', JSON.stringify(tool), 'hex').slice(0, 16),
  }));
}

// ---- System text --------------------------------------------------------------------------------------

type Change = { readonly words?: string; readonly similar: number; readonly inPlace: number };

function systemChange(before: SystemText, after: SystemText): Change {
  if (before.hash === after.hash) return { similar: 1, inPlace: 1 };
  if (before.text === undefined || after.text === undefined) {
    const words = `system text: ${grouped(before.chars)} characters became ${grouped(after.chars)}`;
    return { words, similar: 0, inPlace: 0 };
  }
  const { from, changed, common } = difference(before.text, after.text);
  const noun = changed === 1 ? 'character' : 'characters';
  return {
    words: `system text: ${grouped(changed)} ${noun} changed at ${grouped(from)} of ${grouped(before.chars)}`,
    similar: after.chars === 0 ? 1 : common / after.chars,
    inPlace: after.chars === 0 ? 1 : from / after.chars,
  };
}

/** `common` counts what both begin and end with; `changed` is what lies between, the longer of the two. */
function difference(before: string, after: string): { from: number; changed: number; common: number } {
  const shorter = Math.min(before.length, after.length);
  let from = 0;
  while (from < shorter && before.charCodeAt(from) === after.charCodeAt(from)) from += 1;
  let behind = 0;
  while (
    behind < shorter - from &&
    before.charCodeAt(before.length - 1 - behind) === after.charCodeAt(after.length - 1 - behind)
  ) {
    behind += 1;
  }
  const changed = Math.max(before.length, after.length) - from - behind;
  return { from, changed, common: from + behind };
}

// ---- Tools --------------------------------------------------------------------------------------------

type ToolChange = Change & { readonly cause: BreakCause };

function toolChange(before: readonly ToolDigest[], after: readonly ToolDigest[]): ToolChange {
  const [old, now] = [byName(before), byName(after)];
  const added = after.filter(({ name }) => !old.has(name));
  const removed = before.filter(({ name }) => !now.has(name));
  const changed = after.filter(({ name, digest }) => old.has(name) && old.get(name) !== digest);
  const clauses = [
    named('+', added),
    named('-', removed),
    ...(changed.length > 0 ? [`${definitions(changed)} changed`] : []),
  ].filter((clause) => clause !== '');
  const isReordered = clauses.length === 0 && before.some(({ name }, at) => after[at]?.name !== name);
  const said = isReordered ? ['order changed'] : clauses;
  const first = before.findIndex(({ name, digest }, at) => !isSame(after[at], name, digest));
  return {
    cause: causeOf({ added, removed, changed }),
    ...(said.length > 0 && { words: `tool list: ${said.join(', ')}` }),
    similar: share(after.length - added.length - changed.length, after.length),
    inPlace: share(first === -1 ? before.length : first, after.length),
  };
}

function causeOf({
  added,
  removed,
  changed,
}: Readonly<Record<'added' | 'removed' | 'changed', readonly ToolDigest[]>>): BreakCause {
  if (changed.length === 0 && added.length > 0 && removed.length === 0) return 'tools-added';
  if (changed.length === 0 && removed.length > 0 && added.length === 0) return 'tools-removed';
  return 'tools-changed';
}

function byName(tools: readonly ToolDigest[]): ReadonlyMap<string, string> {
  return new Map(tools.map(({ name, digest }) => [name, digest]));
}

function isSame(tool: ToolDigest | undefined, name: string, digest: string): boolean {
  return tool?.name === name && tool.digest === digest;
}

function named(sign: string, tools: readonly ToolDigest[]): string {
  if (tools.length === 0) return '';
  return `${sign}${tools.length} ${tools.length === 1 ? 'tool' : 'tools'} ${names(tools)}`;
}

function definitions(tools: readonly ToolDigest[]): string {
  return `${tools.length === 1 ? 'definition' : 'definitions'} of ${names(tools)}`;
}

/** Names come from the client and its MCP servers: none of them may be long, or hold a line break. */
function names(tools: readonly ToolDigest[]): string {
  const shown = tools
    .slice(0, NAMES_SHOWN)
    .map(({ name }) => name.replace(/\p{Cc}/gu, '?').slice(0, NAME_CHARS));
  const more = tools.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function share(part: number, whole: number): number {
  return whole === 0 ? 1 : Math.max(0, Math.min(1, part / whole));
}

function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}
