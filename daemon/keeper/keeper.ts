// What is done while the person reads: the backend that a conversation was not on prefills what it has missed, and a
// server that was restarted gets back what the projects begin with. Never while a request runs, and not on battery.

import type { CacheUse, PrefillLimits } from '../../router/catch-up.ts';
import type { Deps } from '../deps.ts';
import { planPause, whyOff } from './pause.ts';
import { ON_BATTERY } from './power.ts';
import type { Prefiller, PrefillJob, PrefillReport } from './prefill.ts';
import type { Traffic } from './traffic.ts';
import { createWarming } from './warming.ts';

export type KeeperStatus = {
  readonly state: 'off' | 'idle' | 'running';
  /** One clause: why it is off, what runs, or what was done last. */
  readonly detail: string;
};

export type Warmed = { readonly project: string | null; readonly backend: string } & PrefillReport;

export type Keeper = {
  readonly status: KeeperStatus;
  /** Prefills the front of every project that is known on each backend that it may go to, one after the other. */
  warm(): AsyncIterable<Warmed>;
  /**
   * What the clock asks for: gives servers back what they have lost, now or before this start, and takes up a pause that
   * something stood in the way of. Never rejects.
   */
  tick(): Promise<void>;
  /** Nothing begins after it. */
  stop(): void;
};

export type KeeperDeps = Pick<Deps, 'config' | 'fleet' | 'memory' | 'estimator' | 'clock' | 'prompts'> & {
  readonly prefiller: Prefiller;
  readonly traffic: Traffic;
  /** And is not to work then. */
  readonly isOnBattery: () => Promise<boolean>;
  readonly cacheUse: (backend: string, model: string) => CacheUse;
  /** Backends that have what they had by their own slots: what else they are given might take one of those. */
  readonly isRestored?: (backend: string) => boolean;
  readonly limits: PrefillLimits;
  /** From the end of the last request until a pause is taken for one. Side requests follow a turn at once. */
  readonly settleMs?: number;
  readonly onError: (error: unknown) => void;
};

const SETTLE_MS = 1_000;
/** A tool that runs for so long is a pause like any other. */
const TOOL_MS = 2 * 60_000;
const AFTER_FAILURE_MS = 10 * 60_000;

export function createKeeper(deps: KeeperDeps): Keeper {
  return new PauseKeeper(deps);
}

