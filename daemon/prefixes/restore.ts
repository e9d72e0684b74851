// After a start: what was kept of each project is computed again on the backends that had it, the project that was used
// last first. A server that still has it answers at once; a request that comes meanwhile goes before.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Fleet } from '../fleet.ts';
import { NOTHING_MISSING, type PrefillJob, type PrefillReport } from '../keeper/prefill.ts';
import { conversationOf, type SavedPrefix } from './prefix.ts';

export type RestoreOptions = {
  readonly prefixes: readonly SavedPrefix[];
  readonly fleet: Fleet;
  readonly run: (job: PrefillJob) => Promise<PrefillReport>;
  /** Backends that have what they had: they are not to be given anything else. */
  readonly isRestored: (backend: string) => boolean;
  readonly nowMs: number;
  readonly signal: AbortSignal;
  /** Between two looks at a server that is not up yet, or after a request came in between. */
  readonly retryMs?: number;
};

/** Each takes a place in a server's cache, which holds some ten conversations in all. */
const PROJECTS_PER_BACKEND = 3;
const RECENT_MS = 14 * 24 * 60 * 60_000;
const RETRY_MS = 5_000;
/** A server that has not come up by then is started by hand, some other day. */
const TRIES = 120;

/** Resolves once all is done, given up or aborted. Never rejects. */
export async function restorePrefixes(options: RestoreOptions): Promise<void> {
  await Promise.all(options.fleet.members.map(({ name }) => restoreOn(name, options)));
}

async function restoreOn(backend: string, options: RestoreOptions): Promise<void> {
  const { prefixes, nowMs, signal } = options;
  const due = prefixes
    .filter(({ backends, savedAtMs }) => backends.includes(backend) && nowMs - savedAtMs < RECENT_MS)
    .slice(0, PROJECTS_PER_BACKEND);
  let tries = TRIES;
  for (const prefix of due) {
    let isDone = false;
    while (!isDone && tries > 0 && !signal.aborted) {
      tries -= 1;
      isDone = await tryOnce(backend, prefix, options);
      if (!isDone) await pause(options);
    }
  }
}

/** True where there is nothing left to do. */
async function tryOnce(backend: string, prefix: SavedPrefix, options: RestoreOptions): Promise<boolean> {
  const { fleet, run, isRestored } = options;
  const member = fleet.member(backend);
  const status = fleet.status(backend);
  if (member === undefined) return true;
  if (status.state !== 'up') return false;
  if (isRestored(backend)) return true;
  const model = member.model(status);
  const conversation = conversationOf(prefix);
  const { project } = prefix;
  const job = {
    purpose: 'restore',
    backend,
    model,
    conversation,
    ...(project !== '' && { project }),
  } as const;
  const { result, reason } = await run(job);
  return result === 'completed' || result === 'failed' || reason === NOTHING_MISSING;
}

async function pause({ signal, retryMs = RETRY_MS }: RestoreOptions): Promise<void> {
  await sleep(retryMs, undefined, { signal, ref: false }).catch(() => {});
}
