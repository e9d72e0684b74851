// Prompts computed for nobody's answer, while nothing else runs: the one place that does it, whatever it is for. Both
// servers share one processor, so there is one run at a time on all of them.

import { randomUUID } from 'node:crypto';
import { BackendError } from '../../backend/backend.ts';
import type { PrefillLimits } from '../../router/catch-up.ts';
import type { Purpose, Warmup } from '../../router/warmup.ts';
import type { Conversation } from '../../wire/message.ts';
import type { Deps } from '../deps.ts';
import type { Member } from '../fleet.ts';
import { recordedFailure } from '../recorded.ts';
import type { CacheUses } from './cache-use.ts';
import { createProgress } from './progress.ts';
import type { Kept } from './prompts.ts';
import type { Traffic } from './traffic.ts';
import { type End, type Run, type Sum, walk } from './walk.ts';

export type PrefillJob = {
  readonly purpose: Purpose;
  readonly backend: string;
  readonly model: string;
  /** What is to be in the server's cache. It need not end with a user's message. */
  readonly conversation: Conversation;
  readonly sessionId?: string;
  readonly agentId?: string;
  readonly project?: string;
  /** What it must not push out of the server's cache, beside the conversations that go on. */
  readonly keeps?: readonly Kept[];
  /** On battery, too. */
  readonly askedBy?: 'person';
};

export type PrefillReport = {
  /** `skipped`: nothing was sent. */
  readonly result: 'completed' | 'cancelled' | 'failed' | 'skipped';
  /** One clause: why nothing was sent, or why not all of it. */
  readonly reason?: string;
  /** Requests that were sent. */
  readonly steps: number;
  /** Of the last one that was answered. */
  readonly promptTokens?: number;
  /** Found in the cache by the first one. */
  readonly cachedTokens?: number;
  /** By all of them together. Absent where the backend does not tell. */
  readonly computedTokens?: number;
  readonly durationMs: number;
};

export type Prefiller = {
  /** Never rejects. Waits for its turn; cancelled as soon as any request comes in. */
  run(job: PrefillJob): Promise<PrefillReport>;
  /** What runs now. */
  readonly running: Pick<PrefillJob, 'purpose' | 'backend'> | undefined;
  /** Ends what runs; nothing begins after it. */
  stop(): Promise<void>;
};

export type PrefillDeps = Pick<Deps, 'fleet' | 'memory' | 'estimator' | 'clock' | 'prompts' | 'guardian'> & {
  readonly traffic: Traffic;
  readonly cacheUses: CacheUses;
  readonly limits: PrefillLimits;
  /** Asked before each step: the machine is, and nobody allowed it. */
  readonly isOnBattery: () => Promise<boolean>;
  /** Told of every run that sent something, once it has ended. */
  readonly onRun: (run: Warmup, job: PrefillJob) => void;
  /** An error that no backend made. */
  readonly onError: (error: unknown) => void;
};

/** The reason of a job that was skipped because its backend is believed to have it all. */
export const NOTHING_MISSING = 'nothing was missing';

const MOST_WAITING = 64;
const REQUEST_CAME = 'a request came in';
const STOPPED = 'anyclaude was stopped';
const BUG = 'a bug in anyclaude; its log has the reason';

export function createPrefiller(deps: PrefillDeps): Prefiller {
  const progress = createProgress();
  const stopping = new AbortController();
  let queue: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let running: PrefillJob | undefined;

  async function next(job: PrefillJob): Promise<PrefillReport> {
    waiting -= 1;
    try {
      return await runAlone(job);
    } catch (error) {
      deps.onError(error);
      return { result: 'failed', reason: BUG, steps: 0, durationMs: 0 };
    }
  }

  async function runAlone(job: PrefillJob): Promise<PrefillReport> {
    const member = deps.fleet.member(job.backend);
    const obstacle = stopping.signal.aborted ? STOPPED : obstacleTo(member, deps);
    if (member === undefined || obstacle !== undefined) return skipped(obstacle ?? 'no such backend');
    running = job;
    try {
      return await runJob({ deps, job, member, progress, stopping: stopping.signal });
    } finally {
      running = undefined;
    }
  }

  return {
    run(job) {
      if (waiting >= MOST_WAITING) return Promise.resolve(skipped('too many others wait'));
      waiting += 1;
      const report = queue.then(() => next(job));
      // Whatever became of it, those behind it have their turn.
      queue = report.catch(() => {});
      return report;
    },
    get running() {
      return running;
    },
    async stop() {
      stopping.abort(new Error(STOPPED));
      await queue;
    },
  };
}

