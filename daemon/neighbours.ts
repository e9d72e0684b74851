// What a backend is told of a request so that it and the others do not cost each other what the server holds.

import type { OpenRequest } from '../backend/backend.ts';
import type { Reader } from '../backend/slot-choice.ts';
import { type Chain, tokensOf } from '../router/observation.ts';
import type { Kind } from '../router/outcome.ts';
import { sessionKey } from '../router/sessions.ts';
import type { Caller } from '../wire/caller.ts';
import type { Deps } from './deps.ts';
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

type Newcomer = { readonly kind: Kind; readonly chain: Chain };

/** Why a side request had better go elsewhere, in one clause: a main conversation would lose its place in the cache. */
export function crowding(
  { memory, prompts, clock }: Pick<Deps, 'memory' | 'prompts' | 'clock'>,
  { kind, chain }: Newcomer,
  backend: string,
): string | undefined {
  if (isMain(kind)) return undefined;
  const nowMs = clock.wall();
  // What goes on takes the place of its own beginning.
  if (memory.match(backend, chain, nowMs).tokens > tokensOf(chain) / 2) return undefined;
  const mains = prompts.active(nowMs).filter((prompt) => isMain(prompt.kind));
  const room = memory.serverOf(backend).room(mains.map((prompt) => prompt.chain));
  return room < 1 ? 'one conversation more would push a main one out of its cache' : undefined;
}

/** A compaction goes on with the main conversation's own prompt. */
function isMain(kind: Kind): boolean {
  return kind === 'main' || kind === 'compact';
}

function readerOf(kind: Kind, { sessionId, agentId }: Caller): Reader {
  if (isMain(kind)) return { name: sessionKey({ sessionId, agentId }), part: 'main' };
  return { name: agentId ?? kind, part: 'side' };
}
