// What may be kept of a failure. A server's error text may quote the prompt or the model's words, and a refusal
// quotes the value that was wrong: the client that sent them is told, but neither database nor log keeps them.

import type { BackendError } from '../backend/backend.ts';
import { overflowMessage } from '../wire/error.ts';

export function recordedFailure(error: BackendError): string {
  const { backend, fault, overflow } = error.detail;
  switch (fault) {
    case 'connect':
    case 'reset':
    case 'truncated':
    case 'empty':
    case 'stalled':
    case 'queue-full':
    case 'draining':
    case 'internal':
      // Our own words.
      return error.message;
    case 'overflow':
      return overflow
        ? overflowMessage(overflow.promptTokens, overflow.windowTokens)
        : `${backend}: the prompt is too long.`;
    case 'bad-tool-call':
      return `${backend}: the model wrote a tool call that is not whole.`;
    case 'loading':
    case 'dead':
    case 'unauthorised':
    case 'overloaded':
    case 'rate-limited':
    case 'rejected':
    case 'status':
    case 'protocol':
      return `${backend} answered with an error (${fault}); its words were told to the client alone.`;
    default:
      return fault satisfies never;
  }
}

/** Without the values that it quotes, whole or cut off. */
export function recordedRefusal(message: string): string {
  return message.replace(/"(?:[^"\\]|\\.)*(?:"|…|$)/g, '"…"');
}
