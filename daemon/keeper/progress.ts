// How far a prefill came that was cut off: the next one goes on there. A place is named by the part of the prompt before
// it, so that it is found again in the longer prompt of the next pause, and not in another one.

import { type Chain, tokensOf } from '../../router/observation.ts';
import { sessionKey } from '../../router/sessions.ts';
import { keep } from '../../wire/bounded.ts';

type Job = {
  readonly backend: string;
  readonly sessionId?: string;
  readonly agentId?: string;
  readonly project?: string;
};

export type Progress = {
  /** `epoch` changes when the server has lost everything. */
  reached(job: Job, chain: Chain, tokens: number, epoch: number): void;
  /** Tokens of the chain that are done; 0 where nothing is known. */
  of(job: Job, chain: Chain, epoch: number): number;
};

type Place = {
  /** Of the link that the place is in, or behind. */
  readonly hash: string;
  readonly at: number;
  /** Within that link. */
  readonly share: number;
  readonly epoch: number;
};

const PLACES = 64;

export function createProgress(): Progress {
  const places = new Map<string, Place>();
  return {
    reached(job, chain, tokens, epoch) {
      const place = placeOf(chain, tokens);
      if (place !== undefined) keep(places, PLACES, keyOf(job), { ...place, epoch });
    },
    of(job, chain, epoch) {
      const place = places.get(keyOf(job));
      const link = place && chain[place.at];
      if (link === undefined || link.hash !== place?.hash || place.epoch !== epoch) return 0;
      return tokensOf(chain.slice(0, place.at)) + place.share * link.tokens;
    },
  };
}

function keyOf(job: Job): string {
  return `${job.backend} ${job.project ?? ''} ${sessionKey(job)}`;
}

function placeOf(chain: Chain, tokens: number): Omit<Place, 'epoch'> | undefined {
  let left = tokens;
  for (const [at, link] of chain.entries()) {
    if (left <= link.tokens) return { hash: link.hash, at, share: link.tokens > 0 ? left / link.tokens : 1 };
    left -= link.tokens;
  }
  const last = chain.at(-1);
  return last && { hash: last.hash, at: chain.length - 1, share: 1 };
}
