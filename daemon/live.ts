// What happens right now, for whoever watches: the built-in page, `top`, `tail`.
//
// A request in flight is its draft and its tally, which the one pass keeps anyway: they are looked at when a picture is
// asked for, and ten times a second while somebody watches. With nobody watching, a request costs two map entries.

import type { Outcome } from '../router/outcome.ts';
import type { Clock, Draft } from './draft.ts';
import { type LiveRequest, requestEnded, requestInFlight } from './live-request.ts';
import type { Tally } from './tally.ts';

export type { LiveRequest } from './live-request.ts';

export type LiveSnapshot = {
  /** Unix epoch, milliseconds: what the times of the requests are measured against. */
  readonly now: number;
  /** In flight, in the order they came. */
  readonly requests: readonly LiveRequest[];
  /** Ended, the newest first. */
  readonly recent: readonly LiveRequest[];
};

/** Called with what changed since the last call, each request once and as it is now. */
export type Watcher = (changed: readonly LiveRequest[]) => void;

export type Live = {
  /** A request has come; until it has `ended` it is looked at, never changed. */
  follow(draft: Draft, tally: Tally): void;
  ended(outcome: Outcome): void;
  snapshot(): LiveSnapshot;
  /** Until the returned function is called. */
  watch(watcher: Watcher): () => void;
};

const MOST_RECENT = 100;
/** Gates and queues bound what is in flight; this bounds it should they not. */
const MOST_IN_FLIGHT = 1000;
const LOOK_EVERY_MS = 100;

type Flight = { readonly draft: Draft; readonly tally: Tally; told: string };

export function createLive({ wall }: Pick<Clock, 'wall'>): Live {
  const flights = new Map<string, Flight>();
  const watchers = new Set<Watcher>();
  let recent: readonly LiveRequest[] = [];
  let ended: LiveRequest[] = [];
  let timer: NodeJS.Timeout | undefined;

  function lookSoon(): void {
    if (watchers.size === 0) return;
    timer ??= setTimeout(look, LOOK_EVERY_MS).unref();
  }

  function look(): void {
    timer = undefined;
    const changed = [...[...flights.values()].flatMap(news), ...ended];
    ended = [];
    if (changed.length > 0) for (const watcher of watchers) watcher(changed);
    if (flights.size > 0) lookSoon();
  }

  return {
    follow(draft, tally) {
      if (flights.size < MOST_IN_FLIGHT) flights.set(draft.requestId, { draft, tally, told: '' });
      lookSoon();
    },
    ended(outcome) {
      flights.delete(outcome.requestId);
      const request = requestEnded(outcome);
      recent = [request, ...recent.slice(0, MOST_RECENT - 1)];
      if (watchers.size > 0) ended = [...ended, request].slice(-MOST_RECENT);
      lookSoon();
    },
    snapshot: () => ({
      now: wall(),
      requests: [...flights.values()].map(({ draft, tally }) => requestInFlight(draft, tally)),
      recent,
    }),
    watch(watcher) {
      watchers.add(watcher);
      lookSoon();
      return () => {
        watchers.delete(watcher);
        if (watchers.size > 0) return;
        clearTimeout(timer);
        timer = undefined;
        ended = [];
      };
    },
  };
}

/** The request, where it is not as it was when it was last told. */
function news(flight: Flight): readonly LiveRequest[] {
  const request = requestInFlight(flight.draft, flight.tally);
  const told = JSON.stringify(request);
  if (told === flight.told) return [];
  flight.told = told;
  return [request];
}
