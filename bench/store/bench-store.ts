// A record of requests in a folder of its own.

import { mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { databasePath } from '../../daemon/state.ts';
import { openDatabase, type StoreDatabase } from '../../store/database.ts';

export type BenchStore = StoreDatabase & {
  /** The state folder, as a command finds it by ANYCLAUDE_HOME. */
  readonly home: string;
  /** Of the database file, without its WAL. */
  megabytes(): number;
};

export async function openBenchStore(): Promise<BenchStore> {
  const home = mkdtempSync(join(tmpdir(), 'anyclaude-bench-store-'));
  const path = databasePath(home);
  const opened = await openDatabase({ path, mode: 'write', nowMs: Date.now() });
  if (opened.state === 'unusable') throw new Error(opened.message);
  return { ...opened.database, home, megabytes: () => statSync(path).size / 1e6 };
}
