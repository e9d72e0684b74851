// What a backend is to the rest of the daemon: something that takes a conversation and answers in Claude's
// event stream, or fails with one BackendError before it has accepted.

import type { IncomingHttpHeaders } from 'node:http';
import type { Fault } from '../wire/error.ts';
import type { StreamItem } from '../wire/frame.ts';
import type { Conversation } from '../wire/message.ts';
import type { Reader } from './slot-choice.ts';

/** The request as received. Only the Claude API passthrough reads it: keys go to no one else. */
export type Received = {
  readonly method: string;
  /** Path with its query string, as received. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
};

export type OpenRequest = {
  readonly conversation: Conversation;
  readonly received: Received;
  /** What the backend is asked for. */
  readonly model: string;
  /** What the client asked for; echoed in message_start. */
  readonly requestedModel: string;
  /** Estimate, for the input_tokens of message_start and for the liveness budget. */
  readonly promptTokens: number;
  /**
   * Names the front of the prompt where it is long and the server is not believed to have it: another request with
   * the same name is read before this one where that spares the work.
   */
  readonly coldPrefix?: string;
  /** Whose prompt it is: side requests are kept out of the slots of main conversations where there are several. */
  readonly reader?: Reader;
  /** Told, before the gate, how many milliseconds the conversation took to be put into the server's words. */
  readonly onTranslated?: (tookMs: number) => void;
  /** Called when the gate has let the request through: from then on it is no longer `queued`. */
  readonly onAdmitted?: () => void;
};

export type Opened = {
  /** Ends after message_stop, or throws BackendError. Leaving the loop early aborts the backend. */
  readonly items: AsyncIterable<StreamItem>;
  /** Milliseconds spent waiting at this backend's gate. */
  readonly queueMs: number;
};

export interface Backend {
  readonly name: string;
  /**
   * Waits at the gate, sends the request and resolves once the server has accepted it.
   * Rejects with BackendError before that; with the signal's reason where the signal aborted.
   */
  open(request: OpenRequest, signal: AbortSignal): Promise<Opened>;
  /** The backend's own count of the conversation's prompt tokens; undefined where it has no tokenizer endpoint. */
  countTokens?(conversation: Conversation, model: string, signal: AbortSignal): Promise<number | undefined>;
  close(): Promise<void>;
}

export type BackendErrorDetail = {
  readonly fault: Fault;
  readonly backend: string;
  readonly httpStatus?: number;
  readonly retryAfterS?: number;
  /** Set where the fault is `overflow` and the backend told both figures. */
  readonly overflow?: { readonly promptTokens: number; readonly windowTokens: number };
};

export class BackendError extends Error {
  override readonly name = 'BackendError';
  readonly detail: BackendErrorDetail;

  constructor(detail: BackendErrorDetail, message: string, options?: ErrorOptions) {
    super(message, options);
    this.detail = detail;
  }
}

/** What is known of a backend from probes and from traffic. Unknown is absent. */
export type BackendState = 'unknown' | 'up' | 'loading' | 'down';

export type BackendStatus = {
  readonly state: BackendState;
  readonly model?: string;
  readonly contextWindow?: number;
  /** Where the window was read, e.g. `props`, `config.json`, `setting`, `assumed`. */
  readonly contextWindowSource?: 'server' | 'config.json' | 'setting' | 'assumed';
  readonly flavour?: 'mlx-lm' | 'lmstudio' | 'llama.cpp' | 'vllm' | 'claude' | 'other';
  /** Of the program, where it tells. */
  readonly version?: string;
  readonly supportsImages?: boolean;
  /** False where the next request has to load the model first. */
  readonly loaded?: boolean;
  /** Prompts that the server keeps side by side, where it says so. */
  readonly slots?: number;
  readonly checkedAtMs?: number;
  /** How long the last probe took. */
  readonly probeMs?: number;
  /** When it last completed a request or a 1-token probe. */
  readonly provenAtMs?: number;
  readonly lastError?: string;
};
