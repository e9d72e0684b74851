// What the router's memory learns of one attempt at a backend, made of the frames that went by.

import type { BackendError } from '../backend/backend.ts';
import type { Target } from '../router/decision.ts';
import type { Observation } from '../router/observation.ts';
import { isEditTool } from '../router/turn.ts';
import { watchCache } from './cache-lesson.ts';
import type { Pass } from './pass.ts';
import type { Plan } from './plan.ts';

export type AttemptTimes = {
  /** Monotonic time at which the attempt began. */
  readonly startedMs: number;
  readonly queueMs?: number | undefined;
};

export type AttemptEnd = { readonly ending: Observation['ending']; readonly error?: BackendError };

/** Tells memory that the request is on its way, so that the next one knows of the queue. */
export function takeOff({ deps, draft }: Pass, plan: Plan, { backend }: Target): void {
  const cost = costOf(plan, backend);
  if (cost === undefined) return;
  const { prefill: prefillSeconds, decode: decodeSeconds } = cost.parts;
  const flight = { id: draft.requestId, prefillSeconds, decodeSeconds };
  deps.memory.began(backend, flight, deps.clock.wall());
}

/** Ends what `takeOff` began and hands on what was seen. */
export function land(
  { pass, plan, target }: { readonly pass: Pass; readonly plan: Plan; readonly target: Target },
  times: AttemptTimes,
  end: AttemptEnd,
): void {
  const { deps, draft } = pass;
  const { backend } = target;
  if (backend === deps.claude.name) return;
  deps.memory.landed(backend, draft.requestId);
  const seen: Observation = {
    backend,
    chain: plan.chain,
    turn: plan.turn,
    task: plan.classification.task,
    ...(plan.loaded.get(backend) === false && { loadedModel: true }),
    ...(end.error && { fault: end.error.detail.fault }),
    ending: end.ending,
    ...figures(pass, times),
  };
  const settleCache = watchCache(pass, plan, seen);
  const inferred = deps.memory.observe(seen, deps.clock.wall());
  if (inferred !== undefined && end.ending === 'completed') {
    draft.known.inferredCachedTokens = inferred.cachedTokens;
  }
  settleCache(inferred?.cachedTokens);
}

function figures({ deps, tally }: Pass, { startedMs, queueMs = 0 }: AttemptTimes): Partial<Observation> {
  const { cache, usage, firstTokenAtMs, toolCalls } = tally;
  return {
    queueMs,
    ...(cache.promptTokens !== undefined && { promptTokens: cache.promptTokens }),
    ...(cache.evidence !== 'none' && { cachedTokens: cache.cachedTokens }),
    ...(usage?.outputTokens !== undefined && { outputTokens: usage.outputTokens }),
    ...(firstTokenAtMs !== undefined && {
      ttftMs: Math.max(0, firstTokenAtMs - startedMs - queueMs),
      decodeMs: deps.clock.now() - firstTokenAtMs,
    }),
    editCalls: toolCalls.filter(({ name }) => isEditTool(name)).length,
  };
}

function costOf({ decision }: Plan, backend: string) {
  if ('refused' in decision) return undefined;
  const { predicted, alternatives = [] } = decision;
  return [...(predicted ? [predicted] : []), ...alternatives].find((cost) => cost.backend === backend);
}
