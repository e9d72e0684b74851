// The steps of one prefill, each cut by what is known of the server when its turn comes.

import { keepsSteps } from '../../router/capacity.ts';
import { cutsOf, type Standby, startOf, winsRoomBack, worthKeeping } from '../../router/catch-up.ts';
import { type Chain, tokensOf } from '../../router/observation.ts';
import { sessionKey } from '../../router/sessions.ts';
import { frontOf } from '../../wire/front.ts';
import type { Conversation } from '../../wire/message.ts';
import type { Member } from '../fleet.ts';
import { freshen } from './freshen.ts';
import { ON_BATTERY } from './power.ts';
import type { PrefillDeps, PrefillJob } from './prefill.ts';
import type { Progress } from './progress.ts';
import { type Kept, mayGoOn } from './prompts.ts';
import { chainOf, type Step, type StepReport, sendStep, tailOf } from './step.ts';

export type Run = {
  readonly deps: PrefillDeps;
  readonly job: PrefillJob;
  readonly member: Member;
  readonly progress: Progress;
  readonly stopping: AbortSignal;
};

/** What the steps that were answered came to. */
export type Sum = {
  steps: number;
  first?: StepReport;
  last?: StepReport;
  /** Undefined where a backend did not tell. */
  computedTokens: number | undefined;
};

export type End = { readonly result: 'completed' | 'cancelled' | 'failed'; readonly reason?: string };

const NO_TIME = 'the time for one pause was used up';
const NO_ROOM = 'its cache has no room';
const LOSES = 'its cache loses what it is given';

type Bounds = { readonly signal: AbortSignal; readonly untilMs: number };

/** Step by step to the end of the conversation, or as far as the server's cache has room. */
export async function walk(run: Run, sum: Sum, { signal, untilMs }: Bounds): Promise<End> {
  const { deps, job } = run;
  const route = routeOf(run);
  const send = (step: Step) => sendCounted({ deps, sum, signal }, step);
  let at = route.fromTokens;
  let room = deps.memory.serverOf(job.backend).room(worthKeeping(route.others));
  let entries = 0;
  let losses = 0;
  let mostTokens = Number.POSITIVE_INFINITY;
  while (at < route.toTokens) {
    const reason = await whyStop(run, untilMs);
    if (reason !== undefined) return { result: 'cancelled', reason };
    signal.throwIfAborted();
    if (room - entries < 1 && winsRoomBack(standbyOf(run), worthKeeping(route.others).length)) {
      room = await freshen(run, route.others, send);
      entries = 0;
    }
    const cut = nextCut(run, route, { at, room: room - entries, mostTokens });
    if (cut === undefined) return { result: 'completed', reason: NO_ROOM };
    const report = await send(stepTo(run, route, { at, cut }));
    if (keepsSteps(deps.memory.serverOf(job.backend).flavour)) entries += 1;
    if (report.result === 'lost') {
      losses += 1;
      if (losses > 1) return { result: 'failed', reason: LOSES };
      at = 0;
      continue;
    }
    noteStep(run, sum, report);
    // Whatever the speed was learned to be: the machine may be busy with something else just now.
    mostTokens = ((cut - at) * deps.limits.stepSeconds) / report.seconds;
    at = cut;
    run.progress.reached(job, route.chain, at, deps.memory.serverOf(job.backend).epoch);
  }
  return { result: 'completed' };
}

async function whyStop({ deps, job }: Run, untilMs: number): Promise<string | undefined> {
  if (deps.clock.now() > untilMs) return NO_TIME;
  return job.askedBy === undefined && (await deps.isOnBattery()) ? ON_BATTERY : undefined;
}

type Route = {
  readonly conversation: Conversation;
  readonly chain: Chain;
  readonly fromTokens: number;
  readonly toTokens: number;
  /** Conversations that may go on, and what the job names: none is to be pushed out. */
  readonly others: readonly Kept[];
};

function routeOf({ deps, job, progress }: Run): Route {
  const { memory, clock, prompts, cacheUses } = deps;
  const { backend, model } = job;
  const conversation =
    cacheUses.of(backend, model) === 'whole' ? withoutAnswer(job.conversation) : job.conversation;
  const chain = chainOf(conversation, model, deps);
  const server = memory.serverOf(backend);
  const own = sessionKey(job);
  const others = prompts
    .active(clock.wall())
    .filter((prompt) => mayGoOn(prompt) && sessionKey(prompt) !== own);
  return {
    conversation,
    chain,
    fromTokens: Math.max(
      startOf(memory.match(backend, chain, clock.wall())),
      progress.of(job, chain, server.epoch),
    ),
    toTokens: tokensOf(chain),
    others: [...others, ...(job.keeps ?? [])],
  };
}

/** A cache that cannot be trimmed only knows prompts that the next one begins with: such as one that was asked. */
function withoutAnswer(conversation: Conversation): Conversation {
  const { messages } = conversation;
  return messages.at(-1)?.role === 'assistant'
    ? { ...conversation, messages: messages.slice(0, -1) }
    : conversation;
}

type Place = { readonly at: number; readonly room: number; readonly mostTokens: number };

function nextCut(run: Run, route: Route, { at, room, mostTokens }: Place): number | undefined {
  const { toTokens } = route;
  const { limits } = run.deps;
  return cutsOf(standbyOf(run), { fromTokens: at, toTokens, limits, room, mostTokens })[0];
}

/** As it is known to be just now. */
export function standbyOf({ deps, job }: Run): Pick<Standby, 'speed' | 'flavour' | 'cacheUse'> {
  const { backend, model } = job;
  const { flavour } = deps.memory.serverOf(backend);
  return { speed: deps.memory.speed(backend), flavour, cacheUse: deps.cacheUses.of(backend, model) };
}

function stepTo(
  { member, job }: Run,
  { conversation, chain, toTokens }: Route,
  { at, cut }: { readonly at: number; readonly cut: number },
) {
  const segmentTokens = chain.map(({ tokens }) => tokens);
  const front = frontOf(conversation, { segmentTokens, tokens: cut, tail: tailOf() });
  const { model } = job;
  return { member, model, front, ...readerOf(job), isStep: cut < toTokens, uncachedTokens: cut - at };
}

/** Its conversation will go on from it: no side request is to take its place. */
function readerOf(job: PrefillJob): Pick<Step, 'reader'> {
  return job.purpose === 'catch-up' ? { reader: { name: sessionKey(job), part: 'main' } } : {};
}

type Sending = { readonly deps: PrefillDeps; readonly sum: Sum; readonly signal: AbortSignal };

async function sendCounted({ deps, sum, signal }: Sending, step: Step): Promise<StepReport> {
  sum.steps += 1;
  const report = await sendStep(deps, step, signal);
  const { result, promptTokens, cachedTokens } = report;
  if (result === 'lost') return report;
  const isTold = promptTokens !== undefined && cachedTokens !== undefined;
  const { computedTokens } = sum;
  sum.computedTokens =
    isTold && computedTokens !== undefined ? computedTokens + promptTokens - cachedTokens : undefined;
  return report;
}

function noteStep({ deps, job }: Run, sum: Sum, report: StepReport): void {
  const { cachedTokens } = report;
  const before = sum.last?.promptTokens;
  if (before !== undefined && cachedTokens !== undefined && isStepLost(before, cachedTokens)) {
    deps.cacheUses.stepLost(job.backend, job.model);
  }
  sum.first ??= report;
  sum.last = report;
}

const TELLING_TOKENS = 200;

function isStepLost(before: number, cachedTokens: number): boolean {
  return before >= TELLING_TOKENS && cachedTokens < before / 2;
}
