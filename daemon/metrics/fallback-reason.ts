// Why a request went on from its first backend. Eighteen faults for each pair of backends would be more series than all
// the rest; these are the kinds that a person does something else about.

import type { Fault } from '../../wire/error.ts';

export const FALLBACK_REASONS = [
  'down',
  'busy',
  'overflow',
  'refused',
  'error',
  'broken-off',
  'bad-tool-call',
  'stalled',
] as const;
export type FallbackReason = (typeof FALLBACK_REASONS)[number];

export function fallbackReason(fault: Fault): FallbackReason {
  switch (fault) {
    case 'connect':
    case 'loading':
    case 'dead':
      return 'down';
    case 'rate-limited':
    case 'overloaded':
    case 'queue-full':
    case 'draining':
      return 'busy';
    case 'rejected':
    case 'unauthorised':
      return 'refused';
    case 'status':
    case 'protocol':
    case 'internal':
      return 'error';
    case 'truncated':
    case 'reset':
    case 'empty':
      return 'broken-off';
    case 'overflow':
    case 'bad-tool-call':
    case 'stalled':
      return fault;
    default:
      return fault satisfies never;
  }
}
