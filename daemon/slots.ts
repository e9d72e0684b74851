// What the slots of llama.cpp servers hold, over their restarts: saved when a conversation rests and when the daemon
// stops, read back into slots that have served nobody yet. Only where the server was started with --slot-save-path;
// the files are the server's own, and as many as it has slots.

import { createSlotServer, type Slot, type SlotServer } from '../backend/slots.ts';
import type { Fleet, Member } from './fleet.ts';
import type { Logger } from './log.ts';
import type { SlotFiles } from './slot-files.ts';

export type SlotKeeper = {
  /** Looks at servers that nothing runs on; to be called every few seconds. Never rejects. */
  tend(nowMs: number): Promise<void>;
  /** Tokens that were read back into this backend since its server began. */
  restoredTokens(backend: string): number;
  /** Saves what is not saved yet, within a few seconds. Never rejects. */
  close(): Promise<void>;
};

/** A save holds the server up for as long as writing takes: gigabytes, with a large model. */
const SAVE_EVERY_MS = 600_000;
const LEAST_TOKENS = 200;
const PATIENCE_MS = 10_000;

/** What is known of one server, from its start to its end. */
type Watch = {
  readonly server: SlotServer;
  /** Undefined as long as it has not been asked, null where it saves nothing. */
  stem: string | null | undefined;
  /** What each slot had served at the last look. */
  seen: ReadonlyMap<number, string | undefined>;
  readonly saved: Map<number, string>;
  readonly tried: Set<number>;
  restoredTokens: number;
  savedAtMs: number;
};

export type SlotKeeperOptions = {
  readonly fleet: Fleet;
  readonly files: SlotFiles;
  readonly log: Pick<Logger, 'info' | 'debug'>;
};

export function createSlotKeeper({ fleet, files, log }: SlotKeeperOptions): SlotKeeper {
  const watches = new Map<string, Watch>();

  async function attended(member: Member, work: (watch: Watch) => Promise<void>): Promise<void> {
    const watch = watches.get(member.name) ?? freshWatch(member);
    watches.set(member.name, watch);
    try {
      await work(watch);
    } catch (error) {
      // Its probe will tell that it is gone, and whoever comes back may be another server.
      log.debug({ backend: member.name, err: error }, 'the slots of a server could not be tended');
      watches.delete(member.name);
      await watch.server.close();
    }
  }

  async function forgetGone(): Promise<void> {
    for (const [name, watch] of watches) {
      if (isLlama(fleet, name)) continue;
      watches.delete(name);
      await watch.server.close();
    }
  }

  return {
    async tend(nowMs) {
      await forgetGone();
      for (const member of resting(fleet)) {
        await attended(member, (watch) => tendOne({ member, watch, files, log, nowMs }));
      }
    },
    restoredTokens: (backend) => watches.get(backend)?.restoredTokens ?? 0,
    async close() {
      for (const member of resting(fleet)) {
        await attended(member, (watch) => saveAll({ member, watch, files, log }));
      }
      await Promise.all([...watches.values()].map(({ server }) => server.close()));
      watches.clear();
    },
  };
}

type Care = {
  readonly member: Member;
  readonly watch: Watch;
  readonly files: SlotFiles;
  readonly log: Pick<Logger, 'info'>;
};

async function tendOne({ nowMs, ...care }: Care & { readonly nowMs: number }): Promise<void> {
  const { watch } = care;
  const signal = AbortSignal.timeout(PATIENCE_MS);
  if (!(await savesSlots(watch, signal))) return;
  const slots = (await watch.server.list(signal)) ?? [];
  if (hasRestarted(watch, slots)) forget(watch);
  for (const slot of slots) if (isFresh(watch, slot)) await restore(care, slot.id, signal);
  const rested = slots.find((slot) => isUnsaved(watch, slot) && watch.seen.get(slot.id) === slot.served);
  watch.seen = new Map(slots.map(({ id, served }) => [id, served]));
  if (rested === undefined || nowMs - watch.savedAtMs < SAVE_EVERY_MS) return;
  await save(care, rested, signal);
  if (!slots.some((slot) => isUnsaved(watch, slot))) watch.savedAtMs = nowMs;
}

async function saveAll(care: Care): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  if (!(await savesSlots(care.watch, signal))) return;
  const slots = (await care.watch.server.list(signal)) ?? [];
  for (const slot of slots) if (isUnsaved(care.watch, slot)) await save(care, slot, signal);
}

/** Asked once: a server that is started with other options has been down in between. */
async function savesSlots(watch: Watch, signal: AbortSignal): Promise<boolean> {
  if (watch.stem === undefined) watch.stem = (await watch.server.fileStem(signal)) ?? null;
  return watch.stem !== null;
}

async function restore({ member, watch, files, log }: Care, id: number, signal: AbortSignal): Promise<void> {
  const { url } = member.config;
  const file = fileOf(watch, id);
  watch.tried.add(id);
  if (!files.isWhole(url, file)) return;
  files.doubt(url, file);
  const done = await watch.server.restore(id, file, signal);
  log.info({ backend: member.name, slot: id, restored: done }, 'a slot was restored, or could not be');
  if (typeof done === 'string') return;
  files.whole(url, file);
  watch.restoredTokens += done;
}

/** A disk that is full costs the file and nothing else: the next conversation is another chance. */
async function save({ member, watch, files, log }: Care, { id, served = '' }: Slot, signal: AbortSignal) {
  const { url } = member.config;
  const file = fileOf(watch, id);
  watch.saved.set(id, served);
  files.doubt(url, file);
  const done = await watch.server.save(id, file, signal);
  log.info({ backend: member.name, slot: id, saved: done }, 'a slot was saved, or could not be');
  if (typeof done === 'number') files.whole(url, file);
}

function fileOf({ stem }: Watch, id: number): string {
  return `${stem}-${id}.bin`;
}

function isUnsaved({ saved }: Watch, { id, served, isBusy, promptTokens = 0 }: Slot): boolean {
  return served !== undefined && !isBusy && promptTokens >= LEAST_TOKENS && saved.get(id) !== served;
}

function isFresh({ tried }: Watch, { id, served, isBusy }: Slot): boolean {
  return served === undefined && !isBusy && !tried.has(id);
}

/** A slot that had served somebody has served nobody. */
function hasRestarted({ seen }: Watch, slots: readonly Slot[]): boolean {
  return slots.some(({ id, served }) => served === undefined && seen.get(id) !== undefined);
}

function forget(watch: Watch): void {
  watch.saved.clear();
  watch.tried.clear();
  watch.restoredTokens = 0;
}

function freshWatch({ name, config: { url, apiKey } }: Member): Watch {
  return {
    server: createSlotServer({ backend: name, url, apiKey }),
    stem: undefined,
    seen: new Map(),
    saved: new Map(),
    tried: new Set(),
    restoredTokens: 0,
    savedAtMs: Number.NEGATIVE_INFINITY,
  };
}

function resting(fleet: Fleet): readonly Member[] {
  return fleet.members.filter(({ name, gate }) => gate.idle && isLlama(fleet, name));
}

/** With several models behind one address even the question after its slots would load one. */
function isLlama(fleet: Fleet, name: string): boolean {
  const { state, flavour, loaded } = fleet.status(name);
  return state === 'up' && flavour === 'llama.cpp' && loaded === undefined;
}
