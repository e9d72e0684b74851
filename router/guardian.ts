// Watches every conversation's prompts: each is to go on from the one before, and a server that held the one before is
// to find it again. Where either fails, it says what broke and what that cost. Bounded; the oldest is forgotten first.

import { keep } from '../wire/bounded.ts';
import {
  type BreakCause,
  findBreak,
  markOf,
  type Overlap,
  overlapOf,
  type Prompt,
  type PromptBreak,
  type PromptMark,
} from './breaks.ts';
import type { BackendName } from './decision.ts';
import { createFronts } from './front.ts';
import { type Chain, type TurnName, tokensOf } from './observation.ts';
import type { Kind } from './outcome.ts';
import { sessionKey } from './sessions.ts';

export type Arrival = {
  readonly conversation: Pick<TurnName, 'sessionId' | 'agentId'>;
  readonly kind: Kind;
  /** The client says that the conversation does not go on from this. */
  readonly isAside: boolean;
  readonly prompt: Prompt;
  readonly chain: Chain;
};

/** What is known of a prompt before it is sent. */
export type Watched = {
  /** What the prompt itself breaks; absent where it goes on from the one before. */
  readonly promptBreak?: PromptBreak;
  /** Where the conversation's next prompts are told apart; absent for side calls, which no other follows. */
  readonly key?: string;
  readonly mark?: PromptMark;
  readonly chain: Chain;
};

export type Prefilled = {
  readonly backend: BackendName;
  /** As a probe told it; absent where none did. */
  readonly model?: string | undefined;
  /** `begun`: its first token came, but not its end. */
  readonly ending: 'completed' | 'begun';
  /** Tokens of the whole prompt as the backend reported them. */
  readonly promptTokens?: number;
  /** Of these, cached. */
  readonly cachedTokens?: number;
};

export type FoundBreak = PromptBreak & {
  /** Tokens that the backend had held, and had to compute again. */
  readonly lostTokens: number;
};

export type ReadAhead = {
  readonly backend: BackendName;
  /** Absent where it is of none, but what new ones will begin with. */
  readonly conversation?: Pick<TurnName, 'sessionId' | 'agentId'>;
  /** `whole`: all that the conversation has come to. */
  readonly extent: 'whole' | 'part';
};

export type Guardian = {
  watch(arrival: Arrival): Watched;
  /**
   * Tokens of the prompt that this backend has computed before in this conversation, in the prompt's own estimate: what
   * it would have found, had nothing been changed or lost. Ask before `settle`.
   */
  heldTokens(watched: Watched, backend: BackendName): number;
  /** The backend has computed the prompt. Answers what was broken on the way. */
  settle(watched: Watched, prefilled: Prefilled): FoundBreak | undefined;
  /**
   * The backend has read in a pause what nobody asked for. That is no break of anything, nor does it hide one; but it may
   * push out others, and what it read can be lost by a break.
   */
  readAhead(reading: ReadAhead): void;
  /** The backend could not be reached: what it held is gone, most likely. */
  lost(backend: BackendName): void;
};

export type GuardianLimits = { readonly conversations: number };

/** What one backend computed last of a conversation, and the how-manieth of its prompts that was. */
type Held = {
  readonly mark: PromptMark;
  readonly model?: string | undefined;
  readonly serial: number;
};

type Conversation = {
  /** The last prompt that any backend has computed. */
  readonly mark?: PromptMark;
  readonly held: ReadonlyMap<BackendName, Held>;
  /** What backends have read of it in pauses, where that is more. */
  readonly readAhead: ReadonlyMap<BackendName, Omit<Held, 'model'>>;
  readonly summary: 'asked for' | 'not asked for';
};

type Server = { serial: number; lostAt: number; readonly served: Map<string, number> };

const LIMITS: GuardianLimits = { conversations: 500 };
const FRESH: Conversation = { held: new Map(), readAhead: new Map(), summary: 'not asked for' };
/** Conversations that are told apart when one's loss is to be explained by the others. */
const MAX_SERVED = 64;
/** Below so many tokens a loss is the rounding of estimates, a template's header or the last words of a turn. */
const TELLING_TOKENS = 500;
const LOST_SHARE = 0.5;

