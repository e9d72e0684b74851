import { databasePath, homeFolder } from '../daemon/state.ts';
import { runStats, type StatsOptions } from './stats.ts';
import { screenOf } from './stats-screen.ts';
import type { ExitCode } from './terminal.ts';

/** `stats` on this machine's own database and terminal. */
export function showStats(options: StatsOptions): Promise<ExitCode> {
  const { stdout, stderr, env } = process;
  return runStats(options, {
    ...{ stdout, stderr },
    nowMs: Date.now(),
    databasePath: databasePath(homeFolder(env)),
    screen: screenOf(stdout, env),
  });
}
