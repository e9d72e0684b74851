import { databasePath, homeFolder } from '../daemon/state.ts';
import { type ExplainOptions, runExplain } from './explain.ts';
import { screenOf } from './screen.ts';
import type { ExitCode } from './terminal.ts';

/** `explain` on this machine's own database and terminal. */
export function showExplain(asked: string, options: ExplainOptions): Promise<ExitCode> {
  const { stdout, stderr, env } = process;
  const path = databasePath(homeFolder(env));
  return runExplain(asked, options, {
    ...{ stdout, stderr, screen: screenOf(stdout, env) },
    ...{ nowMs: Date.now(), databasePath: path },
  });
}
