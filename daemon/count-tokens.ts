// POST /v1/messages/count_tokens. Claude Code sends up to 27 of these at once and must never cause a
// generation: the backend's own tokenizer answers where it has one, else the estimate does.

import type { ServerResponse } from 'node:http';
import { BackendError, type Received } from '../backend/backend.ts';
import { readTurn } from '../router/turn.ts';
import { byName } from '../router/wish.ts';
import { WireError } from '../wire/error.ts';
import { segments } from '../wire/fingerprint.ts';
import { normalise } from '../wire/normalise.ts';
import { toClaude } from './cloud.ts';
import type { Deps } from './deps.ts';
import type { Member } from './fleet.ts';
import { watchClient } from './pass.ts';
import { type Admitted, admit, goesToClaude } from './plan.ts';
import { forwardToClaude } from './relay.ts';
import { type ErrorReply, replyToFault, replyToWireError, STOPPED } from './reply.ts';
import { sendError, sendJson } from './sink.ts';

export async function countTokens(deps: Deps, received: Received, response: ServerResponse): Promise<void> {
  const watch = watchClient(response, deps.stopping);
  const count = { deps, received, response, signal: watch.signal };
  try {
    await answer(count);
  } catch (error) {
    sayWhy(count, error);
  } finally {
    watch.stop();
  }
}

type Count = {
  readonly deps: Deps;
  readonly received: Received;
  readonly response: ServerResponse;
  readonly signal: AbortSignal;
};

async function answer(count: Count): Promise<void> {
  const { deps, response, signal } = count;
  const admitted = admittedTo(count);
  if (admitted === 'claude') return forwardToClaude(deps, count);
  if (goesToClaude(admitted, deps)) return forwardToClaude(deps, { ...count, ...toClaude(admitted, deps) });
  const input_tokens = await tokensOf(admitted, deps, signal);
  sendJson(response, { status: 200, body: { input_tokens } });
}

/** In mode `claude` a body that cannot be read goes on unread, as that of a message does. */
function admittedTo({ deps, received }: Count): Admitted | 'claude' {
  try {
    return admit(received, deps);
  } catch (error) {
    if (deps.config.mode === 'claude' && error instanceof WireError) return 'claude';
    throw error;
  }
}

/**
 * Counted by the backend that would serve the conversation, estimated for its model where it has no tokenizer
 * endpoint or does not answer: another model's tokenizer counts something else.
 */
async function tokensOf(admitted: Admitted, deps: Deps, signal: AbortSignal): Promise<number> {
  const conversation = normalise(admitted.request);
  const member = likelyMember(admitted, deps);
  if (!member) return deps.estimator.estimate('', segments(conversation));

  const status = deps.fleet.status(member.name);
  const model = member.model(status);
  const isDown = status.state === 'down';
  const counted = isDown ? undefined : await member.backend.countTokens?.(conversation, model, signal);
  return counted ?? deps.estimator.estimate(model, segments(conversation));
}

/** Who was asked for by name, up or not; else of those that are up where the conversation was last, else the routes. */
function likelyMember({ request, caller, override }: Admitted, deps: Deps): Member | undefined {
  const { config, fleet, memory, clock } = deps;
  const { mode, routes } = config;
  const asked = byName({ mode, routes, ...(override && { override }) });
  if (asked?.others === 'only') return fleet.member(asked.backend);
  const likely = asked ?? memory.lastOf(readTurn(request, caller), clock.wall());
  const names = [...(likely ? [likely.backend] : []), routes.analysis, routes.edit];
  const members = [...names.flatMap((name) => fleet.member(name) ?? []), ...fleet.members];
  return members.find(({ name }) => fleet.status(name).state === 'up') ?? members[0];
}

function sayWhy({ deps, response, signal }: Count, error: unknown): void {
  const isStopped = signal.aborted && deps.stopping.aborted;
  if (signal.aborted && !isStopped) return;
  const reply = isStopped ? replyToFault('draining', 'queued', { message: STOPPED }) : replyTo(error);
  // A count that breaks off half-way must not end as if it were whole.
  if (response.headersSent) response.destroy();
  else sendError(response, deps.newRequestId(), reply);
}

function replyTo(error: unknown): ErrorReply {
  if (error instanceof WireError) return replyToWireError(error);
  if (error instanceof BackendError) return replyToFault(error.detail.fault, 'queued', error);
  throw error;
}
