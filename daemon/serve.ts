// Tries the targets of a decision in their order until one has answered. A target that fails before the
// first content frame is left for the next one and the client never notices; after it, a failure is told.

import { type Backend, BackendError } from '../backend/backend.ts';
import type { Decision, Refusal, Target } from '../router/decision.ts';
import type { Attempt, Ending } from '../router/outcome.ts';
import type { StreamItem } from '../wire/frame.ts';
import { toClaude } from './cloud.ts';
import type { Known } from './draft.ts';
import { promptOf } from './keeper/prompts.ts';
import { type AttemptEnd, land, takeOff } from './lesson.ts';
import { neighbours } from './neighbours.ts';
import { openSink, type Pass, passHeaders } from './pass.ts';
import type { Plan } from './plan.ts';
import { recordedFailure } from './recorded.ts';
import { relayToClaude } from './relay.ts';
import { type ErrorReply, replyToFault, STOPPED } from './reply.ts';
import { type Sink, sendError } from './sink.ts';

type Run = { readonly pass: Pass; readonly plan: Plan; readonly decision: Decision; readonly sink: Sink };

export async function serve(pass: Pass, plan: Plan, decision: Decision): Promise<Ending> {
  const sink = openSink(pass, plan.promptTokens);
  // At once, so that a concurrent request of the same turn goes the same way.
  rememberTurn({ pass, plan }, decision.targets[0].backend);
  pass.draft.known.overheadMs = pass.deps.clock.now() - pass.draft.arrivedMs;
  try {
    return await tryTargets({ pass, plan, decision, sink });
  } finally {
    sink.close();
    if (sink.bytesOut > 0) pass.draft.known.bytesOut = sink.bytesOut;
  }
}

async function tryTargets(run: Run): Promise<Ending> {
  const { pass, decision, sink } = run;
  const failures: BackendError[] = [];
  for (const target of decision.targets) {
    // As long as nothing was sent, the Claude API's answer passes as it is, status and headers included.
    if (target.backend === pass.deps.claude.name && !pass.response.headersSent) {
      sink.close();
      return relayToClaude({ ...pass, ...toClaude(pass.admitted, pass.deps) });
    }
    const failure = await tryTarget(run, target);
    if (failure === undefined) return { result: 'completed' };
    if (pass.signal.aborted) return endAborted(run);
    failures.push(failure);
    if (sink.contentSent || !mayTryNext(failures)) break;
  }
  return tellFailure(run, failures);
}

/** Undefined where the target answered. Anything but a BackendError is a bug of ours and goes up. */
async function tryTarget(run: Run, target: Target): Promise<BackendError | undefined> {
  const { pass, sink } = run;
  const { deps, draft, tally } = pass;
  const startedMs = deps.clock.now();
  draft.phase = 'queued';
  draft.known.answeredBy = target.backend;
  draft.known.model = target.model;
  delete draft.known.queueMs;
  tally.restart();
  sink.begin(replyHeaders(run, target));
  takeOff(pass, run.plan, target);
  const ended = (end: AttemptEnd) =>
    land({ pass, plan: run.plan, target }, { startedMs, queueMs: draft.known.queueMs }, end);
  try {
    await relay(run, target);
    ended({ ending: 'completed' });
    noteSuccess(run, target);
    return undefined;
  } catch (error) {
    const isOurs = error instanceof BackendError && !pass.signal.aborted;
    ended(isOurs ? { ending: 'failed', error } : { ending: 'cancelled' });
    if (pass.signal.aborted)
      return new BackendError({ fault: 'internal', backend: target.backend }, 'aborted');
    if (!(error instanceof BackendError)) throw error;
    noteFailure(run, target, { error, durationMs: deps.clock.now() - startedMs });
    return error;
  }
}

async function relay({ pass, plan, sink }: Run, { backend: name, model }: Target): Promise<void> {
  const { deps, draft, tally, admitted, signal } = pass;
  const backend = backendCalled(deps, name);
  const opened = await backend.open(
    {
      conversation: plan.conversation,
      received: name === deps.claude.name ? toClaude(admitted, deps).received : admitted.received,
      model,
      requestedModel: admitted.request.model,
      promptTokens: plan.promptTokens,
      ...neighbours(pass, plan, name),
      onTranslated: (tookMs) => noteTranslation(draft.known, tookMs),
      onAdmitted: () => {
        draft.phase = 'before-first-token';
      },
    },
    signal,
  );
  draft.known.queueMs = opened.queueMs;
  for await (const item of opened.items) {
    tally.see(item, deps.clock.now());
    if (isNote(item)) continue;
    await sink.write(item);
    signal.throwIfAborted();
    if (sink.contentSent) draft.phase = 'mid-stream';
  }
}

/** Once a backend that is tried: the client waits for each. */
function noteTranslation(known: Known, tookMs: number): void {
  known.translateMs = (known.translateMs ?? 0) + tookMs;
  known.overheadMs = (known.overheadMs ?? 0) + tookMs;
}

