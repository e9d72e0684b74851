// An error as the client is told of it: a status where nothing was sent yet, an event where something was.

import {
  type ErrorType,
  type Fault,
  faultReply,
  overflowMessage,
  type Phase,
  type WireError,
} from '../wire/error.ts';

export type ErrorReply = {
  readonly status: number;
  readonly type: ErrorType;
  readonly message: string;
  readonly headers: Readonly<Record<string, string>>;
};

export type Told = {
  readonly message: string;
  readonly overflow?: { readonly promptTokens: number; readonly windowTokens: number } | undefined;
};

/** Told and recorded where a request was under way when the time to drain ran out. */
export const STOPPED = 'anyclaude was stopped while it answered this request.';

export function replyToFault(fault: Fault, phase: Phase, { message, overflow }: Told): ErrorReply {
  const { status, type, shouldRetry } = faultReply(fault, phase);
  return {
    status,
    type,
    message: overflow ? overflowMessage(overflow.promptTokens, overflow.windowTokens) : message,
    headers: { 'x-should-retry': String(shouldRetry) },
  };
}

/** What is wrong with the request stays wrong however often it is sent. */
export function replyToWireError({ status, type, message }: WireError): ErrorReply {
  return { status, type, message, headers: { 'x-should-retry': 'false' } };
}
