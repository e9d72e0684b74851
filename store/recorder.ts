// Writes what happened, never in a request's way: `begin` and `end` only put a row into a bounded queue, and
// the queue goes to the file in the background. A file that is locked, full or broken keeps the rows here until
// it takes them; what does not fit any more is counted as dropped.

import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import type { Outcome } from '../router/outcome.ts';
import type { Warmup } from '../router/warmup.ts';
import { StoreConnection } from './connection.ts';
import type { DaemonIdentity } from './daemons.ts';
import type { OpenResult, StoreDatabase } from './database.ts';
import { type PendingRecord, type StartedRequest, toEnded, toRunning } from './row.ts';
import type { Schema } from './schema.ts';
import { toWarmupRow, type WarmupRow, writeWarmups } from './warmups.ts';
import { isRefusedRow, writeRecords } from './write.ts';

export type { StartedRequest } from './row.ts';

export type RecorderHealth = {
  /** Requests whose newest state is not in the file yet. */
  readonly queued: number;
  /** Outcomes committed. */
  readonly written: number;
  /** Outcomes lost for good. */
  readonly dropped: number;
  /** Absent while the store works. */
  readonly lastError?: string;
  /** Where a damaged database was moved to. */
  readonly movedAside?: string;
  /** The file was taken away while the daemon ran; what comes after that is in a fresh one. */
  readonly wasRemoved?: boolean;
};

export type Recorder = {
  begin(started: StartedRequest): void;
  end(outcome: Outcome): void;
  /**
   * Other work on the open database, in turn with what is written; undefined while there is none. Rejects with the
   * database's error.
   */
  use<Result>(work: (db: Kysely<Schema>) => Promise<Result>): Promise<Result | undefined>;
  /** Again with the same id once its use is known. */
  warmup(warmup: Warmup): void;
  /** Resolves when the queue is empty or the store did not take it. Never rejects. */
  flush(): Promise<void>;
  /** Flushes, for `closeWithinMs` at most, and closes the database. Never rejects. */
  close(): Promise<void>;
  readonly health: RecorderHealth;
};

export type RecorderOptions = {
  /** Called in the background until the database is open, so that a locked one does not keep the daemon waiting. */
  readonly open: (found?: 'damaged') => Promise<OpenResult>;
  readonly daemon: DaemonIdentity;
  /** Unix epoch, milliseconds. */
  readonly clock: () => number;
  /** Told of every lost outcome, with the reason in words. */
  readonly onDrop?: (requestId: string, reason: string) => void;
  /** Told of every transaction that went through: how long it took. */
  readonly onFlush?: (durationMs: number) => void;
  readonly flushAfterMs?: number;
  /** When the database is opened, unless a request ends sooner. Default: at once. */
  readonly openAfterMs?: number;
  readonly closeWithinMs?: number;
  readonly capacity?: number;
};

export function createRecorder(options: RecorderOptions): Recorder {
  return new StoreRecorder(options);
}

/** A transaction of so many rows holds the event loop for about 2 ms. */
const BATCH = 32;
const FIRST_RETRY_MS = 50;
const MOST_WARMUPS = 1000;
const LAST_RETRY_MS = 1_000;

