// Watches an answer go by and remembers what the outcome needs. It never changes or delays a frame.

import type { CacheReport } from '../router/outcome.ts';
import { createFold, type Fold } from '../wire/fold.ts';
import type { ContentBlock, Frame, ProgressNote, StreamItem, UsageNote } from '../wire/frame.ts';

export type ToolCall = { readonly id: string; readonly name: string };

export type Tally = {
  see(item: StreamItem, nowMs: number): void;
  /** Forgets what a target said that did not become the answer. */
  restart(): void;
  readonly firstContentAtMs: number | undefined;
  readonly lastContentAtMs: number | undefined;
  /**
   * When the backend is known to have begun to write. A tool call is shown when it is whole, so its first content
   * comes later than that, and often it is not known at all.
   */
  readonly firstTokenAtMs: number | undefined;
  readonly progress: ProgressNote | undefined;
  readonly usage: UsageNote | undefined;
  readonly stopReason: string | undefined;
  readonly toolCalls: readonly ToolCall[];
  readonly cache: CacheReport;
  /** The backend told of its cache what cannot be. */
  readonly toldTheImpossible: boolean;
  /** What the answer said; undefined until it is complete. */
  readonly answer: readonly ContentBlock[] | undefined;
};

type Seen = {
  firstContentAtMs?: number;
  lastContentAtMs?: number;
  firstTokenAtMs?: number;
  prefilledAtMs?: number;
  progress?: ProgressNote;
  usage?: UsageNote;
  stopReason?: string;
  toolCalls: ToolCall[];
  readonly fold: Fold;
};

export function createTally(): Tally {
  let seen: Seen = { toolCalls: [], fold: createFold() };
  return {
    see(item, nowMs) {
      if (item.type === 'progress') seeProgress(seen, item, nowMs);
      else if (item.type === 'usage') seen.usage = { ...seen.usage, ...item };
      else if (item.type !== 'alive') seeFrame(seen, item, nowMs);
      // mlx_lm.server sends a call when it is whole, long after its first token.
      else if (item.generating) seen.firstTokenAtMs ??= seen.prefilledAtMs ?? nowMs;
    },
    restart() {
      seen = { toolCalls: [], fold: createFold() };
    },
    get firstContentAtMs() {
      return seen.firstContentAtMs;
    },
    get lastContentAtMs() {
      return seen.lastContentAtMs;
    },
    get firstTokenAtMs() {
      return seen.firstTokenAtMs ?? seen.prefilledAtMs;
    },
    get progress() {
      return seen.progress;
    },
    get usage() {
      return seen.usage;
    },
    get stopReason() {
      return seen.stopReason;
    },
    get toolCalls() {
      return seen.toolCalls;
    },
    get cache() {
      return cacheReport(seen);
    },
    get toldTheImpossible() {
      return isImpossible(seen.usage);
    },
    get answer() {
      return seen.fold.message()?.content;
    },
  };
}

function seeProgress(seen: Seen, note: ProgressNote, nowMs: number): void {
  seen.progress = note;
  if (note.processed >= note.total) seen.prefilledAtMs ??= nowMs;
}

function seeFrame(seen: Seen, frame: Frame, nowMs: number): void {
  seen.fold.add(frame);
  if (frame.type === 'content_block_start' && frame.content_block.type !== 'tool_use') {
    seen.firstTokenAtMs ??= nowMs;
  }
  if (frame.type === 'content_block_start' || frame.type === 'content_block_delta') {
    seen.firstContentAtMs ??= nowMs;
    seen.lastContentAtMs = nowMs;
  }
  if (frame.type === 'content_block_start' && frame.content_block.type === 'tool_use') {
    seen.toolCalls.push({ id: frame.content_block.id, name: frame.content_block.name });
  }
  if (frame.type === 'message_delta' && frame.delta.stop_reason !== null) {
    seen.stopReason = frame.delta.stop_reason;
  }
}

/** A figure that cannot be true (more cached than there was, or negative) is no figure. */
function cacheReport({ usage, progress }: Seen): CacheReport {
  const promptTokens = plausible(usage?.promptTokens);
  if (promptTokens === undefined) return { evidence: 'none' };
  // Who contradicts himself there is not believed elsewhere.
  if (isImpossible(usage)) return { evidence: 'none', promptTokens };

  const reported = plausible(usage?.cachedTokens, promptTokens);
  if (reported !== undefined) {
    const written = plausible(usage?.writtenTokens, promptTokens);
    return {
      evidence: 'reported',
      promptTokens,
      cachedTokens: reported,
      ...(written === undefined ? {} : { writtenTokens: written }),
    };
  }

  const counted = progress?.cachedTokens ?? (progress && promptTokens - progress.total);
  const fromProgress = plausible(counted, promptTokens);
  if (fromProgress !== undefined) {
    return { evidence: 'progress', promptTokens, cachedTokens: fromProgress };
  }
  return { evidence: 'none', promptTokens };
}

function isImpossible({ cachedTokens, promptTokens, impossibleCache }: Partial<UsageNote> = {}): boolean {
  if (cachedTokens === undefined) return impossibleCache === true;
  return impossibleCache === true || plausible(cachedTokens, plausible(promptTokens)) === undefined;
}

function plausible(tokens: number | undefined, atMost = Number.MAX_SAFE_INTEGER): number | undefined {
  return tokens !== undefined && Number.isInteger(tokens) && tokens >= 0 && tokens <= atMost
    ? tokens
    : undefined;
}