function backendCalled({ fleet, claude }: Pass['deps'], name: string): Backend {
  const backend = name === claude.name ? claude : fleet.member(name)?.backend;
  if (!backend) throw new Error(`The decision names ${name}, which is no backend`);
  return backend;
}

function isNote(item: StreamItem): item is Extract<StreamItem, { type: 'progress' | 'usage' | 'alive' }> {
  return item.type === 'progress' || item.type === 'usage' || item.type === 'alive';
}

function replyHeaders({ pass, decision }: Run, target: Target): Record<string, string> {
  return {
    ...passHeaders(pass, target.backend),
    'x-anyclaude-task': pass.draft.known.classification?.task ?? 'analysis',
    'x-anyclaude-reason': decision.reason,
  };
}

function noteSuccess({ pass, plan }: Run, { backend, model }: Target): void {
  const { deps, tally } = pass;
  if (backend === deps.claude.name) return;
  deps.fleet.succeeded(backend);
  rememberTurn({ pass, plan }, backend);
  for (const call of tally.toolCalls) deps.memory.rememberToolUse(call.id, backend, call.name);
  const promptTokens = tally.usage?.promptTokens;
  if (promptTokens !== undefined) deps.estimator.learn(model, plan.segments, promptTokens);
  const prompt = promptOf(pass, plan, { backend, model });
  if (prompt) deps.prompts.keep(prompt);
}

function rememberTurn({ pass: { deps }, plan }: Pick<Run, 'pass' | 'plan'>, backend: string): void {
  deps.memory.rememberTurn(plan.turn, { backend, task: plan.classification.task }, deps.clock.wall());
}

function noteFailure(
  { pass }: Run,
  { backend }: Target,
  { error, durationMs }: { error: BackendError; durationMs: number },
): void {
  const { deps, draft } = pass;
  const { fault, httpStatus } = error.detail;
  if (fault === 'bad-tool-call') draft.known.invalidToolCalls += 1;
  draft.attempts.push({
    backend,
    fault,
    phase: draft.phase,
    ...(httpStatus !== undefined && { httpStatus }),
    message: recordedFailure(error),
    durationMs,
  } satisfies Attempt);
  if (backend !== deps.claude.name) deps.fleet.failed(backend, fault, error.message);
}

/** A tool call that came out broken gets one more try in all: a second model that breaks it will go on doing so. */
function mayTryNext(failures: readonly BackendError[]): boolean {
  return failures.filter((failure) => failure.detail.fault === 'bad-tool-call').length < 2;
}

function endAborted({ pass, sink }: Run): Ending {
  const { deps, draft } = pass;
  if (!deps.stopping.aborted) return { result: 'cancelled', phase: draft.phase };
  draft.known.message = STOPPED;
  sink.fail(replyToFault('draining', draft.phase, { message: STOPPED }));
  return { result: 'failed', phase: draft.phase, fault: 'draining' };
}

function tellFailure({ pass, sink }: Run, failures: readonly BackendError[]): Ending {
  const { draft, deps } = pass;
  const told = worthTelling(failures);
  const { fault, overflow } = told.detail;
  const message = sentence(failures, told, deps);
  draft.known.message = failures.map(recordedFailure).join(' ');
  sink.fail(replyToFault(fault, draft.phase, { message, overflow }));
  return { result: 'failed', phase: draft.phase, fault };
}

/** An overflow makes the client compact and go on, so it is told before anything else. */
function worthTelling(failures: readonly BackendError[]): BackendError {
  const overflow = failures.find((failure) => failure.detail.fault === 'overflow');
  const first = overflow ?? failures[0];
  if (!first) throw new Error('A decision without targets');
  return first;
}

function sentence(failures: readonly BackendError[], told: BackendError, { fleet }: Pass['deps']): string {
  if (told.detail.fault === 'overflow') return told.message;
  return failures
    .map((failure) => {
      const config = fleet.member(failure.detail.backend)?.config;
      const start = failure.detail.fault === 'connect' && config?.startCommand;
      return start ? `${failure.message} Start it with: ${start}` : failure.message;
    })
    .join(' ');
}

export function refuse(pass: Pass, refusal: Refusal): Ending {
  const { draft, response } = pass;
  draft.known.message = refusal.detail;
  draft.known.bytesOut = sendError(response, draft.requestId, refusalReply(refusal));
  return { result: 'refused', refusal: refusal.refused };
}

function refusalReply({ refused, detail, overflow }: Refusal): ErrorReply {
  switch (refused) {
    case 'overflow':
      return replyToFault('overflow', 'queued', { message: detail, overflow });
    case 'unsupported':
      return replyToFault('rejected', 'queued', { message: detail });
    case 'no-backend':
      return replyToFault('connect', 'queued', { message: detail });
    default:
      return refused satisfies never;
  }
}
