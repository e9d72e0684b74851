// The plan of a pause, out of what the daemon knows: which conversations wait, and which backends stand by.

import { planCatchUp, type Resting, type Standby } from '../../router/catch-up.ts';
import type { Task } from '../../router/decision.ts';
import { sessionKey } from '../../router/sessions.ts';
import type { Config } from '../config/config.ts';
import type { KeeperDeps } from './keeper.ts';
import type { PrefillJob } from './prefill.ts';
import { type KeptPrompt, mayGoOn } from './prompts.ts';

const FOLLOWS_TASKS: ReadonlySet<string> = new Set(['auto', 'task', 'shadow']);
const TASKS = ['analysis', 'edit'] as const satisfies readonly Task[];

/** Why pauses are never used with this configuration, in one clause. */
export function whyOff({ catchUp, mode }: Config): string | undefined {
  if (!catchUp.enabled) return 'catchUp.enabled is false in the configuration';
  if (mode === 'claude') return 'mode claude uses no local backend';
  return undefined;
}

/** Whether the mode lets a conversation go from one backend to another. */
export function followsTasks({ mode }: Config): boolean {
  return FOLLOWS_TASKS.has(mode);
}

/** The most useful first. */
export function planPause(deps: KeeperDeps, nowMs: number): readonly PrefillJob[] {
  if (!followsTasks(deps.config)) return [];
  const waiting = deps.prompts.active(nowMs).filter(waits);
  const planned = planCatchUp({
    resting: waiting.map(toResting),
    standbys: standbys(deps, nowMs),
    limits: deps.limits,
    nowMs,
  });
  return planned.flatMap(({ key, backend, model }) => {
    const prompt = waiting.find((one) => sessionKey(one) === key);
    return prompt === undefined ? [] : [toJob(prompt, { backend, model })];
  });
}

function waits(prompt: KeptPrompt): boolean {
  return prompt.endsTurn && mayGoOn(prompt);
}

function toResting(prompt: KeptPrompt): Resting {
  const { chain, backend, endedAtMs } = prompt;
  return { key: sessionKey(prompt), chain, backend, endedAtMs };
}

function toJob(
  { conversation, sessionId, agentId, project }: KeptPrompt,
  { backend, model }: { readonly backend: string; readonly model: string },
): PrefillJob {
  return {
    ...{ purpose: 'catch-up', backend, model, conversation },
    ...(sessionId !== undefined && { sessionId }),
    ...(agentId !== undefined && { agentId }),
    ...(project !== undefined && { project }),
  };
}

function standbys({ config, fleet, memory, cacheUse }: KeeperDeps, nowMs: number): readonly Standby[] {
  const { editTurns } = memory.habits;
  const share = { analysis: 1 - editTurns, edit: editTurns };
  return [...new Set(TASKS.map((task) => config.routes[task]))].flatMap((backend): readonly Standby[] => {
    const member = fleet.member(backend);
    const status = fleet.status(backend);
    if (member === undefined || status.state !== 'up' || status.loaded === false) return [];
    const model = member.model(status);
    const server = memory.serverOf(backend);
    const tasks = TASKS.filter((task) => config.routes[task] === backend);
    return [
      {
        ...{ backend, model, flavour: server.flavour, speed: memory.speed(backend) },
        cacheUse: cacheUse(backend, model),
        ...(status.contextWindow !== undefined && { contextWindow: status.contextWindow }),
        nextTurnShare: tasks.reduce((sum, task) => sum + share[task], 0),
        match: (chain) => memory.match(backend, chain, nowMs),
        room: (chains) => server.room(chains),
      },
    ];
  });
}
