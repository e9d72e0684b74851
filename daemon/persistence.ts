// What outlives the daemon and its servers of the prompts that were computed: the front of each project's prompt on
// disk, and the slots of llama.cpp servers in files of their own. All of it off where a person wants nothing kept.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from './config/config.ts';
import type { Fleet } from './fleet.ts';
import type { KeptPrompt, Prompts } from './keeper/prompts.ts';
import type { Logger } from './log.ts';
import { prefixFolder } from './prefixes/files.ts';
import { promptOfPrefix } from './prefixes/prefix.ts';
import { createPrefixes } from './prefixes/prefixes.ts';
import { createPrefixStore } from './prefixes/store.ts';
import { createSlotFiles, slotFilesPath } from './slot-files.ts';
import { createSlotKeeper } from './slots.ts';

export type Persistence = {
  /** A request was answered. */
  note(prompt: KeptPrompt): void;
  /** Reads slots back, and tells of the fronts of projects; to be called once the backends were probed. Never rejects. */
  restore(know: Prompts['know']): Promise<void>;
  /** This backend has its slots again. */
  isRestored(backend: string): boolean;
  /** By the clock. Never rejects. */
  tend(): Promise<void>;
  /** A sentence each. */
  readonly problems: readonly string[];
  /** Saves what is not saved yet. Never rejects. */
  close(): Promise<void>;
};

export type PersistenceOptions = {
  readonly config: Pick<Config, 'home' | 'persistPrefixes'>;
  readonly fleet: Fleet;
  readonly log: Logger;
  readonly wall: () => number;
};

export function createPersistence({ config, fleet, log, wall }: PersistenceOptions): Persistence {
  if (!config.persistPrefixes) return nothingKept(config, log);
  const store = createPrefixStore(config.home);
  const prefixes = createPrefixes(store);
  const slots = createSlotKeeper({ fleet, files: createSlotFiles(config.home), log });
  const closing = new AbortController();
  let tending = Promise.resolve();
  // One after the other: the clock may come while a server is still busy with its last save.
  const tend = (): Promise<void> => {
    tending = tending.then(() => (closing.signal.aborted ? undefined : slots.tend(wall())));
    return tending;
  };

  return {
    note: (prompt) => prefixes.note(prompt),
    async restore(know) {
      const found = await prefixes.load();
      for (const prefix of found.toReversed()) know(promptOfPrefix(prefix));
      for (const problem of store.problems) log.warn(problem);
      await tend();
    },
    isRestored: (backend) => slots.restoredTokens(backend) > 0,
    tend,
    get problems() {
      return store.problems;
    },
    async close() {
      closing.abort();
      await tending;
      await Promise.all([slots.close(), store.close()]);
    },
  };
}

/** The same prompts, and the persistence told of each. */
export function noted(prompts: Prompts, persistence: Pick<Persistence, 'note'>): Prompts {
  return {
    ...prompts,
    keep(prompt) {
      prompts.keep(prompt);
      persistence.note(prompt);
    },
  };
}

/** Of `serve-mlx`: whole conversations, as the server has them. */
export function mlxCacheFolder(home: string): string {
  return join(home, 'mlx-cache');
}

/** All that was ever kept of prompts, on this machine and within its folder. */
async function removeKept(home: string): Promise<void> {
  const paths = [prefixFolder(home), slotFilesPath(home), mlxCacheFolder(home)];
  await Promise.all(paths.map((path) => rm(path, { recursive: true, force: true })));
}

/** What was kept before goes, too. */
function nothingKept({ home }: Pick<Config, 'home'>, log: Logger): Persistence {
  return {
    note() {},
    async restore() {
      await removeKept(home).catch((error) =>
        log.warn({ err: error }, 'what was kept of prompts is still there'),
      );
    },
    isRestored: () => false,
    async tend() {},
    problems: [],
    async close() {},
  };
}
