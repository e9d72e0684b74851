// The file as a whole: copied while it is in use, checked, made smaller. Throws the database's error, or an Error whose
// message is a sentence for a person.

import { chmodSync, closeSync, existsSync, openSync, rmSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { MIGRATIONS } from '../migrations/index.ts';
import { inspectFile } from './inspect.ts';
import { schemaState } from './migrate.ts';
import { requireSafeSqlite } from './sqlite.ts';

export type CheckReport = {
  readonly bytes: number;
  /** The last step of the schema that was taken. */
  readonly schema: string;
  readonly state: ReturnType<typeof schemaState>;
  readonly requests: number;
  /** What is wrong, a sentence each; of a sound file nothing. */
  readonly problems: readonly string[];
};

/** Whoever writes meanwhile is waited for so long. */
const BUSY_TIMEOUT_MS = 10_000;
const MOST_PROBLEMS = 20;

/** Reads every page. */
export function checkFile(path: string): CheckReport {
  const sqlite = open(path, { readonly: true });
  try {
    const integrity = sqlite.pragma(`integrity_check(${MOST_PROBLEMS})`) as readonly {
      readonly integrity_check: string;
    }[];
    const orphans = sqlite.pragma('foreign_key_check') as readonly unknown[];
    const found = integrity.map(({ integrity_check }) => integrity_check).filter((line) => line !== 'ok');
    return {
      bytes: statSync(path).size,
      schema: String(sqlite.prepare('select max(name) from kysely_migration').pluck().get()),
      state: schemaState(sqlite, MIGRATIONS),
      requests: Number(sqlite.prepare('select count(*) from requests').pluck().get()),
      problems: [
        ...found,
        ...(orphans.length === 0 ? [] : [`${orphans.length} attempts belong to no request`]),
      ],
    };
  } finally {
    sqlite.close();
  }
}

/** A copy of one moment, readable by its owner alone; daemons may go on writing. What exists is not overwritten. */
export async function backUpFile(path: string, target: string): Promise<void> {
  const sqlite = open(path, { readonly: true });
  try {
    closeSync(openSync(target, 'wx', 0o600));
    try {
      // All of it in one step: each write of a daemon in between would begin it anew.
      await sqlite.backup(target, { progress: () => EVERY_PAGE });
      chmodSync(target, 0o600);
    } catch (error) {
      rmSync(target, { force: true });
      throw error;
    }
  } finally {
    sqlite.close();
  }
}

/** 2^31 − 1: SQLite counts pages in 32 bits. */
const EVERY_PAGE = 2_147_483_647;

/** Gives room that is no longer used back to the disk. A damaged file, and one of a newer schema, is not written. */
export function vacuumFile(path: string): { readonly bytesBefore: number; readonly bytesAfter: number } {
  requireUsable(path);
  const sqlite = open(path, { readonly: false });
  try {
    const bytesBefore = sizeOf(path);
    sqlite.exec('vacuum');
    sqlite.pragma('wal_checkpoint(truncate)');
    return { bytesBefore, bytesAfter: sizeOf(path) };
  } finally {
    sqlite.close();
  }
}

function requireUsable(path: string): void {
  const inspection = inspectFile(path, {
    busyTimeoutMs: BUSY_TIMEOUT_MS,
    fullyCheckedBytes: Number.POSITIVE_INFINITY,
    migrations: MIGRATIONS,
  });
  if (inspection.found === 'damaged') throw inspection.error;
  if (inspection.found === 'newer') {
    throw new Error('it was written by a newer anyclaude and is left as it is; update anyclaude');
  }
}

function open(path: string, { readonly }: { readonly readonly: boolean }): Database.Database {
  const sqlite = new Database(path, { readonly, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  requireSafeSqlite(sqlite);
  return sqlite;
}

function sizeOf(path: string): number {
  const sizes = ['', '-wal'].map((suffix) => (existsSync(path + suffix) ? statSync(path + suffix).size : 0));
  return sizes.reduce((sum, size) => sum + size, 0);
}
