// One answer of a model, written as Claude's event stream. Whatever a backend speaks is read into Pieces (a chat
// chunk in from-chat.ts, a Messages event in from-anthropic.ts); the rules that make them an answer are here,
// once: blocks in order and closed, no unchecked tool call, no silence that reads as success.
//
// Faults are values, because what was written before a fault still counts: the caller relays `items`, then acts
// on `fault`.

import { BlockWriter } from './block-writer.ts';
import type { FaultReport } from './error.ts';
import type {
  AliveNote,
  MessageStart,
  ProgressNote,
  StopReason,
  StreamItem,
  UsageNote,
  WireUsage,
} from './frame.ts';
import { createStopMatcher, type StopMatcher } from './stop.ts';
import { type CallBuffer, type CallFragment, createCallBuffer } from './tool-call.ts';

/** What the backend told of its tokens. `promptTokens` is the whole prompt, cached part included. */
export type ReportedUsage = Omit<UsageNote, 'type'>;

type ContentPiece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'thinking'; readonly text: string }
  | { readonly kind: 'call'; readonly fragment: CallFragment };

export type Piece =
  | ContentPiece
  | { readonly kind: 'usage'; readonly usage: ReportedUsage }
  | { readonly kind: 'note'; readonly note: ProgressNote | AliveNote }
  | { readonly kind: 'finish'; readonly reason: StopReason; readonly stopSequence?: string }
  /** The dialect's end mark. */
  | { readonly kind: 'end' }
  | { readonly kind: 'fault'; readonly report: FaultReport };

export type AnswerOptions = {
  readonly requestedModel: string;
  /** `msg_…`, unique: the ids of tool calls that have none of their own are made of it. */
  readonly messageId: string;
  /** Estimate of the prompt's tokens, for as long as the backend has not reported them. */
  readonly promptTokens: number;
  readonly stopSequences: readonly string[];
  readonly callable: readonly string[];
};

export type Step = {
  readonly items: readonly StreamItem[];
  /** Nothing more will come: the answer is complete, or it failed. The backend may be let go. */
  readonly done: boolean;
  readonly fault?: FaultReport;
};

type Finish = { readonly reason: StopReason; readonly stopSequence: string | null };

// A guess for a backend that reports nothing: the client's context meter needs some figure.
const CHARS_PER_TOKEN = 4;

export class Answer {
  readonly #options: AnswerOptions;
  readonly #blocks: BlockWriter;
  readonly #stops: StopMatcher;
  readonly #calls: CallBuffer;
  #items: StreamItem[] = [];
  #usage: ReportedUsage = {};
  #finish: Finish | undefined;
  #fault: FaultReport | undefined;
  #done = false;

