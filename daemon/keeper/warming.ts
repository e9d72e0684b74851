// The front of a project (system prompt, tools, its rules) on the servers that its sessions go to: what is lost when a
// server is restarted, and what each new session begins with.

import { tokensOf } from '../../router/observation.ts';
import { keep } from '../../wire/bounded.ts';
import { projectFront } from '../../wire/opening.ts';
import type { KeeperDeps } from './keeper.ts';
import { followsTasks } from './pause.ts';
import type { PrefillJob } from './prefill.ts';
import type { KeptPrompt } from './prompts.ts';
import { chainOf } from './step.ts';

export type Warming = {
  /** Every project that is known, on every backend that it may go to. */
  all(): readonly PrefillJob[];
  /** Those fronts of projects in use that a server once held and has lost. */
  lost(nowMs: number): readonly PrefillJob[];
};

const IN_USE_MS = 8 * 60 * 60_000;
const MOST_FRONTS = 256;
const HELD_SHARE = 0.9;
const BELIEVED = 0.5;

type WarmingDeps = Pick<KeeperDeps, 'config' | 'fleet' | 'memory' | 'estimator' | 'prompts'>;

export function createWarming(deps: WarmingDeps): Warming {
  /** By backend and front: it was there. */
  const wasHeld = new Map<string, true>();

  function isLost({ backend, model, conversation }: PrefillJob, nowMs: number): boolean {
    const chain = chainOf(conversation, model, deps);
    const key = `${backend} ${chain.at(-1)?.hash}`;
    const { tokens, warm } = deps.memory.match(backend, chain, nowMs);
    const heldShare = tokens / Math.max(1, tokensOf(chain));
    if (heldShare >= HELD_SHARE && warm >= BELIEVED) keep(wasHeld, MOST_FRONTS, key, true);
    return heldShare * warm < BELIEVED && wasHeld.has(key);
  }

  return {
    all: () => deps.prompts.projects().flatMap((prompt) => jobsFor(prompt, deps)),
    lost: (nowMs) =>
      deps.prompts
        .projects()
        .filter(({ endedAtMs }) => nowMs - endedAtMs < IN_USE_MS)
        .flatMap((prompt) => jobsFor(prompt, deps).filter((job) => isLost(job, nowMs))),
  };
}

function jobsFor(
  { conversation, project }: KeptPrompt,
  { config, fleet }: WarmingDeps,
): readonly PrefillJob[] {
  const backends = followsTasks(config) ? [...new Set(Object.values(config.routes))] : [config.mode];
  return backends.flatMap((backend): readonly PrefillJob[] => {
    const member = fleet.member(backend);
    if (member === undefined) return [];
    return [
      {
        ...{ purpose: 'warm', backend, model: member.model(fleet.status(backend)) },
        conversation: projectFront(conversation),
        ...(project !== undefined && { project }),
      },
    ];
  });
}
