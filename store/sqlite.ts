// Kysely on better-sqlite3, with two corrections to Kysely's own dialect: transactions take the write lock when
// they begin (a deferred one that reads first cannot be retried from within when another process writes in
// between), and migrations run inside one (SQLite's DDL is transactional; Kysely does not use it).

import Database from 'better-sqlite3';
import { CompiledQuery, type DatabaseConnection, SqliteAdapter, SqliteDialect, SqliteDriver } from 'kysely';
import { keep } from '../wire/bounded.ts';
import { isSafeSqlite } from './sqlite-version.ts';

export class StoreDialect extends SqliteDialect {
  readonly #sqlite: Database.Database;

  constructor(sqlite: Database.Database) {
    super({ database: sqlite });
    this.#sqlite = sqlite;
  }

  override createDriver(): ImmediateDriver {
    return new ImmediateDriver(this.#sqlite);
  }

  override createAdapter(): TransactionalAdapter {
    return new TransactionalAdapter();
  }
}

class ImmediateDriver extends SqliteDriver {
  readonly #sqlite: Database.Database;

  constructor(sqlite: Database.Database) {
    super({ database: { prepare: keptStatements(sqlite), close: () => sqlite.close() } });
    this.#sqlite = sqlite;
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    // A full disk makes SQLite roll back by itself; a second rollback would hide the error that matters.
    if (this.#sqlite.inTransaction) await super.rollbackTransaction(connection);
  }
}

/** So many different ones are written again and again: those of the recorder, and begin and commit. */
const MOST_STATEMENTS = 16;

/**
 * What writes is prepared once, for that takes longer than to run it; what has not been used longest goes, like the
 * migrations' statements. A reader may still be in use: it is not kept.
 */
function keptStatements(sqlite: Database.Database): (sql: string) => Database.Statement<unknown[]> {
  const kept = new Map<string, Database.Statement<unknown[]>>();
  return (sql) => {
    const statement = kept.get(sql) ?? sqlite.prepare<unknown[]>(sql);
    if (!statement.reader) keep(kept, MOST_STATEMENTS, sql, statement);
    return statement;
  };
}

class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** Undefined where it cannot be loaded on this machine. */
export function sqliteVersion(): string | undefined {
  try {
    const memory = new Database(':memory:');
    const version = versionOf(memory);
    memory.close();
    return version;
  } catch {
    return undefined;
  }
}

function versionOf(sqlite: Database.Database): string {
  return String(sqlite.prepare('select sqlite_version()').pluck().get());
}

/** Throws where the SQLite that is linked in is too old. */
export function requireSafeSqlite(sqlite: Database.Database): void {
  const version = versionOf(sqlite);
  if (!isSafeSqlite(version)) {
    throw new Error(
      `SQLite ${version} can lose records; 3.51.3 is the oldest that is safe. Run \`npm ci\` again.`,
    );
  }
}
