import type { ConfigFlags } from '../daemon/config/config.ts';
import { readConfig } from '../daemon/config/config.ts';
import { findDaemon, homeFolder } from '../daemon/state.ts';
import { start } from './start.ts';
import { stop } from './stop.ts';
import { EXIT, type ExitCode } from './terminal.ts';

/** Flags that are not given again stay as they were. A configuration that is wrong stops nothing. */
export async function restart(given: ConfigFlags): Promise<ExitCode> {
  const running = await findDaemon(homeFolder(process.env));
  const flags = { ...running?.flags, ...given };
  readConfig({ flags, env: process.env });
  if (running) {
    const stopped = await stop({});
    if (stopped !== EXIT.ok) return stopped;
  }
  return start(flags);
}
