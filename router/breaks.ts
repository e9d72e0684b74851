// Where a prompt leaves the one before it of its conversation, and why. A server's prompt cache is good for as long as
// each prompt begins with the one before: what is changed at the front makes everything behind it cold.
//
// Of a prompt only hashes, lengths and names are kept. No sentence here quotes a word of it.

import { hash } from 'node:crypto';
import { grewFrom, type Segment, type Tail, tailOf } from '../wire/fingerprint.ts';
import type { Tool } from '../wire/message.ts';
import type { Front } from './front.ts';
import { type Chain, sharedLength } from './observation.ts';

export const BREAK_CAUSES = [
  'system-changed',
  'tools-added',
  'tools-removed',
  'tools-changed',
  'history-compacted',
  'history-rewritten',
  'model-changed',
  'template-changed',
  'server-lost',
] as const;
export type BreakCause = (typeof BREAK_CAUSES)[number];

/** What changed first. `model` and `server`: no word of the prompt did. */
export type BreakSegment = 'system' | 'tools' | 'messages' | 'model' | 'server';

export type PromptBreak = {
  readonly cause: BreakCause;
  readonly segment: BreakSegment;
  /** A clause for a person, without any text of the prompt; tools are named. */
  readonly detail: string;
};

/** A prompt as it is looked at. */
export type Prompt = {
  readonly segments: readonly Segment[];
  readonly tools: readonly Tool[];
  readonly messages: number;
  /** Segments that the first message is cut into. */
  readonly openingParts: number;
  readonly requestedModel: string;
};

/** What is kept of a prompt. */
export type PromptMark = Pick<Prompt, 'messages' | 'openingParts' | 'requestedModel'> & {
  readonly hashes: readonly string[];
  /** A number for each segment's own content, wherever it stands. */
  readonly contents: readonly number[];
  readonly front: Front;
  /** Of the last segment; absent where the prompt has more of them than are kept. */
  readonly tail?: Tail;
  /** The segment that sums up what was compacted away; absent where nothing was. */
  readonly summaryAt?: number;
};

/** A longer prompt is watched up to here. */
const MAX_SEGMENTS = 4096;
const FRONT_SEGMENTS = 2;
const CONTINUED = 'This session is being continued from a previous conversation';
const MARKER_WINDOW_CHARS = 400;
const GIT_WINDOW_CHARS = 120;

/** `before` saves work: what both prompts begin with is not read again. */
export function markOf(prompt: Prompt, frontOf: (prompt: Prompt) => Front, before?: PromptMark): PromptMark {
  const { messages, openingParts, requestedModel } = prompt;
  const segments = prompt.segments.slice(0, MAX_SEGMENTS);
  const hashes = segments.map(({ hash }) => hash);
  const shared = before === undefined ? 0 : sharedLength(before.hashes, hashes);
  const last = segments.at(-1);
  const summaryAt = segments.slice(0, FRONT_SEGMENTS + openingParts).findIndex(isSummary);
  return {
    ...{ messages, openingParts, requestedModel },
    // The same strings again, so that a long conversation is held once.
    hashes: [...(before?.hashes.slice(0, shared) ?? []), ...hashes.slice(shared)],
    contents: [...(before?.contents.slice(0, shared) ?? []), ...segments.slice(shared).map(contentOf)],
    front: frontOf(prompt),
    ...(last !== undefined && prompt.segments.length <= MAX_SEGMENTS && { tail: tailOf(last) }),
    ...(summaryAt !== -1 && { summaryAt }),
  };
}

export type Comparison = {
  readonly before: PromptMark;
  readonly after: PromptMark;
  readonly prompt: Prompt;
  /** The client has asked for a summary since `before`. */
  readonly summary: 'asked for' | 'not asked for';
};

/** Undefined where `after` goes on from `before`: with more messages, or with a last message that has grown. */
export function findBreak(comparison: Comparison): PromptBreak | undefined {
  const { before, after, prompt } = comparison;
  const shared = sharedLength(before.hashes, after.hashes);
  if (shared === before.hashes.length || isGrown(before, prompt, shared)) return undefined;
  if (shared < FRONT_SEGMENTS) return frontBreak(comparison);
  return historyBreak(comparison, shared);
}

/** Estimated tokens of `after` that were in `before`, too. */
export type Overlap = {
  /** Of these, still in their place behind what is unchanged. */
  readonly kept: number;
  /** All of them, wherever they stand now. */
  readonly again: number;
};

