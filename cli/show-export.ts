import { databasePath, homeFolder } from '../daemon/state.ts';
import { type ExportOptions, runExport } from './export.ts';
import type { ExitCode } from './terminal.ts';

/** `export` of this machine's own database. */
export function showExport(options: ExportOptions): Promise<ExitCode> {
  const { stdout, stderr, env } = process;
  return runExport(options, {
    ...{ stdout, stderr },
    nowMs: Date.now(),
    databasePath: databasePath(homeFolder(env)),
  });
}