export function createGuardian(limits: GuardianLimits = LIMITS): Guardian {
  const conversations = new Map<string, Conversation>();
  const servers = new Map<BackendName, Server>();
  const fronts = createFronts();
  const serverOf = (backend: BackendName): Server => {
    const server = servers.get(backend) ?? { serial: 0, lostAt: 0, served: new Map() };
    servers.set(backend, server);
    return server;
  };
  const put = (key: string, conversation: Conversation) =>
    keep(conversations, limits.conversations, key, conversation);
  const heldBy = ({ key }: Watched, backend: BackendName): Held | undefined =>
    key === undefined ? undefined : conversations.get(key)?.held.get(backend);
  const readBy = (watched: Watched, backend: BackendName): Omit<Held, 'model'> | undefined =>
    conversations.get(watched.key ?? '')?.readAhead.get(backend) ?? heldBy(watched, backend);

  return {
    watch(arrival) {
      const { conversation: name, kind, prompt, chain } = arrival;
      const key = sessionKey(name);
      const known = conversations.get(key);
      if (kind === 'compact') put(key, { ...(known ?? FRESH), summary: 'asked for' });
      if (!isFollowed(arrival)) return { chain };
      const before = known?.mark;
      const mark = markOf(prompt, fronts.of, before);
      const summary = known?.summary ?? FRESH.summary;
      const promptBreak = before && findBreak({ before, after: mark, prompt, summary });
      return { key, mark, chain, ...(promptBreak && { promptBreak }) };
    },
    heldTokens(watched, backend) {
      const read = readBy(watched, backend);
      return read && watched.mark ? overlapOf(read.mark, watched.mark, watched.chain).again : 0;
    },
    settle(watched, prefilled) {
      const { key, mark } = watched;
      const server = serverOf(prefilled.backend);
      server.serial += 1;
      if (key === undefined || mark === undefined) {
        keep(server.served, MAX_SERVED, `side call ${server.serial}`, server.serial);
        return undefined;
      }
      const held = heldBy(watched, prefilled.backend);
      const read = readBy(watched, prefilled.backend);
      const found = judge({ watched: { ...watched, key, mark }, prefilled, held, read, server });
      const known = conversations.get(key) ?? FRESH;
      const isWhole = prefilled.ending === 'completed';
      const now: Held = { mark, model: prefilled.model, serial: server.serial };
      put(key, {
        mark,
        held: isWhole ? new Map(known.held).set(prefilled.backend, now) : known.held,
        readAhead: isWhole ? without(known.readAhead, prefilled.backend) : known.readAhead,
        summary: FRESH.summary,
      });
      keep(server.served, MAX_SERVED, key, server.serial);
      return found;
    },
    readAhead({ backend, conversation, extent }) {
      const server = serverOf(backend);
      server.serial += 1;
      const key = conversation && sessionKey(conversation);
      keep(server.served, MAX_SERVED, key ?? `side call ${server.serial}`, server.serial);
      const known = key === undefined ? undefined : conversations.get(key);
      if (key === undefined || known?.mark === undefined || extent === 'part') return;
      const ahead = { mark: known.mark, serial: server.serial };
      put(key, { ...known, readAhead: new Map(known.readAhead).set(backend, ahead) });
    },
    lost(backend) {
      const server = serverOf(backend);
      server.lostAt = server.serial + 1;
    },
  };
}

function without<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): ReadonlyMap<Key, Value> {
  return new Map([...map].filter(([other]) => other !== key));
}

/** Without a session, and without an agent where it is a subagent's, one conversation is not told from another. */
function isFollowed({ kind, isAside, conversation: { sessionId, agentId } }: Arrival): boolean {
  if (sessionId === undefined || isAside) return false;
  return kind === 'main' || (kind === 'subagent' && agentId !== undefined);
}

type Case = {
  readonly watched: Watched & { readonly key: string; readonly mark: PromptMark };
  readonly prefilled: Prefilled;
  readonly held: Held | undefined;
  /** The same, with what was read of it in pauses. */
  readonly read: Omit<Held, 'model'> | undefined;
  readonly server: Server;
};

function judge(one: Case): FoundBreak | undefined {
  const { watched, prefilled, held, read } = one;
  const { kept } = overlap(watched, held);
  const known = overlap(watched, read);
  // The backend's own count and our estimates may differ: shares of the whole do not.
  const estimated = tokensOf(watched.chain);
  const { promptTokens = estimated, cachedTokens } = prefilled;
  const scale = estimated > 0 ? promptTokens / estimated : 1;
  const lostTokens = Math.max(0, Math.round(known.again * scale - (cachedTokens ?? known.kept * scale)));
  if (watched.promptBreak) return { ...watched.promptBreak, lostTokens };
  const sent = Math.round(kept * scale);
  const isTelling = sent >= TELLING_TOKENS && sent - (cachedTokens ?? sent) >= TELLING_TOKENS;
  const models = [held?.model, prefilled.model];
  const isNewModel = !models.includes(undefined) && models[0] !== models[1] && sent >= TELLING_TOKENS;
  if (isNewModel && (cachedTokens ?? 0) < sent * LOST_SHARE) {
    const detail = `the model ${models[1]} serves in place of ${models[0]}`;
    return { cause: 'model-changed', segment: 'model', detail, lostTokens: sent - (cachedTokens ?? 0) };
  }
  if (read === undefined || held === undefined || cachedTokens === undefined || !isTelling) return undefined;
  if (cachedTokens >= sent * LOST_SHARE) return undefined;
  return { ...serverBreak(one, read.serial, { sent, cachedTokens, scale }), segment: 'server', lostTokens };
}

function overlap({ mark, chain }: Case['watched'], before: Pick<Held, 'mark'> | undefined): Overlap {
  return before ? overlapOf(before.mark, mark, chain) : { again: 0, kept: 0 };
}

type Figures = { readonly sent: number; readonly cachedTokens: number; readonly scale: number };

/** The prompt goes on from what the backend had computed, and yet it found less than half of it. */
function serverBreak(
  { watched, server }: Case,
  readSerial: number,
  { sent, cachedTokens, scale }: Figures,
): { readonly cause: BreakCause; readonly detail: string } {
  const figures = `${cachedTokens} of ${sent} tokens were found again`;
  const cause = 'server-lost';
  if (server.lostAt > readSerial) return { cause, detail: `${figures}: the server was away in between` };
  const others = [...server.served].filter(
    ([key, serial]) => key !== watched.key && serial > readSerial,
  ).length;
  if (others > 0) {
    const who = others === 1 ? 'another conversation' : `${others} other conversations`;
    return { cause, detail: `${figures}: evicted, it seems: ${who} came in between` };
  }
  const front = frontTokens(watched) * scale;
  if (cachedTokens > front * 1.1 + TELLING_TOKENS) {
    const detail = `${figures}: the server renders the conversation anew from there, or keeps only part of it`;
    return { cause: 'template-changed', detail };
  }
  return { cause, detail: `${figures}: restarted, it seems: nothing came in between` };
}

/** System text, tools and the first message: what another conversation may have left behind. */
function frontTokens({ mark, chain }: Case['watched']): number {
  return tokensOf(chain.slice(0, 2 + mark.openingParts));
}