class StoreRecorder implements Recorder {
  readonly #options: RecorderOptions;
  readonly #capacity: number;
  readonly #flushAfterMs: number;
  readonly #connection: StoreConnection;
  readonly #pending = new Map<string, PendingRecord>();
  readonly #warmups = new Map<string, WarmupRow>();
  #timer: NodeJS.Timeout | undefined;
  #draining: Promise<void> | undefined;
  #failures = 0;
  #closed = false;
  #written = 0;
  #dropped = 0;
  #lastError: string | undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#connection = new StoreConnection(options);
    this.#capacity = options.capacity ?? 10_000;
    this.#flushAfterMs = options.flushAfterMs ?? 50;
    this.#schedule(options.openAfterMs ?? 0);
  }

  get health(): RecorderHealth {
    return {
      queued: this.#pending.size,
      written: this.#written,
      dropped: this.#dropped,
      ...(this.#lastError !== undefined && { lastError: this.#lastError }),
      ...this.#connection.mishaps,
    };
  }

  begin(started: StartedRequest): void {
    // Not queued where there is no room: nothing is lost, for the outcome brings the whole row.
    if (this.#closed || this.#pending.size >= this.#capacity || this.#pending.has(started.requestId)) return;
    this.#pending.set(started.requestId, toRunning(started, this.#options.daemon.daemonId));
    this.#schedule(this.#flushAfterMs);
  }

  end(outcome: Outcome): void {
    const record = toEnded(outcome, this.#options.daemon.daemonId);
    const hasRoom = this.#pending.size < this.#capacity || this.#pending.has(outcome.requestId);
    if (this.#closed || !hasRoom) {
      this.#drop(record, this.#closed ? 'the store is closed' : 'the queue is full');
      return;
    }
    this.#pending.set(outcome.requestId, record);
    this.#schedule(this.#flushAfterMs);
  }

  async use<Result>(work: (db: Kysely<Schema>) => Promise<Result>): Promise<Result | undefined> {
    const store = this.#connection.current;
    return store === undefined ? undefined : work(store.db);
  }

  warmup(warmup: Warmup): void {
    if (this.#closed || this.#warmups.size >= MOST_WARMUPS) return;
    this.#warmups.set(warmup.warmupId, toWarmupRow(warmup, this.#options.daemon.daemonId));
    this.#schedule(this.#flushAfterMs);
  }

  flush(): Promise<void> {
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined;
    });
    return this.#draining;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#flushWithin(this.#options.closeWithinMs ?? 2_000);
    for (const record of this.#pending.values()) this.#drop(record, this.#lastError ?? 'the store is closed');
    this.#pending.clear();
    clearTimeout(this.#timer);
    await this.#connection.close(this.#options.clock());
  }

  /** An earlier flush is waited for at its own pace, a later one comes in its place: one timer at a time. */
  #schedule(delayMs: number): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.flush();
    }, delayMs);
    this.#timer.unref();
  }

  async #drain(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    try {
      const store = await this.#connection.opened();
      while (this.#pending.size > 0) {
        const isFull = this.#pending.size >= BATCH;
        await this.#writeBatch(store);
        // Requests come first: one short transaction, then everyone else's turn. Rows that come one by one wait
        // for each other, for a transaction costs as much as twenty rows.
        if (isFull) await setImmediate();
        else if (this.#pending.size > 0) await delay(this.#flushAfterMs);
      }
      await this.#writeWarmups(store);
      this.#failures = 0;
      this.#lastError = undefined;
    } catch (error) {
      this.#failures += 1;
      this.#lastError = sentence(error);
      this.#connection.failed(error);
      this.#schedule(Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1)));
    }
  }

  async #writeBatch(store: StoreDatabase): Promise<void> {
    const batch = [...this.#pending.values()].slice(0, BATCH);
    const startedMs = performance.now();
    try {
      await writeRecords(store.db, batch);
    } catch (error) {
      if (!isRefusedRow(error)) throw error;
      await this.#writeSingly(store, batch);
    }
    this.#options.onFlush?.(performance.now() - startedMs);
    for (const record of batch) this.#settle(record);
  }

  /** What the schema refuses is let go: it is about a prefill, not about a request. */
  async #writeWarmups(store: StoreDatabase): Promise<void> {
    while (this.#warmups.size > 0) {
      const rows = [...this.#warmups.values()].slice(0, BATCH);
      await writeWarmups(store.db, rows).catch((error: unknown) => {
        if (!isRefusedRow(error)) throw error;
      });
      for (const row of rows) {
        if (this.#warmups.get(row.warmup_id) === row) this.#warmups.delete(row.warmup_id);
      }
    }
  }

  /** One row that the schema refuses must not hold up the others for ever. */
  async #writeSingly(store: StoreDatabase, batch: readonly PendingRecord[]): Promise<void> {
    for (const record of batch) {
      try {
        await writeRecords(store.db, [record]);
      } catch (error) {
        if (!isRefusedRow(error)) throw error;
        this.#pending.delete(record.request.request_id);
        this.#drop(record, sentence(error));
      }
    }
  }

  #settle(record: PendingRecord): void {
    const id = record.request.request_id;
    // While it was written, its end may have come in: then that stays for the next batch.
    if (this.#pending.get(id) !== record) return;
    this.#pending.delete(id);
    if (record.request.result !== 'running') this.#written += 1;
  }

  async #flushWithin(limitMs: number): Promise<void> {
    await this.flush();
    for (let waitedMs = 0; this.#pending.size > 0 && waitedMs < limitMs; waitedMs += FIRST_RETRY_MS) {
      await delay(FIRST_RETRY_MS);
      await this.flush();
    }
  }

  #drop({ request }: PendingRecord, reason: string): void {
    if (request.result === 'running') return; // only an outcome is a loss; what began may still end
    this.#dropped += 1;
    this.#options.onDrop?.(request.request_id, reason);
  }
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
