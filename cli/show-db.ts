import { databasePath, homeFolder } from '../daemon/state.ts';
import { type DbIo, dbBackup, dbCheck, dbPath, dbVacuum } from './db.ts';
import type { ExitCode } from './terminal.ts';

/** `db` on this machine's own database. */
export const showDb = {
  path: (): ExitCode => dbPath(own()),
  backup: (file?: string): Promise<ExitCode> => dbBackup(file, own()),
  vacuum: (): Promise<ExitCode> => dbVacuum(own()),
  check: (): Promise<ExitCode> => dbCheck(own()),
};

function own(): DbIo {
  const { stdout, stderr, env } = process;
  return { stdout, stderr, nowMs: Date.now(), databasePath: databasePath(homeFolder(env)) };
}
