// The one table of what can go wrong and what the client is told of it.

/** What went wrong with a backend, or with the request on its way there. Closed: it feeds a metric label. */
export type Fault =
  | 'connect' // nothing listens there
  | 'loading' // it answers, but its model is not loaded yet
  | 'dead' // its HTTP side answers, its generation side does not
  | 'overflow' // the prompt is larger than its window
  | 'rejected' // it will never take this request as it is (4xx)
  | 'unauthorised'
  | 'rate-limited'
  | 'overloaded'
  | 'status' // any other status that is no success
  | 'protocol' // an answer that is not what the dialect promises
  | 'truncated' // the stream ended without saying that it is complete
  | 'reset' // the connection broke
  | 'empty' // a complete answer without any content
  | 'bad-tool-call' // arguments that are not one complete JSON object, or a promised call that never came
  | 'stalled' // no sign of life within the budget
  | 'queue-full'
  | 'draining'
  | 'internal';

/** When: nothing was sent to the client before `mid-stream`. */
export type Phase = 'queued' | 'before-first-token' | 'mid-stream';

/** The error types of the Messages API that the daemon uses for faults of its own. */
export type ErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'permission_error'
  | 'not_found_error'
  | 'request_too_large'
  | 'api_error'
  | 'overloaded_error'
  | 'timeout_error';

/** A fault as it was recognised: the message is one sentence for a person, without the name of the backend. */
export type FaultReport = {
  readonly fault: Fault;
  readonly message: string;
  /** Set where the fault is `overflow` and the backend told both figures. */
  readonly overflow?: { readonly promptTokens: number; readonly windowTokens: number };
};

export type FaultReply = {
  /** Only of use while no header was sent. */
  readonly status: number;
  readonly type: ErrorType;
  /** Value of `x-should-retry`. Claude Code retries for minutes unless it is told not to. */
  readonly shouldRetry: boolean;
};

export type ErrorBody = {
  readonly type: 'error';
  readonly error: { readonly type: ErrorType; readonly message: string };
  readonly request_id: string;
};

/**
 * What the client is told of a fault. 401, 404 and 529 are never made up: Claude Code replaces their text by
 * its own. The type `overloaded_error` is left out for the same reason.
 */
export function faultReply(fault: Fault, phase: Phase): FaultReply {
  const reply = replyBeforeContent(fault);
  if (phase !== 'mid-stream') return reply;
  const type = fault === 'overflow' || fault === 'rejected' ? reply.type : 'api_error';
  return { status: reply.status, type, shouldRetry: false };
}

function replyBeforeContent(fault: Fault): FaultReply {
  switch (fault) {
    case 'overflow':
    case 'rejected':
      return { status: 400, type: 'invalid_request_error', shouldRetry: false };
    case 'loading':
    case 'rate-limited':
    case 'overloaded':
    case 'queue-full':
    case 'draining':
      return { status: 503, type: 'api_error', shouldRetry: true };
    case 'stalled':
      // A second copy would wait behind the first one, whose prefill the backend may still be computing.
      return { status: 504, type: 'timeout_error', shouldRetry: false };
    case 'connect':
    case 'dead':
    case 'unauthorised':
    case 'status':
    case 'protocol':
    case 'truncated':
    case 'reset':
    case 'empty':
    case 'bad-tool-call':
      return { status: 502, type: 'api_error', shouldRetry: false };
    case 'internal':
      return { status: 500, type: 'api_error', shouldRetry: false };
    default:
      fault satisfies never;
      return { status: 500, type: 'api_error', shouldRetry: false };
  }
}

/** The words that make Claude Code compact the conversation and go on. */
export function overflowMessage(promptTokens: number, windowTokens: number): string {
  return `prompt is too long: ${promptTokens} tokens > ${windowTokens} maximum`;
}

/** The error shape of the Messages API. */
export function errorBody(type: ErrorType, message: string, requestId: string): ErrorBody {
  return { type: 'error', error: { type, message }, request_id: requestId };
}

/** The request cannot be served as it was received. The message is one sentence for the person who sent it. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly status: number;
  readonly type: ErrorType;

  constructor(message: string, status = 400, type: ErrorType = 'invalid_request_error') {
    super(message);
    this.status = status;
    this.type = type;
  }
}