class PauseKeeper implements Keeper {
  readonly #deps: KeeperDeps;
  readonly #warming;
  #timer: NodeJS.Timeout | undefined;
  #isBusy = false;
  #isStopped = false;
  #onBattery = false;
  #last: string | undefined;
  /** Of this pause. */
  #tried = new Set<string>();
  #spentMs = 0;
  readonly #restUntilMs = new Map<string, number>();

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
    this.#warming = createWarming(deps);
    deps.traffic.onArrival(() => this.#endPause());
    deps.traffic.onQuiet(() => this.#wakeAfter(deps.settleMs ?? SETTLE_MS));
  }

  get status(): KeeperStatus {
    const { prefiller, config } = this.#deps;
    const { running } = prefiller;
    if (running) return { state: 'running', detail: `${words(running)} on ${running.backend}` };
    const off = whyOff(config) ?? (this.#onBattery ? ON_BATTERY : undefined);
    if (off !== undefined) return { state: 'off', detail: off };
    return { state: 'idle', detail: this.#last ?? 'nothing was missing so far' };
  }

  async *warm(): AsyncGenerator<Warmed> {
    for (const asked of this.#warming.all()) {
      const job = { ...asked, askedBy: 'person' } as const;
      const report = await this.#run(job);
      yield { project: job.project ?? null, backend: job.backend, ...report };
    }
  }

  async tick(): Promise<void> {
    const { clock } = this.#deps;
    // Looked at each time, for what a server held is known only while it holds it.
    const lost = this.#warming.lost(clock.wall());
    if (!(await this.#mayWork()) || this.#isBusy) return;
    for (const job of lost) {
      if (this.#isResting(job.backend) || this.#untilPauseMs() !== 0) continue;
      if (!(await this.#mayWork())) return;
      const { result } = await this.#run(job);
      if (result === 'failed') this.#warming.failed(job);
    }
    // A backend may have come up in mid-pause, or the machine may have been plugged in.
    await this.#usePause();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #endPause(): void {
    clearTimeout(this.#timer);
    this.#spentMs = 0;
    if (this.#tried.size > 0) this.#tried.clear();
  }

  #wakeAfter(delayMs: number): void {
    clearTimeout(this.#timer);
    if (this.#isStopped || whyOff(this.#deps.config) !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#usePause().catch(this.#deps.onError);
    }, delayMs);
    this.#timer.unref();
  }

  async #usePause(): Promise<void> {
    if (this.#isBusy || !(await this.#mayWork())) return;
    this.#isBusy = true;
    try {
      for (let job = this.#nextJob(); job !== undefined; job = this.#nextJob()) {
        this.#tried.add(keyOf(job));
        const report = await this.#run(job);
        if (mayBeTriedAgain(report)) this.#tried.delete(keyOf(job));
        if (report.result === 'cancelled' || report.reason === ON_BATTERY) return;
      }
    } finally {
      this.#isBusy = false;
    }
  }

  #nextJob(): PrefillJob | undefined {
    const { clock, limits } = this.#deps;
    const untilPauseMs = this.#untilPauseMs();
    if (untilPauseMs > 0) this.#wakeAfter(untilPauseMs);
    if (untilPauseMs !== 0 || this.#spentMs >= limits.maxSeconds * 1000) return undefined;
    const jobs = planPause(this.#deps, clock.wall());
    return jobs.find((job) => !this.#tried.has(keyOf(job)) && !this.#isResting(job.backend));
  }

  /** 0 in a pause; NaN while something runs. In the middle of a turn there is none, though nothing may run just then. */
  #untilPauseMs(): number {
    const { prompts, traffic, clock } = this.#deps;
    if (this.#isStopped || traffic.inFlight > 0) return Number.NaN;
    const nowMs = clock.wall();
    const inTurn = prompts.active(nowMs).filter(({ endsTurn }) => !endsTurn);
    return Math.max(0, ...inTurn.map(({ endedAtMs }) => endedAtMs + TOOL_MS - nowMs));
  }

  async #mayWork(): Promise<boolean> {
    const { config, isOnBattery } = this.#deps;
    if (this.#isStopped || whyOff(config) !== undefined) return false;
    this.#onBattery = await isOnBattery();
    return !this.#onBattery;
  }

  async #run(job: PrefillJob): Promise<PrefillReport> {
    const report = await this.#deps.prefiller.run(job);
    this.#spentMs += report.durationMs;
    if (report.result === 'failed') {
      this.#restUntilMs.set(job.backend, this.#deps.clock.wall() + AFTER_FAILURE_MS);
    }
    if (report.result !== 'skipped') this.#last = told(job, report);
    return report;
  }

  #isResting(backend: string): boolean {
    return (this.#restUntilMs.get(backend) ?? 0) > this.#deps.clock.wall();
  }
}

/** What failed is, once its backend has rested. */
function mayBeTriedAgain({ result, reason }: PrefillReport): boolean {
  return result === 'cancelled' || result === 'failed' || reason === ON_BATTERY;
}

function keyOf({ backend, sessionId, agentId }: PrefillJob): string {
  return JSON.stringify([backend, sessionId ?? null, agentId ?? null]);
}

function words({ purpose }: Pick<PrefillJob, 'purpose'>): string {
  switch (purpose) {
    case 'catch-up':
      return 'catching up';
    case 'warm':
      return 'warming a project';
    case 'restore':
      return 'restoring a project';
    default:
      return purpose satisfies never;
  }
}

function told(job: PrefillJob, { result, computedTokens, durationMs, reason }: PrefillReport): string {
  const tokens = computedTokens === undefined ? '' : ` ${computedTokens} tokens`;
  const because = reason === undefined ? '' : ` (${reason})`;
  return `last: ${words(job)} on ${job.backend}, ${result}${because},${tokens} in ${(durationMs / 1000).toFixed(1)} s`;
}
