// Opens the store: one SQLite file, readable by its owner alone, checked and migrated before its first use.
// Whatever is wrong with the file comes back as a value: a daemon without its store still serves requests.

import { chmodSync, closeSync, existsSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import { MIGRATIONS } from '../migrations/index.ts';
import { readAsInterrupted } from './daemons.ts';
import { inspectFile } from './inspect.ts';
import { migrate, schemaState } from './migrate.ts';
import type { Schema } from './schema.ts';
import { requireSafeSqlite, StoreDialect } from './sqlite.ts';
import { isBusy, isDamage } from './sqlite-error.ts';

export type StoreDatabase = {
  readonly path: string;
  readonly db: Kysely<Schema>;
  /** False once the file is gone, or another one has taken its place. */
  isInPlace(): boolean;
  /** Nothing is written after it. Closing twice is harmless. */
  close(): Promise<void>;
};

export type Unusable = {
  readonly state: 'unusable';
  readonly why: 'missing' | 'newer' | 'older' | 'damaged' | 'busy' | 'failed';
  /** One sentence for a person. */
  readonly message: string;
};

export type OpenResult =
  | {
      readonly state: 'open';
      readonly database: StoreDatabase;
      /** Where a damaged file was moved to, if there was one. */
      readonly movedAside?: string;
    }
  | Unusable;

export type OpenOptions = {
  readonly path: string;
  /** `write` creates, mends and migrates; `read` changes nothing and needs no daemon. */
  readonly mode: 'write' | 'read';
  /** What is there has been found to be damaged while it was in use: it is moved aside without a further look. */
  readonly isDamaged?: boolean;
  /** Unix epoch, milliseconds: names a damaged file that is moved aside. */
  readonly nowMs: number;
  /** The steps that this program knows. Tests pass others. */
  readonly migrations?: Readonly<Record<string, Migration>>;
};

/** The waits block the event loop, so they are short: whoever opens or writes tries again later instead. */
const OPEN_BUSY_TIMEOUT_MS = 50;
const WRITE_BUSY_TIMEOUT_MS = 5;
/**
 * A check of so much takes about 60 ms of the start. A larger file that was cut off is still found out, one with a
 * bad page only when that page is read.
 */
const FULLY_CHECKED_BYTES = 8 * 1024 * 1024;
const START_LOOK = { busyTimeoutMs: OPEN_BUSY_TIMEOUT_MS, fullyCheckedBytes: FULLY_CHECKED_BYTES };
const WAL_SIZE_LIMIT_BYTES = 16 * 1024 * 1024;

/** Never throws for what a disk, another process or an older or newer program may have done to the file. */
export async function openDatabase(options: OpenOptions): Promise<OpenResult> {
  try {
    return options.mode === 'write' ? await openForWriting(options) : await openForReading(options);
  } catch (error) {
    return unusable(options.path, error);
  }
}

async function openForWriting(options: OpenOptions): Promise<OpenResult> {
  const { path, nowMs, isDamaged = false, migrations = MIGRATIONS } = options;
  createPrivateFile(path);
  const found = isDamaged ? 'damaged' : inspectFile(path, { ...START_LOOK, migrations }).found;
  if (found === 'newer') return newer(path);
  const movedAside = found === 'damaged' ? moveAside(path, nowMs) : undefined;
  if (movedAside !== undefined) createPrivateFile(path);
  const sqlite = new Database(path, { timeout: OPEN_BUSY_TIMEOUT_MS });
  try {
    requireSafeSqlite(sqlite);
    // Another program may have written it since that look.
    if (schemaState(sqlite, migrations) === 'newer') return closing(sqlite, newer(path));
    configure(sqlite);
    const database = store(path, sqlite);
    await migrate(database.db, sqlite, migrations);
    sqlite.pragma(`busy_timeout = ${WRITE_BUSY_TIMEOUT_MS}`);
    return { state: 'open', database, ...(movedAside !== undefined && { movedAside }) };
  } catch (error) {
    return closing(sqlite, unusable(path, error));
  }
}

async function openForReading({ path, migrations = MIGRATIONS }: OpenOptions): Promise<OpenResult> {
  if (!existsSync(path)) {
    return missing(`there is no database at ${path}`);
  }
  const sqlite = new Database(path, { readonly: true, fileMustExist: true, timeout: 1000 });
  try {
    requireSafeSqlite(sqlite);
    const state = schemaState(sqlite, migrations);
    if (state === 'empty') return closing(sqlite, missing(`the database at ${path} is empty`));
    if (state === 'newer') return closing(sqlite, newer(path));
    if (state === 'older') return closing(sqlite, older(path));
    const database = store(path, sqlite);
    await readAsInterrupted(database.db);
    return { state: 'open', database };
  } catch (error) {
    return closing(sqlite, unusable(path, error));
  }
}

/** SQLite gives the WAL and the shared-memory file the mode of the database, so one mode guards all three. */
function createPrivateFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'a', 0o600));
  chmodSync(path, 0o600);
}

/** The three files go together: a WAL left behind would be replayed into the fresh database. */
function moveAside(path: string, nowMs: number): string {
  const stamp = new Date(nowMs).toISOString().replaceAll(':', '-');
  const aside = `${path}.corrupt-${stamp}`;
  for (const suffix of ['-wal', '-shm', '']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  return aside;
}

function configure(sqlite: Database.Database): void {
  sqlite.pragma('auto_vacuum = INCREMENTAL'); // has an effect only before the first table
  sqlite.pragma('journal_mode = WAL');
  sqlite.pragma('synchronous = FULL');
  sqlite.pragma('fullfsync = ON'); // macOS: without it fsync does not reach the disk; elsewhere nothing
  sqlite.pragma('foreign_keys = ON');
  sqlite.pragma(`journal_size_limit = ${WAL_SIZE_LIMIT_BYTES}`);
}

function store(path: string, sqlite: Database.Database): StoreDatabase {
  const db = new Kysely<Schema>({ dialect: new StoreDialect(sqlite) });
  const opened = statSync(path);
  return {
    path,
    db,
    isInPlace() {
      const now = statSync(path, { throwIfNoEntry: false });
      return now !== undefined && now.ino === opened.ino && now.dev === opened.dev;
    },
    async close() {
      await db.destroy();
      sqlite.close(); // Kysely closes only what it has used
    },
  };
}

function closing(sqlite: Database.Database, result: Unusable): Unusable {
  sqlite.close();
  return result;
}

function missing(what: string): Unusable {
  const message = `Nothing has been recorded yet: ${what}. Start the daemon with \`anyclaude start\`.`;
  return { state: 'unusable', why: 'missing', message };
}

function newer(path: string): Unusable {
  const message = `The database at ${path} was written by a newer anyclaude and is left as it is. Update anyclaude, or set ANYCLAUDE_HOME to another folder.`;
  return { state: 'unusable', why: 'newer', message };
}

function older(path: string): Unusable {
  const message = `The database at ${path} is of an older anyclaude. Start the daemon once with \`anyclaude start\`: it brings it up to date.`;
  return { state: 'unusable', why: 'older', message };
}

function unusable(path: string, error: unknown): Unusable {
  const cause = error instanceof Error ? error.message : String(error);
  if (isBusy(error)) {
    return {
      state: 'unusable',
      why: 'busy',
      message: `The database at ${path} is locked by another process.`,
    };
  }
  if (isDamage(error)) {
    const message = `The database at ${path} is damaged (${cause}). The daemon moves it aside when it next starts.`;
    return { state: 'unusable', why: 'damaged', message };
  }
  return { state: 'unusable', why: 'failed', message: `The database at ${path} cannot be opened: ${cause}.` };
}
