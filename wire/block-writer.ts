// Content blocks in the order that Claude's event stream asks for: message_start before the first, one open at a
// time, indexes without a gap, each of them stopped. Its state is one value: the block that is open.

import type { BlockStart, Delta, Frame, MessageStart } from './frame.ts';
import type { CompleteCall } from './tool-call.ts';

export type TextKind = 'text' | 'thinking';

export class BlockWriter {
  readonly #emit: (frame: Frame) => void;
  readonly #messageStart: () => MessageStart;
  #open: TextKind | undefined;
  /** White space that no block was opened for yet: the Claude API refuses a block of nothing else. */
  #blank = { text: '', thinking: '' };
  #next = 0;
  #started = false;
  #chars = 0;

  constructor(emit: (frame: Frame) => void, messageStart: () => MessageStart) {
    this.#emit = emit;
    this.#messageStart = messageStart;
  }

  get isEmpty(): boolean {
    return this.#next === 0 && !this.#open;
  }

  /** Characters of content so far. */
  get chars(): number {
    return this.#chars;
  }

  /** Goes on with the open block of this kind, or opens one at the first character that can be seen. */
  write(kind: TextKind, text: string): void {
    const all = this.#blank[kind] + text;
    const isBlank = all.trim() === '';
    if (this.#open !== kind && isBlank) {
      this.#blank[kind] = all;
      return;
    }
    this.#blank[kind] = '';
    if (this.#open !== kind) this.#openText(kind);
    if (all !== '') this.#delta(textDelta(kind, all), all.length);
  }

  closeText(): void {
    if (!this.#open) return;
    this.#open = undefined;
    this.#stop();
  }

  writeCall({ id, name, json }: CompleteCall): void {
    this.closeText();
    this.#begin({ type: 'tool_use', id, name, input: {} });
    this.#delta({ type: 'input_json_delta', partial_json: json }, json.length);
    this.#stop();
  }

  /** An answer may end without a block: a stop sequence can be the first thing that the model wrote. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#emit(this.#messageStart());
  }

  #openText(kind: TextKind): void {
    this.closeText();
    this.#begin(
      kind === 'text' ? { type: 'text', text: '' } : { type: 'thinking', thinking: '', signature: '' },
    );
    this.#open = kind;
  }

  #begin(block: BlockStart['content_block']): void {
    this.start();
    this.#emit({ type: 'content_block_start', index: this.#next, content_block: block });
  }

  #delta(delta: Delta, chars: number): void {
    this.#chars += chars;
    this.#emit({ type: 'content_block_delta', index: this.#next, delta });
  }

  #stop(): void {
    this.#emit({ type: 'content_block_stop', index: this.#next });
    this.#next += 1;
  }
}

function textDelta(kind: TextKind, text: string): Delta {
  return kind === 'text' ? { type: 'text_delta', text } : { type: 'thinking_delta', thinking: text };
}
