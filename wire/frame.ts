// Claude's event stream: the only internal form of an answer. A backend yields frames, and between them
// notes that never travel: how far a prefill is, and what the backend itself reported of its tokens.

import { type ErrorType, errorBody } from './error.ts';
import type { JsonObject } from './message.ts';

export type StopReason =
  | 'end_turn'
  | 'max_tokens'
  | 'stop_sequence'
  | 'tool_use'
  | 'pause_turn'
  | 'refusal'
  | 'model_context_window_exceeded';

/** Anthropic partition: `input_tokens` excludes the cached ones. Absent = the backend did not say. */
export type WireUsage = {
  readonly input_tokens?: number;
  readonly output_tokens?: number;
  readonly cache_read_input_tokens?: number;
  readonly cache_creation_input_tokens?: number;
};

export type ContentBlock =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'thinking'; readonly thinking: string; readonly signature: string }
  | { readonly type: 'tool_use'; readonly id: string; readonly name: string; readonly input: JsonObject };

export type Delta =
  | { readonly type: 'text_delta'; readonly text: string }
  | { readonly type: 'thinking_delta'; readonly thinking: string }
  | { readonly type: 'signature_delta'; readonly signature: string }
  | { readonly type: 'input_json_delta'; readonly partial_json: string };

export type MessageStart = {
  readonly type: 'message_start';
  readonly message: {
    readonly id: string;
    readonly type: 'message';
    readonly role: 'assistant';
    readonly model: string;
    readonly content: readonly ContentBlock[];
    readonly stop_reason: null;
    readonly stop_sequence: null;
    readonly usage: WireUsage;
  };
};
export type BlockStart = {
  readonly type: 'content_block_start';
  readonly index: number;
  readonly content_block: ContentBlock;
};
export type BlockDelta = {
  readonly type: 'content_block_delta';
  readonly index: number;
  readonly delta: Delta;
};
export type BlockStop = { readonly type: 'content_block_stop'; readonly index: number };
export type MessageDelta = {
  readonly type: 'message_delta';
  readonly delta: { readonly stop_reason: StopReason | null; readonly stop_sequence: string | null };
  readonly usage: WireUsage;
};
export type MessageStop = { readonly type: 'message_stop' };
export type Ping = { readonly type: 'ping' };

export type Frame = MessageStart | BlockStart | BlockDelta | BlockStop | MessageDelta | MessageStop | Ping;

/** Prefill progress: `total` counts what had to be computed, `cachedTokens` what had not, where the backend says so. */
export type ProgressNote = {
  readonly type: 'progress';
  readonly processed: number;
  readonly total: number;
  readonly cachedTokens?: number;
};
/** What the backend reported, as it reported it. `promptTokens` is the whole prompt, cached part included. */
export type UsageNote = {
  readonly type: 'usage';
  readonly promptTokens?: number;
  readonly cachedTokens?: number;
  readonly writtenTokens?: number;
  readonly outputTokens?: number;
  /** What it told of its cache cannot be: negative, or more than the prompt. */
  readonly impossibleCache?: true;
  /** `system_fingerprint`, cut to 100 characters: some servers tell their version there, others their model. */
  readonly fingerprint?: string;
};
/**
 * A sign of life without content (SSE comment, ping of the backend): resets the liveness budget. With
 * `generating` the model is already writing what is held back here: the arguments of a tool call.
 */
export type AliveNote = { readonly type: 'alive'; readonly generating?: true };
export type Note = ProgressNote | UsageNote | AliveNote;

export type StreamItem = Frame | Note;

/** A frame as it goes over the wire. */
export function encodeFrame(frame: Frame): string {
  return `event: ${frame.type}\ndata: ${JSON.stringify(frame)}\n\n`;
}

/** The end of a stream that failed after its headers were sent. Nothing may follow it. */
export function encodeError(type: ErrorType, message: string, requestId: string): string {
  return `event: error\ndata: ${JSON.stringify(errorBody(type, message, requestId))}\n\n`;
}
