// From what was received to what should be done: everything between the parser and the first byte to a
// backend. Pure but for the memory it reads; nothing here waits.

import type { Received } from '../backend/backend.ts';
import type { Candidate } from '../router/candidate.ts';
import { classify } from '../router/classify.ts';
import { decide } from '../router/decide.ts';
import type { Classification, Decision, Refusal, Task } from '../router/decision.ts';
import { kindOf } from '../router/kind.ts';
import type { Kind } from '../router/outcome.ts';
import { type Override, readOverride } from '../router/override.ts';
import { readTurn, type TurnEvidence } from '../router/turn.ts';
import { type Caller, readCaller } from '../wire/caller.ts';
import { type Segment, segments } from '../wire/fingerprint.ts';
import type { Conversation, WireRequest } from '../wire/message.ts';
import { normalise } from '../wire/normalise.ts';
import { parseJson, parseRequest } from '../wire/parse.ts';
import type { Deps } from './deps.ts';

export type Admitted = {
  readonly received: Received;
  readonly request: WireRequest;
  readonly caller: Caller;
  readonly kind: Kind;
  readonly override?: Override;
};

/** Throws WireError where the request cannot be read. */
export function admit(received: Received, { config, claude }: Pick<Deps, 'config' | 'claude'>): Admitted {
  const backends = [...Object.keys(config.backends), claude.name];
  const request = parseRequest(parseJson(received.body));
  const caller = readCaller(received.headers, request);
  const override = readOverride({ caller, request, backends });
  return {
    received,
    request,
    caller,
    kind: kindOf(request, caller),
    ...(override === undefined ? {} : { override }),
  };
}

/** True where a person asked for the Claude API: then the daemon only passes bytes on. */
export function goesToClaude({ override }: Admitted, { config, claude }: Deps): boolean {
  if (override) return 'backend' in override && override.backend === claude.name;
  return config.mode === 'claude';
}

export type Plan = {
  readonly conversation: Conversation;
  readonly segments: readonly Segment[];
  /** Estimate. */
  readonly promptTokens: number;
  readonly turn: TurnEvidence;
  readonly classification: Classification;
  readonly decision: Decision | Refusal;
};

export function makePlan({ request, caller, kind, override }: Admitted, deps: Deps): Plan {
  const conversation = normalise(request);
  const parts = segments(conversation);
  const turn = readTurn(request, caller);
  deps.memory.observeToolResults(turn.toolRuns, deps.clock.wall());
  const classification = classify(turn, override && 'route' in override ? override.route : undefined);
  const sticky = deps.memory.stickyFor(turn);
  const promptTokens = deps.estimator.estimate(modelFor(classification.task, deps), parts);
  const decision = decide({
    mode: deps.config.mode,
    kind,
    classification,
    candidates: candidates(deps, turn, request.model),
    routes: deps.config.routes,
    insideToolLoop: turn.insideToolLoop,
    needs: { promptTokens, images: conversation.hasImages, forcedTool: isForced(conversation) },
    allowCloud: deps.config.allowCloud,
    ...(override && { override }),
    ...(sticky && { sticky }),
  });
  return { conversation, segments: parts, promptTokens, turn, classification, decision };
}

/** Tokens of the prompt, for the model that analysis goes to. */
export function estimatePrompt(request: WireRequest, deps: Deps): number {
  return deps.estimator.estimate(modelFor('analysis', deps), segments(normalise(request)));
}

/** The estimate is learned per model; before the decision the task's own backend is the likely one. */
function modelFor(task: Task, { config, fleet }: Deps): string {
  const member = fleet.member(config.routes[task]);
  return member ? member.model(fleet.status(member.name)) : '';
}

function candidates(
  { fleet, claude, memory, clock }: Deps,
  turn: TurnEvidence,
  requestedModel: string,
): Candidate[] {
  const local = fleet.candidates().map((candidate) => {
    const editsFailing = memory.editsFailing(candidate.name, turn, clock.wall());
    return editsFailing === undefined ? candidate : { ...candidate, editsFailing };
  });
  // Its bytes pass unchanged, the model's name among them.
  return [...local, { name: claude.name, model: requestedModel, state: 'unknown', isCloud: true }];
}

function isForced({ toolChoice }: Conversation): boolean {
  return toolChoice.kind === 'any' || toolChoice.kind === 'tool';
}
