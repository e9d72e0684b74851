// What a backend is told of a request so that it and the others do not cost each other what the server holds.

import type { OpenRequest } from '../backend/backend.ts';
import { tokensOf } from '../router/observation.ts';
import type { Pass } from './pass.ts';
import type { Plan } from './plan.ts';

const COLD_FRONT_TOKENS = 500;
/** What opens every request of a project. */
const FRONT_SEGMENTS = 2;

export function neighbours(
  { admitted: { kind, caller }, deps }: Pass,
  { chain }: Plan,
  backend: string,
): Pick<OpenRequest, 'coldPrefix' | 'sideOf'> {
  const front = chain.slice(0, FRONT_SEGMENTS);
  const { tokens, warm } = deps.memory.match(backend, front, deps.clock.wall());
  const missing = tokensOf(front) - tokens * warm;
  const name = front.at(-1)?.hash;
  // A compaction goes on with the main conversation's own prompt.
  const isMain = kind === 'main' || kind === 'compact';
  return {
    ...(missing >= COLD_FRONT_TOKENS && name !== undefined && { coldPrefix: name }),
    ...(!isMain && { sideOf: caller.agentId ?? kind }),
  };
}
