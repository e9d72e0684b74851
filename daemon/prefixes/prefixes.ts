// Each project's front outlives the daemon: written when it changes, and computed again after a start, before the
// first request needs it.

import { keep } from '../../wire/bounded.ts';
import type { KeptPrompt } from '../keeper/prompts.ts';
import { nameOf, prefixOf, type SavedPrefix } from './prefix.ts';
import type { PrefixStore } from './store.ts';

export type Prefixes = {
  /** After each answered request; cheap where nothing changed. */
  note(prompt: KeptPrompt): void;
  /** What was kept before this start, the newest first. */
  load(): Promise<readonly SavedPrefix[]>;
};

type Written = { readonly hash: string; readonly backends: readonly string[]; touchedAtMs: number };

const MOST_BACKENDS = 4;
const MOST_PROJECTS = 100;
const TOUCH_EVERY_MS = 60 * 60_000;

export function createPrefixes(store: PrefixStore): Prefixes {
  const written = new Map<string, Written>();

  return {
    note(prompt) {
      if (prompt.kind !== 'main') return;
      const name = nameOf(prompt);
      if (name === undefined) return;
      const before = written.get(name.project);
      if (before?.hash === name.hash && before.backends.includes(prompt.backend)) {
        if (prompt.endedAtMs - before.touchedAtMs < TOUCH_EVERY_MS) return;
        before.touchedAtMs = prompt.endedAtMs;
        store.touch(name.project);
        return;
      }
      const others = before?.backends.filter((backend) => backend !== prompt.backend) ?? [];
      const backends = [prompt.backend, ...others].slice(0, MOST_BACKENDS);
      keep(written, MOST_PROJECTS, name.project, {
        hash: name.hash,
        backends,
        touchedAtMs: prompt.endedAtMs,
      });
      store.save(prefixOf(prompt, name, backends));
    },
    async load() {
      const found = await store.load();
      for (const { project, hash, backends, savedAtMs } of found) {
        // A request that came meanwhile knows better.
        if (!written.has(project)) written.set(project, { hash, backends, touchedAtMs: savedAtMs });
      }
      return found;
    },
  };
}
