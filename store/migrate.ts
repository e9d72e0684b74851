// Brings the schema up to date, all pending steps in one transaction: the schema is the old or the new one.

import { chmodSync, rmSync } from 'node:fs';
import type Database from 'better-sqlite3';
import type { Kysely } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import type { Schema } from './schema.ts';

type Migrations = Readonly<Record<string, Migration>>;

/**
 * `newer`: steps were applied that this program does not know. `older`: known steps are missing. `empty`: no step was
 * ever applied, as in the moment before the first.
 */
export function schemaState(
  sqlite: Database.Database,
  known: Migrations,
): 'current' | 'older' | 'newer' | 'empty' {
  const applied = appliedSteps(sqlite);
  if (applied.length === 0) return 'empty';
  if (applied.some((name) => !(name in known))) return 'newer';
  return applied.length === Object.keys(known).length ? 'current' : 'older';
}

/** Throws what made a step fail; the schema is then as it was. */
export async function migrate(
  db: Kysely<Schema>,
  sqlite: Database.Database,
  known: Migrations,
): Promise<void> {
  if (schemaState(sqlite, known) === 'current') return;
  backUp(sqlite);
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...known }) } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}

function appliedSteps(sqlite: Database.Database): readonly string[] {
  const table = `select 1 from sqlite_schema where name = 'kysely_migration'`;
  if (sqlite.prepare(table).get() === undefined) return [];
  return sqlite.prepare<[], string>('select name from kysely_migration order by name').pluck().all();
}

/** A copy of a database that holds history, named after its last step. An older copy of that name goes. */
function backUp(sqlite: Database.Database): void {
  const last = appliedSteps(sqlite).at(-1);
  if (last === undefined) return;
  const copy = `${sqlite.name}.backup-${last}`;
  rmSync(copy, { force: true });
  sqlite.prepare('vacuum into ?').run(copy);
  chmodSync(copy, 0o600);
}
