// What a prefill saved: measured on the first request that could use it, never assumed.

import type { Memory } from '../../router/memory.ts';
import type { Outcome } from '../../router/outcome.ts';
import type { Speed } from '../../router/speed.ts';
import type { Warmup, WarmupUse } from '../../router/warmup.ts';
import type { PrefillJob } from './prefill.ts';

export type Gains = {
  ran(warmup: Warmup, job: PrefillJob): void;
  /** A request has ended: what it found cached is held against the runs before it. */
  served(outcome: Outcome): void;
  /** Gives up those that are too old, or whose server has lost everything. */
  expire(nowMs: number): void;
};

export type GainsDeps = {
  readonly memory: Pick<Memory, 'speed' | 'serverOf'>;
  /** Told once of each run, as soon as it is known who used it. */
  readonly onUse: (warmup: Warmup & { readonly use: WarmupUse }) => void;
};

type Open = { readonly warmup: Warmup; readonly agentId: string | undefined; readonly epoch: number };

const MOST_OPEN = 256;
const LIFE_MS = 60 * 60_000;

export function createGains({ memory, onUse }: GainsDeps): Gains {
  let open: readonly Open[] = [];
  const close = (one: Open, use: WarmupUse) => onUse({ ...one.warmup, use });

  return {
    ran(warmup, { agentId }) {
      const all = [...open, { warmup, agentId, epoch: memory.serverOf(warmup.backend).epoch }];
      for (const one of all.slice(0, -MOST_OPEN)) close(one, { result: 'wasted' });
      open = all.slice(-MOST_OPEN);
    },
    served(outcome) {
      if (open.length === 0 || outcome.ending.result !== 'completed') return;
      const due = open.filter((one) => couldUse(outcome, one));
      open = open.filter((one) => !due.includes(one));
      for (const one of due) close(one, useOf(one.warmup, outcome, memory.speed(one.warmup.backend)));
    },
    expire(nowMs) {
      const isOver = ({ warmup, epoch }: Open) =>
        nowMs - warmup.startedAtMs > LIFE_MS || memory.serverOf(warmup.backend).epoch !== epoch;
      for (const one of open.filter(isOver)) close(one, { result: 'wasted' });
      open = open.filter((one) => !isOver(one));
    },
  };
}

function couldUse({ answeredBy, model, kind, sessionId, agentId, project }: Outcome, one: Open): boolean {
  const { warmup } = one;
  if (warmup.backend !== answeredBy || warmup.model !== model) return false;
  if (kind !== 'main' && kind !== 'subagent') return false;
  if (warmup.purpose !== 'catch-up') return kind === 'main' && warmup.project === project;
  return warmup.sessionId === sessionId && one.agentId === agentId;
}

function useOf(warmup: Warmup, { requestId, cache }: Outcome, speed: Speed): WarmupUse {
  const { cachedTokens: from, promptTokens: to, computedTokens } = warmup;
  if (cache.evidence === 'none' || from === undefined || to === undefined || computedTokens === undefined) {
    return { result: 'unknown', requestId };
  }
  const { promptTokens, cachedTokens } = cache;
  const tokens = Math.max(0, Math.min(computedTokens, Math.min(cachedTokens, to) - from));
  if (tokens === 0) return { result: 'wasted', requestId };
  const uncached = promptTokens - cachedTokens;
  const without = speed.ttft({ uncached: uncached + tokens, cached: cachedTokens - tokens }).seconds;
  const savedSeconds = Math.max(0, without - speed.ttft({ uncached, cached: cachedTokens }).seconds);
  return { result: 'used', requestId, tokens, savedSeconds };
}
