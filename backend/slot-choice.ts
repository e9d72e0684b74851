// The slot of a llama.cpp server that a side request is read in. Left alone, the server takes the one whose prompt is
// most like the new one, and a subagent's begins like that of its main conversation, which is lost by it.
//
// Main conversations are left alone, for the server finds them by the same likeness, also where it has put them into
// main memory meanwhile. All that is remembered of them is how long they are: so their slots are known again.

import { keep } from '../wire/bounded.ts';
import type { StreamItem } from '../wire/frame.ts';
import type { BackendStatus, OpenRequest } from './backend.ts';
import type { Http } from './http.ts';
import { listSlots, type Slot } from './slots.ts';

/** Whose prompt it is. */
export type Reader = { readonly name: string; readonly part: 'main' | 'side' };

export type SlotChoice = {
  /** Undefined, at once, where the server may choose; else it is asked what its slots hold. Rejects as the signal does. */
  choose(request: OpenRequest, signal: AbortSignal): Promise<number | undefined> | undefined;
  /** The same items; what they say of the prompt is remembered. */
  watch(request: OpenRequest, items: AsyncIterable<StreamItem>): AsyncIterable<StreamItem>;
};

/** A server that computes a batch just now answers behind it: the request itself would have to wait for that, too. */
const PATIENCE_MS = 10_000;

export function createSlotChoice(http: Http, status: () => BackendStatus): SlotChoice {
  const places = createPlaces();
  // Behind an address of several models even the question would load one.
  const hasSlots = (): boolean => {
    const { flavour, slots = 1, loaded } = status();
    return flavour === 'llama.cpp' && slots > 1 && loaded === undefined;
  };
  async function ask(side: string, signal: AbortSignal): Promise<number | undefined> {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
    const slots = await listSlots(http, patience).catch(() => undefined);
    signal.throwIfAborted();
    return places.choose(side, slots);
  }
  return {
    choose({ reader }, signal) {
      if (reader?.part !== 'side' || !hasSlots()) return undefined;
      return ask(reader.name, signal);
    },
    watch({ reader, conversation }, items) {
      if (reader?.part !== 'main' || !hasSlots()) return items;
      return watched(items, conversation.maxTokens, (tokens) => places.read(reader.name, tokens));
    },
  };
}

async function* watched(
  items: AsyncIterable<StreamItem>,
  maxTokens: number,
  onRead: (tokens: Tokens) => void,
): AsyncGenerator<StreamItem> {
  for await (const item of items) {
    // Of one that is cut off in mid-answer nothing else is known.
    if (item.type === 'progress') {
      const least = item.total + (item.cachedTokens ?? 0);
      onRead({ least, most: least + maxTokens });
    }
    if (item.type === 'usage' && item.promptTokens !== undefined) {
      onRead({ least: item.promptTokens, most: item.promptTokens + (item.outputTokens ?? maxTokens) });
    }
    yield item;
  }
}

// ---- What is where ------------------------------------------------------------------------------------

/** What a slot holds after a prompt and, behind it, so much of its answer. */
export type Tokens = { readonly least: number; readonly most: number };

export type Places = {
  read(main: string, tokens: Tokens): void;
  /** `slots` is absent where the server does not tell of them. */
  choose(side: string, slots: readonly Slot[] | undefined): number | undefined;
};

const MOST_READERS = 256;

export function createPlaces(): Places {
  const mains = new Map<string, Tokens>();
  const places = new Map<string, number>();

  const isMain = (slot: Slot): boolean => [...mains.values()].some((tokens) => holds(slot, tokens));

  /** The least harm first, then what was used longest ago. */
  function newPlace(slots: readonly Slot[]): Slot | undefined {
    const taken = new Set(places.values());
    const harm = (slot: Slot): number => {
      if (isMain(slot)) return 3;
      if (taken.has(slot.id)) return slot.isBusy ? 2 : 1;
      return slot.isBusy ? 3 : 0;
    };
    return slots.toSorted((a, b) => harm(a) - harm(b) || (a.lastTask ?? -1) - (b.lastTask ?? -1))[0];
  }

  return {
    read: (main, tokens) => keep(mains, MOST_READERS, main, tokens),
    choose(side, slots) {
      const place = places.get(side);
      if (slots === undefined) return place;
      // Where it was before, unless a main conversation is there by now.
      const { id } = slots.find((slot) => slot.id === place && !isMain(slot)) ?? newPlace(slots) ?? {};
      if (id !== undefined) keep(places, MOST_READERS, side, id);
      return id;
    },
  };
}

function holds({ promptTokens }: Slot, { least, most }: Tokens): boolean {
  return promptTokens !== undefined && promptTokens >= least && promptTokens <= most;
}
