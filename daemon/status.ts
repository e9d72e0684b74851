// What `anyclaude status`, `run` and `doctor` want to know of a running daemon.

import type { BackendStatus } from '../backend/backend.ts';
import type { Memory } from '../router/memory.ts';
import type { HeldPrompts } from '../router/warmth.ts';
import type { RecorderHealth } from '../store/recorder.ts';
import type { Config } from './config/config.ts';
import type { Fleet } from './fleet.ts';
import type { KeeperStatus } from './keeper/keeper.ts';

export type BackendReport = {
  readonly name: string;
  readonly url: string;
  readonly state: BackendStatus['state'];
  readonly model: string | null;
  readonly contextWindow: number | null;
  readonly contextWindowSource: BackendStatus['contextWindowSource'] | null;
  readonly flavour: BackendStatus['flavour'] | null;
  readonly inFlight: number;
  readonly queued: number;
  readonly maxConcurrent: number;
  readonly lastError: string | null;
  /** How its server is started, where the settings say so. */
  readonly startCommand: string | null;
  /** What it is believed to have in its prompt cache; null where nothing is known to be. No server can be asked. */
  readonly warm: HeldPrompts | null;
};

export type StatusReport = {
  readonly running: true;
  readonly pid: number;
  readonly url: string;
  readonly version: string;
  readonly mode: Config['mode'];
  readonly uptimeS: number;
  readonly draining: boolean;
  readonly backends: readonly BackendReport[];
  readonly store: { readonly queued: number; readonly dropped: number; readonly lastError: string | null };
  /** What is done while nobody waits. */
  readonly keeper: KeeperStatus;
  /** What a person should know, a sentence each: a moved database, auto mode without its safety check … */
  readonly notes: readonly string[];
};

export function reportBackends({ members, status }: Fleet, memory: Memory): readonly BackendReport[] {
  return members.map(({ name, config, gate }) => {
    const known = status(name);
    return {
      name,
      url: config.url,
      state: known.state,
      model: known.model ?? null,
      contextWindow: known.contextWindow ?? null,
      contextWindowSource: known.contextWindowSource ?? null,
      flavour: known.flavour ?? null,
      inFlight: gate.inFlight,
      queued: gate.queued,
      maxConcurrent: config.maxConcurrent,
      lastError: known.lastError ?? null,
      startCommand: config.startCommand ?? null,
      warm: known.state === 'down' ? null : (memory.held(name) ?? null),
    };
  });
}

/** What befell the record of requests. */
export function storeNotes({
  movedAside,
  wasRemoved,
  dropped,
  lastError,
}: RecorderHealth): readonly string[] {
  return [
    ...(movedAside === undefined
      ? []
      : [`The database was damaged and has been moved to ${movedAside}; a fresh one is used.`]),
    ...(wasRemoved === true
      ? ['The database was removed while the daemon ran; a fresh one is used from then on.']
      : []),
    ...(dropped === 0
      ? []
      : [
          `${dropped} ${dropped === 1 ? 'request is' : 'requests are'} missing in the record: they could not be stored.`,
        ]),
    ...(lastError === undefined ? [] : [`The store takes nothing now: ${lastError}`]),
  ];
}

/** Why a backend takes no edits for a while, told as to a turn that has not begun. */
export function editNotes({ members }: Fleet, memory: Memory, nowMs: number): readonly string[] {
  return members.flatMap(({ name }) => {
    const failing = memory.editsFailing(name, { turnId: '' }, nowMs);
    return failing === undefined ? [] : [`${name} takes no edits now: ${failing}.`];
  });
}
