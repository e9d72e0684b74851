// What a backend is told of a request so that it and the others do not cost each other what the server holds.

import type { OpenRequest } from '../backend/backend.ts';
import type { Reader } from '../backend/slot-choice.ts';
import { tokensOf } from '../router/observation.ts';
import type { Kind } from '../router/outcome.ts';
import { sessionKey } from '../router/sessions.ts';
import type { Caller } from '../wire/caller.ts';
import type { Pass } from './pass.ts';
import type { Plan } from './plan.ts';

const COLD_FRONT_TOKENS = 500;
/** What opens every request of a project. */
const FRONT_SEGMENTS = 2;

export function neighbours(
  { admitted: { kind, caller }, deps }: Pass,
  { chain }: Plan,
  backend: string,
): Pick<OpenRequest, 'coldPrefix' | 'reader'> {
  const front = chain.slice(0, FRONT_SEGMENTS);
  const { tokens, warm } = deps.memory.match(backend, front, deps.clock.wall());
  const missing = tokensOf(front) - tokens * warm;
  const name = front.at(-1)?.hash;
  return {
    ...(missing >= COLD_FRONT_TOKENS && name !== undefined && { coldPrefix: name }),
    reader: readerOf(kind, caller),
  };
}

function readerOf(kind: Kind, { sessionId, agentId }: Caller): Reader {
  // A compaction goes on with the main conversation's own prompt.
  if (kind === 'main' || kind === 'compact')
    return { name: sessionKey({ sessionId, agentId }), part: 'main' };
  return { name: agentId ?? kind, part: 'side' };
}
