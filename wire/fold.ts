// Frames to one JSON message, for a client that did not ask to stream. There is no other path for it: every
// backend is asked for a stream.

import { parseFields } from './fields.ts';
import type {
  ContentBlock,
  Delta,
  Frame,
  MessageDelta,
  MessageStart,
  StopReason,
  WireUsage,
} from './frame.ts';
import type { JsonObject } from './message.ts';

export type FoldedMessage = Omit<MessageStart['message'], 'stop_reason' | 'stop_sequence'> & {
  readonly stop_reason: StopReason | null;
  readonly stop_sequence: string | null;
};

export type Fold = {
  add(frame: Frame): void;
  /** Undefined until message_stop: half a message is none. */
  message(): FoldedMessage | undefined;
};

type Growing = { block: ContentBlock; json: string };

/** Folds the frames of one answer, in their order. */
export function createFold(): Fold {
  let start: MessageStart['message'] | undefined;
  let ending: MessageDelta | undefined;
  let isComplete = false;
  const blocks: Growing[] = [];

  const add = (frame: Frame): void => {
    switch (frame.type) {
      case 'message_start':
        start = frame.message;
        return;
      case 'content_block_start':
        blocks[frame.index] = { block: frame.content_block, json: '' };
        return;
      case 'content_block_delta':
        grow(blocks[frame.index], frame.delta);
        return;
      case 'message_delta':
        ending = frame;
        return;
      case 'message_stop':
        isComplete = true;
        return;
      case 'content_block_stop':
      case 'ping':
        return;
      default:
        frame satisfies never;
    }
  };

  const message = (): FoldedMessage | undefined => {
    if (!start || !isComplete) return undefined;
    const usage: WireUsage = { ...start.usage, ...ending?.usage };
    return { ...start, content: blocks.map(blockOf), ...ending?.delta, usage };
  };

  return { add, message };
}

function grow(growing: Growing | undefined, delta: Delta): void {
  if (!growing) return;
  const { block } = growing;
  if (delta.type === 'input_json_delta') {
    growing.json += delta.partial_json;
  } else if (block.type === 'text' && delta.type === 'text_delta') {
    growing.block = { ...block, text: block.text + delta.text };
  } else if (block.type === 'thinking' && delta.type === 'thinking_delta') {
    growing.block = { ...block, thinking: block.thinking + delta.thinking };
  } else if (block.type === 'thinking' && delta.type === 'signature_delta') {
    growing.block = { ...block, signature: delta.signature };
  }
}

/** The frames come from answer.ts or from the Claude API: a call's JSON is known to be an object. */
function blockOf({ block, json }: Growing): ContentBlock {
  if (block.type !== 'tool_use' || json === '') return block;
  return { ...block, input: (parseFields(json) ?? {}) as JsonObject };
}