  constructor(options: AnswerOptions) {
    this.#options = options;
    this.#blocks = new BlockWriter(
      (frame) => this.#items.push(frame),
      () => this.#messageStart(),
    );
    this.#stops = createStopMatcher(options.stopSequences);
    this.#calls = createCallBuffer(options);
  }

  /** Writes what these pieces make. After `done` it writes nothing. */
  take(pieces: readonly Piece[]): Step {
    for (const piece of pieces) if (!this.#done) this.#add(piece);
    return this.#step();
  }

  /** The bytes have ended. */
  close(): Step {
    if (!this.#done) this.#fail(this.#truncation());
    return this.#step();
  }

  #step(): Step {
    const items = this.#items;
    this.#items = [];
    return { items, done: this.#done, ...(this.#fault && { fault: this.#fault }) };
  }

  #add(piece: Piece): void {
    switch (piece.kind) {
      case 'text':
      case 'thinking':
      case 'call':
        // Some servers send an empty delta after the finish reason; content there belongs to nothing.
        if (!this.#finish) this.#addContent(piece);
        break;
      case 'usage':
        this.#usage = { ...this.#usage, ...piece.usage };
        this.#items.push({ type: 'usage', ...this.#usage });
        break;
      case 'note':
        this.#items.push(piece.note);
        break;
      case 'finish':
        if (!this.#finish) this.#settle(piece.reason, piece.stopSequence ?? null);
        break;
      case 'end':
        this.#end();
        break;
      case 'fault':
        this.#fail(piece.report);
        break;
      default:
        piece satisfies never;
    }
  }

  // ---- Content -----------------------------------------------------------------------------------------

  #addContent(piece: ContentPiece): void {
    if (piece.kind === 'text') this.#addText(piece.text);
    else if (piece.kind === 'thinking') this.#blocks.write('thinking', piece.text);
    else this.#addCall(piece.fragment);
  }

  #addText(text: string): void {
    const stopped = this.#stops.push(text);
    this.#blocks.write('text', stopped.text);
    if (stopped.hit === undefined) return;
    this.#settle('stop_sequence', stopped.hit);
    this.#complete();
  }

  /** Text goes on streaming while calls are held: it is shown at once, and the calls come last. */
  #addCall(fragment: CallFragment): void {
    if (this.#calls.isEmpty) this.#closeText();
    this.#calls.add(fragment);
    this.#items.push({ type: 'alive', generating: true });
  }

  #closeText(): void {
    this.#blocks.write('text', this.#stops.flush());
    this.#blocks.closeText();
  }

  // ---- The ending --------------------------------------------------------------------------------------

  /** The model has stopped: the calls are given out, or the answer fails. Usage may still come. */
  #settle(reason: StopReason, stopSequence: string | null): void {
    this.#closeText();
    const completed = this.#calls.complete(reason === 'max_tokens' ? 'cut' : 'finished');
    const problem = 'problem' in completed ? completed.problem : this.#missingCall(reason);
    if (problem !== undefined) this.#fail({ fault: 'bad-tool-call', message: problem });
    if (problem !== undefined || 'problem' in completed) return;
    for (const call of completed.calls) this.#blocks.writeCall(call);
    this.#finish = this.#calls.isEmpty
      ? { reason, stopSequence }
      : { reason: 'tool_use', stopSequence: null };
  }

  /** mlx_lm.server drops a call that it cannot parse or that max_tokens cut; only the finish reason betrays it. */
  #missingCall(reason: StopReason): string | undefined {
    if (!this.#calls.isEmpty) return undefined;
    if (reason === 'tool_use') {
      return 'It announced a tool call and sent none: it could not parse what the model wrote.';
    }
    const isSilent = this.#blocks.isEmpty && this.#options.callable.length > 0;
    return reason === 'max_tokens' && isSilent
      ? 'It was stopped at max_tokens inside a tool call.'
      : undefined;
  }

  #end(): void {
    if (!this.#finish) this.#fail(this.#truncation());
    else if (this.#blocks.isEmpty && this.#finish.stopSequence === null) this.#fail(EMPTY);
    else this.#complete();
  }

  #complete(): void {
    if (!this.#finish || this.#done) return;
    const { reason, stopSequence } = this.#finish;
    const outputTokens = this.#usage.outputTokens ?? Math.ceil(this.#blocks.chars / CHARS_PER_TOKEN);
    this.#blocks.start();
    this.#items.push(
      {
        type: 'message_delta',
        delta: { stop_reason: reason, stop_sequence: stopSequence },
        usage: { ...this.#promptUsage(), output_tokens: outputTokens },
      },
      { type: 'message_stop' },
    );
    this.#done = true;
  }

  #fail(report: FaultReport): void {
    this.#fault = report;
    this.#done = true;
  }

  #truncation(): FaultReport {
    const isSilent = this.#blocks.isEmpty && this.#calls.isEmpty;
    return { fault: 'truncated', message: isSilent ? ENDED_SILENT : ENDED_EARLY };
  }

  // ---- Head --------------------------------------------------------------------------------------------

  #messageStart(): MessageStart {
    const { messageId, requestedModel } = this.#options;
    return {
      type: 'message_start',
      message: {
        id: messageId,
        type: 'message',
        role: 'assistant',
        model: requestedModel,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { ...this.#promptUsage(), output_tokens: 0 },
      },
    };
  }

  #promptUsage(): WireUsage {
    const { promptTokens = this.#options.promptTokens, cachedTokens, writtenTokens } = this.#usage;
    return {
      input_tokens: Math.max(0, promptTokens - (cachedTokens ?? 0) - (writtenTokens ?? 0)),
      ...(cachedTokens !== undefined && { cache_read_input_tokens: cachedTokens }),
      ...(writtenTokens !== undefined && { cache_creation_input_tokens: writtenTokens }),
    };
  }
}

const EMPTY: FaultReport = { fault: 'empty', message: 'It completed its answer without any content.' };
const ENDED_EARLY = 'Its stream ended before it said that the answer is complete.';
const ENDED_SILENT =
  'Its stream ended without a word; its own log may say why, and the prompt may be larger than its window.';
