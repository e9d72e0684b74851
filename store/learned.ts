// What the daemon learned of this machine, kept in the store. Read before the daemon listens, so without Kysely, which
// takes longer to load than all else here.

import Database from 'better-sqlite3';
import type { Kysely } from 'kysely';
import { whenFree } from './patience.ts';
import type { Schema } from './schema.ts';

/** A locked file is not waited for longer: without it the daemon learns anew. */
const BUSY_TIMEOUT_MS = 20;

/** By key, as it was written. What is missing or damaged teaches nothing: never throws. */
export function readLearned(path: string): ReadonlyMap<string, unknown> {
  try {
    const sqlite = new Database(path, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
    try {
      const rows = sqlite.prepare<[], Row>('select key, value from learned').all();
      return new Map(rows.flatMap(({ key, value }) => parsed(key, value)));
    } finally {
      sqlite.close();
    }
  } catch {
    return new Map();
  }
}

/** Of several daemons on one file the last one wins: they learn of the same servers. Rejects with the database's error. */
export async function writeLearned(
  db: Kysely<Schema>,
  learned: ReadonlyMap<string, string>,
  nowMs: number,
): Promise<void> {
  const rows = [...learned].map(([key, value]) => ({ key, value, updated_ms: Math.round(nowMs) }));
  if (rows.length === 0) return;
  const upsert = db
    .insertInto('learned')
    .values(rows)
    .onConflict((conflict) =>
      conflict.column('key').doUpdateSet(({ ref }) => ({
        value: ref('excluded.value'),
        updated_ms: ref('excluded.updated_ms'),
      })),
    );
  await whenFree(() => upsert.execute());
}

type Row = { readonly key: string; readonly value: string };

function parsed(key: string, value: string): readonly (readonly [string, unknown])[] {
  try {
    return [[key, JSON.parse(value)]];
  } catch {
    return [];
  }
}
