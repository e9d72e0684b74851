import { databasePath, homeFolder } from '../daemon/state.ts';
import type { PriceTable } from '../store/prices.ts';
import { screenOf } from './screen.ts';
import { runStats, type StatsOptions } from './stats.ts';
import { openStatsWatch } from './stats-watch.ts';
import { type ExitCode, note } from './terminal.ts';

/** `stats` on this machine's own database and terminal. */
export function showStats(options: StatsOptions): Promise<ExitCode> {
  const { stdin, stdout, stderr, env } = process;
  return runStats(options, {
    ...{ stdout, stderr },
    nowMs: Date.now(),
    databasePath: databasePath(homeFolder(env)),
    screen: screenOf(stdout, env),
    prices,
    ...(stdout.isTTY &&
      env['TERM'] !== 'dumb' && { openWatch: () => openStatsWatch({ stdin, stdout, env }) }),
  });
}

/** The configuration takes longer to load than all else: only who needs its prices waits for it. */
async function prices(): Promise<PriceTable | undefined> {
  const { ConfigError, readConfig } = await import('../daemon/config/config.ts');
  try {
    return readConfig({ flags: {}, env: process.env }).prices;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    note(`No prices: ${error.message}`);
    return undefined;
  }
}
