// A look at a file that writes nothing. Whoever opens a database to write and closes it again puts its WAL away, which
// may hold what a damaged one has lost, and belongs to the program that wrote it where the schema is a newer one.

import { existsSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { Migration } from 'kysely/migration';
import { schemaState } from './migrate.ts';
import { requireSafeSqlite } from './sqlite.ts';
import { isDamage, sqliteCode } from './sqlite-error.ts';

export type Inspection =
  /** `sound` as far as was looked. */
  { readonly found: 'sound' | 'newer' } | { readonly found: 'damaged'; readonly error: unknown };

export type InspectOptions = {
  readonly busyTimeoutMs: number;
  /** Of a larger file only the schema is looked at. */
  readonly fullyCheckedBytes: number;
  readonly migrations: Readonly<Record<string, Migration>>;
};

/** Throws the database's error where it is neither: busy, or not to be had. */
export function inspectFile(path: string, options: InspectOptions): Inspection {
  if (isEmptyFile(path)) return { found: 'sound' };
  try {
    return inspect(path, options);
  } catch (error) {
    if (isDamage(error)) return { found: 'damaged', error };
    // Only a writer can mend what a crash left half done, or make the files that a reader needs: it tells.
    if (/^SQLITE_(READONLY|CANTOPEN)/.test(sqliteCode(error) ?? '')) return { found: 'sound' };
    throw error;
  }
}

/** Nothing was ever put into it. */
export function isEmptyFile(path: string): boolean {
  return existsSync(path) && statSync(path).size === 0;
}

function inspect(path: string, { busyTimeoutMs, fullyCheckedBytes, migrations }: InspectOptions): Inspection {
  const sqlite = new Database(path, { readonly: true, fileMustExist: true, timeout: busyTimeoutMs });
  try {
    requireSafeSqlite(sqlite);
    // Opening reads nothing: the first look at the schema is what finds a file that is no database.
    if (schemaState(sqlite, migrations) === 'newer') return { found: 'newer' };
    if (statSync(path).size > fullyCheckedBytes) return { found: 'sound' };
    const answer = String(sqlite.pragma('quick_check(1)', { simple: true }));
    if (answer === 'ok') return { found: 'sound' };
    // The lines above it name the database.
    const problem = answer.split('\n').at(-1) ?? answer;
    return { found: 'damaged', error: new Database.SqliteError(problem, 'SQLITE_CORRUPT') };
  } finally {
    sqlite.close();
  }
}
