// The front of a project (system prompt, tools, its rules) on the servers that its sessions go to: what is lost when a
// server is restarted, what each new session begins with, and what was kept of former days.

import { type Chain, tokensOf } from '../../router/observation.ts';
import { keep } from '../../wire/bounded.ts';
import type { Conversation } from '../../wire/message.ts';
import { projectFront } from '../../wire/opening.ts';
import type { KeeperDeps } from './keeper.ts';
import { followsTasks } from './pause.ts';
import type { PrefillJob } from './prefill.ts';
import type { ProjectPrompt } from './prompts.ts';
import { chainOf } from './step.ts';

export type Warming = {
  /** Every project that is known, on every backend that it may go to. */
  all(): readonly PrefillJob[];
  /** Those fronts that a server once had, today or before this start, and has not now; the one used last first. */
  lost(nowMs: number): readonly PrefillJob[];
  /** A job has failed: one that fails again and again is left until the server is another one. */
  failed(job: PrefillJob): void;
};

const RECENT_MS = 14 * 24 * 60 * 60_000;
/** Each takes a place in a server's cache, which holds some ten conversations in all. */
const PROJECTS_PER_BACKEND = 5;
/** Less is computed as fast as it is asked for. */
const LEAST_TOKENS = 128;
const BELIEVED = 0.5;
const MOST_FRONTS = 256;
const MOST_FAILURES = 3;

type WarmingDeps = Pick<KeeperDeps, 'config' | 'fleet' | 'memory' | 'estimator' | 'prompts' | 'isRestored'>;

export function createWarming(deps: WarmingDeps): Warming {
  const { memory, prompts, isRestored = () => false } = deps;
  const frontOf = createFronts(deps);
  /** By backend and front: it was found there, whoever had it computed. */
  const wasFound = new Map<string, true>();
  /** By the same, and by the life of the server. */
  const failures = new Map<string, number>();
  const lifeOf = (backend: string, chain: Chain) =>
    `${keyOf(backend, chain)} ${memory.serverOf(backend).epoch}`;

  /** That a server is merely doubted is no loss: or a quiet night would be spent on what nobody has taken away. */
  function isHeld(backend: string, { chain }: Front, nowMs: number): boolean {
    const { tokens, warm } = memory.match(backend, chain, nowMs);
    const isThere = tokensOf(chain) - tokens < LEAST_TOKENS;
    if (isThere && warm >= BELIEVED) keep(wasFound, MOST_FRONTS, keyOf(backend, chain), true);
    return isThere;
  }

  function lostOn(backend: string, recent: readonly ProjectPrompt[], nowMs: number): readonly Due[] {
    if (isRestored(backend)) return [];
    const known = recent.map((prompt) => ({ prompt, isThere: isHeld(backend, frontOf(prompt), nowMs) }));
    const had = known.filter(
      ({ prompt }) =>
        prompt.backends.includes(backend) || wasFound.has(keyOf(backend, frontOf(prompt).chain)),
    );
    return had.slice(0, PROJECTS_PER_BACKEND).flatMap(({ prompt, isThere }, at, all): readonly Due[] => {
      const { chain } = frontOf(prompt);
      if (isThere || (failures.get(lifeOf(backend, chain)) ?? 0) >= MOST_FAILURES) return [];
      return [{ prompt, backend, newer: all.slice(0, at).map((one) => one.prompt) }];
    });
  }

  function jobOf({ prompt, backend, newer }: Due, purpose: 'warm' | 'restore'): readonly PrefillJob[] {
    const member = deps.fleet.member(backend);
    if (member === undefined) return [];
    const { project } = prompt;
    return [
      {
        ...{ purpose, backend, model: member.model(deps.fleet.status(backend)) },
        conversation: frontOf(prompt).conversation,
        keeps: newer.map(frontOf),
        ...(project !== undefined && { project }),
      },
    ];
  }

  return {
    all: () =>
      byUse(prompts.projects()).flatMap((prompt, at, all) =>
        backendsOf(deps).flatMap((backend) => jobOf({ prompt, backend, newer: all.slice(0, at) }, 'warm')),
      ),
    lost(nowMs) {
      const recent = byUse(prompts.projects()).filter(({ endedAtMs }) => nowMs - endedAtMs < RECENT_MS);
      const due = backendsOf(deps).flatMap((backend) => lostOn(backend, recent, nowMs));
      return due
        .toSorted((a, b) => b.prompt.endedAtMs - a.prompt.endedAtMs)
        .flatMap((one) => jobOf(one, one.prompt.source === 'disk' ? 'restore' : 'warm'));
    },
    failed({ backend, conversation, model }) {
      const life = lifeOf(backend, chainOf(conversation, model, deps));
      keep(failures, MOST_FRONTS, life, (failures.get(life) ?? 0) + 1);
    },
  };
}

type Due = {
  readonly prompt: ProjectPrompt;
  readonly backend: string;
  /** Projects that were used after it, and that it must not push out. */
  readonly newer: readonly ProjectPrompt[];
};

function backendsOf({ config }: WarmingDeps): readonly string[] {
  return followsTasks(config) ? [...new Set(Object.values(config.routes))] : [config.mode];
}

function byUse(projects: readonly ProjectPrompt[]): readonly ProjectPrompt[] {
  return projects.toSorted((a, b) => b.endedAtMs - a.endedAtMs);
}

function keyOf(backend: string, chain: Chain): string {
  return `${backend} ${chain.at(-1)?.hash}`;
}

type Front = { readonly conversation: Conversation; readonly chain: Chain };

/** Each is hashed once: the clock asks for all of them again and again. */
function createFronts(deps: WarmingDeps): (prompt: ProjectPrompt) => Front {
  const fronts = new WeakMap<Conversation, Front>();
  return ({ conversation: whole, model }) => {
    const known = fronts.get(whole);
    if (known !== undefined) return known;
    const conversation = projectFront(whole);
    const front = { conversation, chain: chainOf(conversation, model, deps) };
    fronts.set(whole, front);
    return front;
  };
}
