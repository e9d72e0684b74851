// POST /v1/messages/count_tokens. Claude Code sends up to 27 of these at once and must never cause a
// generation: the backend's own tokenizer answers where it has one, else the estimate does.

import type { ServerResponse } from 'node:http';
import type { Received } from '../backend/backend.ts';
import { WireError } from '../wire/error.ts';
import { segments } from '../wire/fingerprint.ts';
import type { Conversation } from '../wire/message.ts';
import { normalise } from '../wire/normalise.ts';
import type { Deps } from './deps.ts';
import { watchClient } from './pass.ts';
import { admit, goesToClaude } from './plan.ts';
import { forwardToClaude } from './relay.ts';
import { replyToWireError } from './reply.ts';
import { sendError, sendJson } from './sink.ts';

export async function countTokens(deps: Deps, received: Received, response: ServerResponse): Promise<void> {
  const watch = watchClient(response, deps.stopping);
  try {
    const admitted = admit(received, deps);
    if (goesToClaude(admitted, deps)) {
      await forwardToClaude(deps, { received, response, signal: watch.signal });
      return;
    }
    const conversation = normalise(admitted.request);
    const input_tokens = await count(deps, conversation, watch.signal);
    sendJson(response, { status: 200, body: { input_tokens } });
  } catch (error) {
    if (watch.signal.aborted) return;
    if (!(error instanceof WireError)) throw error;
    sendError(response, deps.newRequestId(), replyToWireError(error));
  } finally {
    watch.stop();
  }
}

/** Counted by the first backend in route order that is up and can count, estimated where none can. */
async function count(deps: Deps, conversation: Conversation, signal: AbortSignal): Promise<number> {
  const { routes } = deps.config;
  const names = [routes.analysis, routes.edit];
  const up = names
    .flatMap((name) => deps.fleet.member(name) ?? [])
    .filter((member) => {
      return deps.fleet.status(member.name).state === 'up';
    });
  const first = up[0] ?? deps.fleet.members[0];
  if (!first) return deps.estimator.estimate('', segments(conversation));

  const model = first.model(deps.fleet.status(first.name));
  const counted = await first.backend.countTokens?.(conversation, model, signal);
  return counted ?? deps.estimator.estimate(model, segments(conversation));
}