export function overlapOf(before: PromptMark, after: PromptMark, chain: Chain): Overlap {
  const shared = sharedLength(before.hashes, after.hashes);
  const tokens = (at: number) => chain[at]?.tokens ?? 0;
  let kept = 0;
  for (let at = 0; at < shared; at += 1) kept += tokens(at);
  let again = kept;
  if (shared < FRONT_SEGMENTS) {
    const { similar, inPlace } = before.front.compareTo(after.front);
    for (let at = shared; at < FRONT_SEGMENTS; at += 1) again += tokens(at) * (similar[at] ?? 0);
    kept += tokens(shared) * (inPlace[shared] ?? 0);
  }
  const movable = counts(before.contents.slice(Math.max(shared, FRONT_SEGMENTS)));
  for (let at = Math.max(shared, FRONT_SEGMENTS); at < after.contents.length; at += 1) {
    if (take(movable, after.contents[at])) again += tokens(at);
  }
  return { kept, again };
}

/** A prompt that failed or was interrupted stays in front of the next one, in the same message. */
function isGrown({ hashes, tail }: PromptMark, { segments }: Prompt, shared: number): boolean {
  const segment = segments[shared];
  if (shared !== hashes.length - 1 || shared < FRONT_SEGMENTS || tail === undefined) return false;
  return segment !== undefined && grewFrom(tail, hashes[shared - 1] ?? '', segment);
}

function frontBreak(comparison: Comparison): PromptBreak {
  const { before, after } = comparison;
  const { cause, segment, words } = before.front.compareTo(after.front);
  const compacted = compaction(comparison);
  const detail = [compacted, words].filter((clause) => clause !== undefined).join('; ');
  if (before.requestedModel !== after.requestedModel) {
    const models = `the client asks for the model ${after.requestedModel} in place of ${before.requestedModel}`;
    return { cause: 'model-changed', segment, detail: `${models}; ${detail}` };
  }
  // Tools that a search had loaded in the history stand with the others once that history is gone.
  const isOfCompaction = compacted !== undefined && cause === 'tools-added';
  return { cause: isOfCompaction ? 'history-compacted' : cause, segment, detail };
}

function historyBreak(comparison: Comparison, shared: number): PromptBreak {
  const { before, after, prompt } = comparison;
  const compacted = compaction(comparison);
  if (compacted !== undefined) {
    return { cause: 'history-compacted', segment: 'messages', detail: compacted };
  }
  const isCutBack = after.messages < before.messages && shared >= after.hashes.length - 1;
  const how = isCutBack ? 'history taken back to' : 'history rewritten at';
  const at = messageNumber(before, shared);
  const part = prompt.segments[shared]?.text.slice(0, GIT_WINDOW_CHARS).includes('gitStatus')
    ? ' (the git status)'
    : '';
  const detail = `${how} message ${at} of ${before.messages}${part}`;
  return { cause: 'history-rewritten', segment: 'messages', detail };
}

/** In words; undefined where the history is no summary that the earlier prompt did not have. */
function compaction({ before, after, summary }: Comparison): string | undefined {
  const { summaryAt } = after;
  const isNew = summaryAt !== undefined && !before.contents.includes(after.contents[summaryAt] ?? 0);
  const isAskedFor = summary === 'asked for' && after.messages < before.messages;
  if (!isNew && !isAskedFor) return undefined;
  return `history compacted: ${plural(before.messages)} became ${after.messages}`;
}

/** From 1. The segment may be one beyond the last. */
function messageNumber({ openingParts, messages }: PromptMark, segment: number): number {
  const behindOpening = segment - FRONT_SEGMENTS - openingParts;
  return behindOpening < 0 ? 1 : Math.min(messages, behindOpening + 2);
}

function isSummary({ kind, text }: Segment): boolean {
  return kind === 'message' && text.slice(0, MARKER_WINDOW_CHARS).includes(CONTINUED);
}

/** 48 bits of a hash: enough to tell the segments of one conversation apart. */
function contentOf({ text }: Segment): number {
  return Number.parseInt(hash('sha1', text, 'hex').slice(0, 12), 16);
}

function counts(contents: readonly number[]): Map<number, number> {
  const counted = new Map<number, number>();
  for (const content of contents) counted.set(content, (counted.get(content) ?? 0) + 1);
  return counted;
}

function take(counted: Map<number, number>, content: number | undefined): boolean {
  const left = content === undefined ? 0 : (counted.get(content) ?? 0);
  if (content !== undefined && left > 0) counted.set(content, left - 1);
  return left > 0;
}

function plural(messages: number): string {
  return `${messages} ${messages === 1 ? 'message' : 'messages'}`;
}
