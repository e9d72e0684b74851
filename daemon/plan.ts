// From what was received to what should be done: everything between the parser and the first byte to a
// backend. Pure but for the memory it reads; nothing here waits.

import type { Received } from '../backend/backend.ts';
import type { Prompt } from '../router/breaks.ts';
import type { Candidate } from '../router/candidate.ts';
import { explainClassification } from '../router/classify.ts';
import { type Asked, type Cost, priceAll } from '../router/cost.ts';
import { decide } from '../router/decide.ts';
import type { Classification, Decision, Refusal, Task } from '../router/decision.ts';
import type { Watched } from '../router/guardian.ts';
import { kindOf } from '../router/kind.ts';
import { type Chain, tokensOf } from '../router/observation.ts';
import type { Kind, Signal } from '../router/outcome.ts';
import { type Override, readOverride } from '../router/override.ts';
import { readTurn, type TurnEvidence } from '../router/turn.ts';
import { parseJson } from '../wire/body.ts';
import { type Caller, readCaller } from '../wire/caller.ts';
import { type Segment, segments } from '../wire/fingerprint.ts';
import { refuseForbiddenKeys } from '../wire/forbidden-key.ts';
import type { Conversation, WireRequest } from '../wire/message.ts';
import { normalise } from '../wire/normalise.ts';
import { parseRequest } from '../wire/parse.ts';
import { cloudCandidate } from './cloud.ts';
import type { Deps } from './deps.ts';
import { crowding } from './neighbours.ts';

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
  const body = parseJson(received.body);
  refuseForbiddenKeys(received.body, body);
  const request = parseRequest(body);
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
  /** The segments as memory knows them. */
  readonly chain: Chain;
  /** Estimate. */
  readonly promptTokens: number;
  /** Whether the model of each backend is in memory; those that do not tell are not in it. */
  readonly loaded: ReadonlyMap<string, boolean>;
  /** The prompt as the next one of its conversation will be held against it. */
  readonly watched: Watched;
  readonly turn: TurnEvidence;
  readonly classification: Classification;
  /** How long that took. */
  readonly classifyMs: number;
  /** What weighed most in it, without a word of the prompt; found when it is asked for. */
  readonly signals: () => readonly Signal[];
  readonly decision: Decision | Refusal;
};

export function makePlan(admitted: Admitted, deps: Deps): Plan {
  const { request, caller, kind, override } = admitted;
  const conversation = normalise(request);
  const parts = segments(conversation);
  const turn = readTurn(request, caller);
  deps.memory.observeToolResults(turn.toolRuns, deps.clock.wall());
  const asked = override && 'route' in override ? override.route : undefined;
  const classifiedFromMs = deps.clock.now();
  const { classification, signals } = explainClassification(turn, asked);
  const classifyMs = deps.clock.now() - classifiedFromMs;
  const sticky = deps.memory.stickyFor(turn);
  const last = deps.memory.lastOf(turn, deps.clock.wall());
  const chain = chainOf(parts, modelFor(classification.task, deps), deps);
  const promptTokens = Math.max(1, Math.round(tokensOf(chain)));
  const choices = [...localCandidates(deps, { turn, kind, chain }), cloudCandidate(admitted, deps)];
  const decision = decide({
    mode: deps.config.mode,
    kind,
    classification,
    candidates: choices,
    costs: price(choices, { chain, promptTokens, classification, turn, kind }, deps),
    routes: deps.config.routes,
    insideToolLoop: turn.insideToolLoop,
    needs: { promptTokens, images: conversation.hasImages, forcedTool: isForced(conversation) },
    allowCloud: deps.config.allowCloud,
    ...(override && { override }),
    ...(sticky && { sticky }),
    ...(last && { last }),
  });
  return {
    ...{ conversation, segments: parts, chain, promptTokens },
    ...{ loaded: loadedOf(choices), turn, classification, classifyMs, decision },
    watched: deps.guardian.watch({
      ...{ conversation: turn, kind, chain },
      isAside: caller.requestClass === 'auxiliary' || caller.requestClass === 'other',
      prompt: toPrompt(conversation, parts, request.model),
    }),
    signals,
  };
}

function loadedOf(choices: readonly Candidate[]): ReadonlyMap<string, boolean> {
  return new Map(
    choices.flatMap(({ name, isLoaded }) => (isLoaded === undefined ? [] : [[name, isLoaded] as const])),
  );
}

function toPrompt(
  { tools, messages }: Conversation,
  parts: readonly Segment[],
  requestedModel: string,
): Prompt {
  const openingParts = messages[0]?.parts.length ?? 0;
  return { segments: parts, tools, messages: messages.length, openingParts, requestedModel };
}

function chainOf(parts: readonly Segment[], model: string, { estimator }: Deps): Chain {
  const tokens = estimator.estimateEach(model, parts);
  return parts.map(({ hash }, at) => ({ hash, tokens: tokens[at] ?? 0 }));
}

type Priced = Pick<Plan, 'chain' | 'promptTokens' | 'classification' | 'turn'> & { readonly kind: Kind };

function price(
  choices: readonly Candidate[],
  { chain, promptTokens, classification, turn, kind }: Priced,
  { memory, config, clock }: Deps,
): readonly Cost[] {
  const { task, probability } = classification;
  const asked: Asked = {
    chain,
    promptTokens,
    editTurn: task === 'edit' ? probability : 1 - probability,
    earlierTurns: {
      count: turn.earlierTurns.length,
      edited: turn.earlierTurns.filter(({ edited }) => edited).length,
    },
    standsAlone: kind !== 'main' && kind !== 'subagent',
  };
  const settings = { routes: config.routes, preference: config.preference };
  return priceAll(choices, { asked, knowledge: memory, settings, nowMs: clock.wall() });
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

type Coming = Pick<Plan, 'turn' | 'chain'> & { readonly kind: Kind };

function localCandidates(deps: Deps, { turn, ...coming }: Coming): Candidate[] {
  const { fleet, memory, guardian, clock } = deps;
  const nowMs = clock.wall();
  return fleet.candidates().map((candidate) => {
    memory.met(candidate.name, fleet.status(candidate.name), nowMs);
    if (candidate.state === 'down') guardian.lost(candidate.name);
    const editsFailing = memory.editsFailing(candidate.name, turn, nowMs);
    const unsteady = memory.unsteady(candidate.name, nowMs);
    const crowds = crowding(deps, coming, candidate.name);
    return {
      ...candidate,
      ...(editsFailing && { editsFailing }),
      ...(unsteady && { unsteady }),
      ...(crowds && { crowding: crowds }),
    };
  });
}

function isForced({ toolChoice }: Conversation): boolean {
  return toolChoice.kind === 'any' || toolChoice.kind === 'tool';
}
