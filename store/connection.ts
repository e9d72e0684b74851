// The recorder's database while the daemon lives: opened when it is first needed, and anew where the file was taken
// away or has turned out to be damaged.

import { existsSync } from 'node:fs';
import { type DaemonIdentity, endDaemon, registerDaemon } from './daemons.ts';
import type { OpenResult, StoreDatabase } from './database.ts';
import { isDamage } from './sqlite-error.ts';

export type ConnectionOptions = {
  /** `damaged`: what is there is not to be used again. */
  readonly open: (found?: 'damaged') => Promise<OpenResult>;
  readonly daemon: DaemonIdentity;
};

export class StoreConnection {
  readonly #options: ConnectionOptions;
  /** Files that others have taken the place of. Closing one would delete the WAL of the one that is there now. */
  readonly #abandoned: StoreDatabase[] = [];
  #current: StoreDatabase | undefined;
  #found: 'damaged' | undefined;
  #movedAside: string | undefined;
  #wasRemoved = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Undefined while there is none. */
  get current(): StoreDatabase | undefined {
    return this.#current;
  }

  /** Where a damaged file was moved to, and whether one was taken away. */
  get mishaps(): { readonly movedAside?: string; readonly wasRemoved?: true } {
    return {
      ...(this.#movedAside !== undefined && { movedAside: this.#movedAside }),
      ...(this.#wasRemoved && { wasRemoved: true }),
    };
  }

  /** The database to write to now. Rejects, with a sentence or the database's error, where there is none to be had. */
  async opened(): Promise<StoreDatabase> {
    await this.#leaveRemoved();
    if (this.#current !== undefined) return this.#current;
    const opened = await this.#options.open(this.#found);
    if (opened.state === 'unusable') throw new Error(opened.message);
    this.#found = undefined;
    this.#movedAside = opened.movedAside ?? this.#movedAside;
    try {
      await registerDaemon(opened.database.db, this.#options.daemon);
    } catch (error) {
      await opened.database.close();
      throw error;
    }
    this.#current = opened.database;
    return opened.database;
  }

  /** After a write that failed. A damaged file is left; the next `opened` moves it aside. */
  failed(error: unknown): void {
    const store = this.#current;
    if (store === undefined || !isDamage(error)) return;
    // Another daemon may have put a fresh file in its place already: that one is not to be moved.
    if (store.isInPlace()) this.#found = 'damaged';
    this.#abandoned.push(store);
    this.#current = undefined;
  }

  /** Never rejects. */
  async close(endedAtMs: number): Promise<void> {
    try {
      if (this.#current !== undefined)
        await endDaemon(this.#current.db, this.#options.daemon.daemonId, endedAtMs);
    } catch {
      // The next daemon finds out by the pid.
    }
    await this.#current?.close();
    this.#current = undefined;
  }

  /** What was written to a file that is gone would be lost without a word. */
  async #leaveRemoved(): Promise<void> {
    const store = this.#current;
    if (store === undefined || store.isInPlace()) return;
    this.#wasRemoved = true;
    this.#current = undefined;
    // Where nothing is there its WAL goes with it; else SQLite would play it into the fresh file.
    if (existsSync(store.path)) this.#abandoned.push(store);
    else await store.close();
  }
}
