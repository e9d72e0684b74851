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
