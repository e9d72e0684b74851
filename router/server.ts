// All that is believed of one backend's server: what it holds, how fast it is, what runs on it, whether it is steady.

import type { Fault } from '../wire/error.ts';
import { SHORTEST_DECODE_MS } from './decode.ts';
import { type Chain, type Observation, tokensOf } from './observation.ts';
import { fieldsOf } from './saved.ts';
import { createSpeed, type SavedSpeed, type Speed } from './speed.ts';
import { createSteadiness } from './steadiness.ts';
import {
  createWarmth,
  type Flavour,
  type HeldPrompts,
  type Match,
  type Tally,
  type Warmth,
} from './warmth.ts';

/** What a probe told of the server. */
export type Server = {
  readonly flavour?: Flavour | undefined;
  readonly model?: string | undefined;
  readonly state?: 'up' | 'unknown' | 'loading' | 'down' | undefined;
};

/** A request on its way through the backend, in predicted seconds. */
export type Flight = { readonly id: string; readonly prefillSeconds: number; readonly decodeSeconds: number };

/** What was made of an observation whose backend told nothing of its cache. */
export type Inference = { readonly cachedTokens: number } | undefined;

export type ServerBelief = {
  readonly speed: Speed;
  match(chain: Chain, nowMs: number): Match;
  /** See Warmth. */
  readonly keeps: number;
  readonly keepsLater: number;
  readonly epoch: number;
  readonly flavour: Flavour;
  readonly held: HeldPrompts | undefined;
  /** See Warmth. */
  room(protectedChains: readonly Chain[]): number;
  /** Seconds until a request that comes now would be begun with. */
  queueSeconds(nowMs: number): number;
  began(flight: Flight, nowMs: number): void;
  landed(id: string): void;
  /** True where another model has taken the place of the one that was known. */
  met(server: Server, nowMs: number): boolean;
  observe(observation: Observation, nowMs: number): Inference;
  /** Why no conversation should move there now, in one clause. */
  unsteady(nowMs: number): string | undefined;
  toJSON(): SavedServer;
};

export type SavedServer = {
  readonly flavour: Flavour;
  readonly model?: string;
  readonly speed: SavedSpeed;
  readonly tallies: readonly Tally[];
};

/** Prompts below this are computed in a moment, warm or cold: nothing can be inferred from their wait. */
const INFERRED_FROM_TOKENS = 1000;
/** Reports after which the speed is known well enough to infer from it. */
const INFERRED_AFTER = 3;
/** How sure the inference must be, and by what factor a wait differs by chance. */
const SURE = 0.95;
const LOG_SPREAD = 0.25;
/** A wait this far below that of a cold prompt says that someone else has warmed it. */
const SURPRISINGLY_FAST = 0.35;

const MAX_FLIGHTS = 256;
const GONE: ReadonlySet<Fault> = new Set(['connect', 'dead']);

export function createServerBelief(saved?: unknown): ServerBelief {
  return new Belief(saved);
}

class Belief implements ServerBelief {
  speed: Speed;
  #warmth: Warmth;
  #flavour: Flavour;
  #model: string | undefined;
  #epochs = 0;
  readonly #flights = new Map<string, Flight & { readonly sinceMs: number }>();
  readonly #steadiness = createSteadiness();

  constructor(saved: unknown) {
    const { flavour, model, speed, tallies } = fieldsOf(saved);
    this.#flavour = isFlavour(flavour) ? flavour : 'other';
    this.#model = typeof model === 'string' ? model : undefined;
    this.speed = createSpeed(speed);
    this.#warmth = createWarmth(this.#flavour, tallies);
  }

  get keeps(): number {
    return this.#warmth.keeps;
  }

  get keepsLater(): number {
    return this.#warmth.keepsLater;
  }

  get epoch(): number {
    return this.#epochs + this.#warmth.epoch;
  }

  get held(): HeldPrompts | undefined {
    return this.#warmth.held;
  }

  get flavour(): Flavour {
    return this.#flavour;
  }

  match(chain: Chain, nowMs: number): Match {
    return this.#warmth.match(chain, nowMs);
  }

  room(protectedChains: readonly Chain[]): number {
    return this.#warmth.room(protectedChains);
  }

  // Prefills share one processor. An answer that is being written leaves room for others, but slows them down.
  queueSeconds(nowMs: number): number {
    let seconds = 0;
    for (const { prefillSeconds, decodeSeconds, sinceMs } of this.#flights.values()) {
      const passed = (nowMs - sinceMs) / 1000;
      const prefill = Math.max(0, prefillSeconds - passed);
      seconds += prefill > 0 ? prefill : DECODE_SLOWS * Math.max(0, prefillSeconds + decodeSeconds - passed);
    }
    return seconds;
  }

