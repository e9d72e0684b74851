import { setTimeout as delay } from 'node:timers/promises';
import { databasePath, homeFolder } from '../daemon/state.ts';
import type { PriceTable } from '../store/prices.ts';
import { screenOf } from './screen.ts';
import { runStats, type StatsOptions } from './stats.ts';
import { type ExitCode, note } from './terminal.ts';

const REDRAW_MS = 2000;

/** `stats` on this machine's own database and terminal. */
export function showStats(options: StatsOptions): Promise<ExitCode> {
  const { stdout, stderr, env } = process;
  return runStats(options, {
    ...{ stdout, stderr },
    nowMs: Date.now(),
    databasePath: databasePath(homeFolder(env)),
    screen: screenOf(stdout, env),
    prices,
    ...(stdout.isTTY && { nextMs: () => delay(REDRAW_MS).then(Date.now) }),
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