function skipped(reason: string): PrefillReport {
  return { result: 'skipped', reason, steps: 0, durationMs: 0 };
}

/** Why nothing may be sent there now. */
function obstacleTo(member: Member | undefined, { fleet, traffic }: PrefillDeps): string | undefined {
  if (member === undefined) return 'no such backend';
  const { state, loaded } = fleet.status(member.name);
  if (state !== 'up') return `${member.name} is not up`;
  if (loaded === false) return `${member.name} has no model in memory`;
  const isBusy = traffic.inFlight > 0 || fleet.members.some(({ gate }) => !gate.idle);
  return isBusy ? 'a request runs' : undefined;
}

// ---- One run ------------------------------------------------------------------------------------------

async function runJob(run: Run): Promise<PrefillReport> {
  const { deps, job } = run;
  const startedMs = deps.clock.now();
  const startedAtMs = deps.clock.wall();
  const sum: Sum = { steps: 0, computedTokens: 0 };
  const end = await walkWatched(run, sum, startedMs);
  if (sum.steps === 0) return skipped(end.reason ?? NOTHING_MISSING);
  const durationMs = deps.clock.now() - startedMs;
  const report: PrefillReport = { ...end, ...figuresOf(sum), durationMs };
  tellCaughtUp(run, sum, end);
  const { purpose, backend, model, sessionId, project } = job;
  const { result } = end;
  deps.onRun(
    {
      ...{ warmupId: `warm_${randomUUID().replaceAll('-', '')}`, purpose, backend, model, startedAtMs },
      ...(sessionId !== undefined && { sessionId }),
      ...(project !== undefined && { project }),
      ...report,
      result,
    },
    job,
  );
  return report;
}

async function walkWatched(run: Run, sum: Sum, startedMs: number): Promise<End> {
  const { deps, stopping } = run;
  const arrival = new AbortController();
  const forget = deps.traffic.onArrival(() => arrival.abort(new Error(REQUEST_CAME)));
  const signal = AbortSignal.any([arrival.signal, stopping]);
  try {
    return await walk(run, sum, {
      signal,
      untilMs: startedMs + deps.limits.maxSeconds * 1000,
    });
  } catch (error) {
    if (signal.aborted) return { result: 'cancelled', reason: stopping.aborted ? STOPPED : REQUEST_CAME };
    if (!(error instanceof BackendError)) throw error;
    const { fault, backend } = error.detail;
    if (fault === 'connect' || fault === 'dead') deps.fleet.failed(backend, fault, error.message);
    return { result: 'failed', reason: recordedFailure(error) };
  } finally {
    forget();
  }
}

function figuresOf({ steps, first, last, computedTokens }: Sum) {
  return {
    steps,
    ...(last?.promptTokens !== undefined && { promptTokens: last.promptTokens }),
    ...(first?.cachedTokens !== undefined && { cachedTokens: first.cachedTokens }),
    ...(first !== undefined && computedTokens !== undefined && { computedTokens }),
  };
}

/** The router learns from it how much of what a backend misses a pause makes good, the guardian what a break may lose. */
function tellCaughtUp({ deps, job }: Run, { first, last }: Sum, { result, reason }: End): void {
  const { purpose, backend, sessionId, agentId } = job;
  const isWhole = result === 'completed' && reason === undefined;
  deps.guardian.readAhead({
    ...{ backend, extent: isWhole ? 'whole' : 'part' },
    ...(purpose === 'catch-up' && { conversation: { sessionId, agentId } }),
  });
  if (purpose !== 'catch-up' || first === undefined || last?.promptTokens === undefined) return;
  deps.memory.caughtUp(
    { sessionId, agentId, turnId: '' },
    { backend, fromTokens: first.cachedTokens ?? 0, toTokens: last.promptTokens },
  );
}