  began(flight: Flight, nowMs: number): void {
    if (this.#flights.size < MAX_FLIGHTS) this.#flights.set(flight.id, { ...flight, sinceMs: nowMs });
  }

  landed(id: string): void {
    this.#flights.delete(id);
  }

  met({ flavour, model, state }: Server, nowMs: number): boolean {
    if (flavour !== undefined && flavour !== this.#flavour) this.#becomes(flavour);
    const isOther = model !== undefined && model !== this.#model && this.#changesModel(model);
    if (state === 'up') this.#steadiness.comesUp(nowMs);
    if (state === 'down') this.#goesDown(nowMs);
    return isOther;
  }

  observe(observation: Observation, nowMs: number): Inference {
    const { fault, ending } = observation;
    if (fault !== undefined && GONE.has(fault)) {
      this.#goesDown(nowMs);
      return undefined;
    }
    if (ending === 'completed') this.#steadiness.comesUp(nowMs);
    const promptTokens = observation.promptTokens ?? tokensOf(observation.chain);
    const inferred = this.#infer(observation, promptTokens, nowMs);
    this.#learnSpeed(observation, { promptTokens, inferred, nowMs });
    const cachedTokens = observation.cachedTokens ?? inferred?.cachedTokens;
    this.#warmth.observe({ ...observation, ...(cachedTokens !== undefined && { cachedTokens }) }, nowMs);
    return inferred;
  }

  unsteady(nowMs: number): string | undefined {
    return this.#steadiness.unsteady(nowMs);
  }

  toJSON(): SavedServer {
    return {
      flavour: this.#flavour,
      ...(this.#model !== undefined && { model: this.#model }),
      speed: this.speed.toJSON(),
      tallies: this.#warmth.toJSON(),
    };
  }

  #becomes(flavour: Flavour): void {
    this.#flavour = flavour;
    this.#epochs += this.#warmth.epoch;
    this.#warmth = createWarmth(flavour, this.#warmth.toJSON());
  }

  /** False where none was known before. */
  #changesModel(model: string): boolean {
    const isFirst = this.#model === undefined;
    this.#model = model;
    if (isFirst) return false;
    this.#warmth.forget();
    this.speed = createSpeed();
    return true;
  }

  /** Nothing listens there: what it had in memory is gone with it. */
  #goesDown(nowMs: number): void {
    if (!this.#steadiness.goesDown(nowMs)) return;
    this.#warmth.forget();
    this.#flights.clear();
  }

  /** Warm or cold by the wait alone, and only where it is nearly certain. */
  #infer(observation: Observation, promptTokens: number, nowMs: number): Inference {
    const { cachedTokens, ttftMs, loadedModel, chain } = observation;
    if (cachedTokens !== undefined || ttftMs === undefined || loadedModel === true) return undefined;
    if (promptTokens <= INFERRED_FROM_TOKENS || this.speed.samples < INFERRED_AFTER) return undefined;
    const match = this.match(chain, nowMs);
    const held = Math.min(promptTokens, Math.round(match.tokens));
    if (held < promptTokens / 4) return undefined;
    const belief = posterior(ttftMs / 1000, match.warm, {
      warm: this.speed.ttftSeconds(promptTokens - held, held),
      cold: this.speed.ttftSeconds(promptTokens, 0),
    });
    if (belief >= SURE) return { cachedTokens: held };
    return belief <= 1 - SURE ? { cachedTokens: 0 } : undefined;
  }

  #learnSpeed(observation: Observation, { promptTokens, inferred, nowMs }: Learned): void {
    const { ttftMs, decodeMs, outputTokens, loadedModel } = observation;
    if (decodeMs !== undefined && decodeMs >= SHORTEST_DECODE_MS && outputTokens !== undefined) {
      this.speed.learnDecode({ tokens: outputTokens - 1, seconds: decodeMs / 1000, promptTokens });
    }
    if (ttftMs === undefined || loadedModel === true) return;
    const cached = observation.cachedTokens ?? inferred?.cachedTokens;
    if (cached !== undefined) {
      this.speed.learnTtft({ uncached: promptTokens - cached, cached }, ttftMs / 1000);
    } else if (this.match(observation.chain, nowMs).tokens === 0) {
      const cold = { uncached: promptTokens, cached: 0 };
      const isTooFast = ttftMs / 1000 < SURPRISINGLY_FAST * this.speed.ttftSeconds(promptTokens, 0);
      if (this.speed.samples < INFERRED_AFTER || !isTooFast) this.speed.learnTtft(cold, ttftMs / 1000);
    }
  }
}

const DECODE_SLOWS = 0.25;

type Learned = { readonly promptTokens: number; readonly inferred: Inference; readonly nowMs: number };

/** Belief that the prompt was warm, from the wait and from what was believed before. */
function posterior(
  seconds: number,
  prior: number,
  means: { readonly warm: number; readonly cold: number },
): number {
  const likelihood = (mean: number) => Math.exp(-((Math.log(seconds / mean) / LOG_SPREAD) ** 2) / 2) + 1e-9;
  // An even start: what was believed must not decide what is taken for evidence of it.
  const start = Math.max(0.2, Math.min(0.8, prior));
  const warm = start * likelihood(means.warm);
  const cold = (1 - start) * likelihood(means.cold);
  return warm / (warm + cold);
}

function isFlavour(value: unknown): value is Flavour {
  return (['mlx-lm', 'lmstudio', 'llama.cpp', 'vllm', 'claude', 'other'] as readonly unknown[]).includes(
    value,
  );
}
