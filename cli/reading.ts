// Reads the store for one command: opened, asked and closed, with every failure as a sentence.

import type { Kysely } from 'kysely';
import { openDatabase } from '../store/database.ts';
import type { Schema } from '../store/schema.ts';

export type ReadIo = {
  /** Data. */
  readonly stdout: { write(text: string): unknown };
  /** Notes. */
  readonly stderr: { write(text: string): unknown };
  readonly nowMs: number;
  readonly databasePath: string;
};

export type Read<Value> =
  | { readonly value: Value }
  /** `missing`: nothing has been recorded yet, which is an answer, not a failure. */
  | { readonly problem: string; readonly missing: boolean };

/** Works with the daemon stopped. Never throws for what a disk or another process may have done to the file. */
export async function readStore<Value>(
  { databasePath, nowMs }: Pick<ReadIo, 'databasePath' | 'nowMs'>,
  read: (db: Kysely<Schema>) => Promise<Value>,
): Promise<Read<Value>> {
  const opened = await openDatabase({ path: databasePath, mode: 'read', nowMs });
  if (opened.state === 'unusable') return { problem: opened.message, missing: opened.why === 'missing' };
  try {
    return { value: await read(opened.database.db) };
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    return { problem: `The database at ${databasePath} cannot be read: ${cause}.`, missing: false };
  } finally {
    await opened.database.close();
  }
}

/** Undefined where it may be an id, or counts from the newest (-1); else the sentence for exit code 2. */
export function notAReference(asked: string): string | undefined {
  if (!/^-(?![1-9]\d{0,8}$)/.test(asked)) return undefined;
  return `${JSON.stringify(asked)} is no id and no count from the newest: -1 is the newest, -2 the one before it.`;
}
