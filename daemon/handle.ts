// The one pass: what was received → what it is → where it goes → the answer → one Outcome.
//
// `handle` never rejects. Whatever happens, the client gets exactly one ending and the record exactly one row.

import type { ServerResponse } from 'node:http';
import type { Received } from '../backend/backend.ts';
import type { Ending } from '../router/outcome.ts';
import type { StartedRequest } from '../store/row.ts';
import { WireError } from '../wire/error.ts';
import type { Frame } from '../wire/frame.ts';
import { answerLocally } from './answers.ts';
import { toClaude } from './cloud.ts';
import type { Deps } from './deps.ts';
import { createDraft, type Draft, whoSent } from './draft.ts';
import { openSink, type Pass, passHeaders, watchClient } from './pass.ts';
import { type Admitted, admit, estimatePrompt, goesToClaude, makePlan, type Plan } from './plan.ts';
import { recheckFor } from './recheck.ts';
import { recordedRefusal } from './recorded.ts';
import { relayToClaude } from './relay.ts';
import { replyToFault, replyToWireError } from './reply.ts';
import { refuse, serve } from './serve.ts';
import { sendError } from './sink.ts';
import { createTally } from './tally.ts';

export async function handle(deps: Deps, received: Received, response: ServerResponse): Promise<void> {
  const draft = createDraft(deps.newRequestId(), received.body.length, deps.clock);
  const tally = createTally();
  deps.live.follow(draft, tally);
  const watch = watchClient(response, deps.stopping);
  const way: Way = { deps, received, draft, tally, response, signal: watch.signal };
  let ending: Ending;
  try {
    ending = await begin(way);
  } catch (error) {
    ending = endWithError(way, error);
  } finally {
    watch.stop();
  }
  draft.known.httpStatus = response.headersSent ? response.statusCode : 0;
  deps.record(draft.finish(ending, tally));
}

const NO_SAFEGUARDS =
  'Claude Code runs in auto mode, whose safety check only the Claude API can give: it will refuse each command. ' +
  'Start it in another permission mode, for example --permission-mode acceptEdits.';

type Way = Omit<Pass, 'admitted'> & { readonly received: Received };

async function begin(way: Way): Promise<Ending> {
  const { deps, received, draft } = way;
  if (deps.draining()) return sayDraining(way);
  let admitted: Admitted;
  try {
    admitted = admit(received, deps);
  } catch (error) {
    // The Claude API may know what this version of the daemon does not: its bytes pass unread.
    if (deps.config.mode === 'claude' && error instanceof WireError) return relayToClaude(way);
    throw error;
  }
  noteWho(draft, admitted);
  deps.begin(startedRow(draft));
  return answer({ ...way, admitted });
}

async function answer(pass: Pass & Way): Promise<Ending> {
  const { admitted, deps, draft } = pass;
  if (goesToClaude(admitted, deps)) return relayToClaude({ ...pass, ...toClaude(admitted, deps) });

  if (admitted.request.hasSafeguards) deps.note(NO_SAFEGUARDS);
  const own = answerLocally(admitted, {
    requestId: draft.requestId,
    // Old clients send a one-token probe in place of a count and read the answer's usage.
    ...(admitted.kind === 'probe' && { inputTokens: estimatePrompt(admitted.request, deps) }),
  });
  if (own) return answerHere(pass, own);

  const firstPlan = makePlan(admitted, deps);
  const plan = (await recheckFor(firstPlan, deps)) ? makePlan(admitted, deps) : firstPlan;
  draft.known.classification = plan.classification;
  draft.known.classifyMs = plan.classifyMs;
  draft.known.turnId = plan.turn.turnId;
  draft.known.estimatedPromptTokens = plan.promptTokens;
  const ending = await serveOrRefuse(pass, plan);
  // The record alone asks for it, and nobody waits for that.
  draft.known.signals = plan.signals();
  return ending;
}

async function serveOrRefuse(pass: Pass, plan: Plan): Promise<Ending> {
  if ('refused' in plan.decision) return refuse(pass, plan.decision);
  pass.draft.known.decision = plan.decision;
  return serve(pass, plan, plan.decision);
}

async function answerHere(pass: Pass, frames: readonly Frame[]): Promise<Ending> {
  const sink = openSink(pass, 0);
  sink.begin({ ...passHeaders(pass, 'daemon'), 'x-anyclaude-reason': 'answered-here' });
  for (const frame of frames) {
    pass.tally.see(frame, pass.deps.clock.now());
    await sink.write(frame);
  }
  sink.close();
  pass.draft.known.bytesOut = sink.bytesOut;
  return { result: 'completed' };
}

function sayDraining({ draft, response }: Way): Ending {
  const message = 'anyclaude is shutting down; try again in a moment.';
  const reply = replyToFault('draining', 'queued', { message });
  draft.known.bytesOut = sendError(response, draft.requestId, reply);
  return { result: 'failed', phase: 'queued', fault: 'draining' };
}

function startedRow({ requestId, startedAtMs, known }: Draft): StartedRequest {
  const { kind, requestedModel, stream, caller, turnId } = known;
  const turn = turnId === undefined ? {} : { turnId };
  return { requestId, startedAtMs, kind, requestedModel, stream, ...turn, ...whoSent(caller) };
}

function noteWho(draft: Draft, { request, caller, kind }: Admitted): void {
  Object.assign(draft.known, { kind, caller, requestedModel: request.model, stream: request.stream });
  // What goes to the Claude API is not looked into; its turn is known where the client names it.
  if (caller.promptId !== undefined) draft.known.turnId = caller.promptId;
}

/** The ending of a request that never reached a backend: it could not be read, or we have a bug. */
function endWithError({ deps, draft, response, signal }: Way, error: unknown): Ending {
  if (signal.aborted) return { result: 'cancelled', phase: draft.phase };
  if (error instanceof WireError) {
    draft.known.message = recordedRefusal(error.message);
    draft.known.bytesOut = sendError(response, draft.requestId, replyToWireError(error));
    return { result: 'refused', refusal: 'bad-request' };
  }
  deps.logError(error, draft.requestId);
  const reply = replyToFault('internal', draft.phase, {
    message: 'anyclaude failed on this request; its log has the reason.',
  });
  if (response.headersSent) response.destroy();
  else draft.known.bytesOut = sendError(response, draft.requestId, reply);
  return { result: 'failed', phase: draft.phase, fault: 'internal' };
}
