// Checks what the daemon and Claude Code need, one line each, with what to do where something is wrong.

import { type Config, ConfigError, type ConfigFlags, readConfig } from '../daemon/config/config.ts';
import { unreadVariables } from '../daemon/config/sources.ts';
import { type DaemonState, daemonUrl, findDaemon } from '../daemon/state.ts';
import { checkBackends } from './doctor-backends.ts';
import { checkClient } from './doctor-client.ts';
import { checkDatabase, checkHome, checkNode, checkPort, checkServeMlx } from './doctor-machine.ts';
import { readSettledStatus } from './running.ts';
import { EXIT, type ExitCode, print } from './terminal.ts';

export type Check = {
  readonly subject: string;
  readonly verdict: 'ok' | 'warn' | 'fail';
  /** What was found and, unless all is well, what to do. */
  readonly finding: string;
};

/** Exit code 1 where something keeps the daemon or Claude Code from working. */
export async function doctor(flags: ConfigFlags): Promise<ExitCode> {
  const checks: Check[] = [];
  const tell = (...found: readonly Check[]) => {
    checks.push(...found);
    for (const { subject, verdict, finding } of found) {
      print(`${verdict.toUpperCase().padEnd(4)}  ${subject.padEnd(14)}  ${finding}`);
    }
  };
  tell(checkNode(process.versions.node));
  const config = readOrTell(flags, tell);
  if (config) await checkMachine(config, tell);
  return checks.some(({ verdict }) => verdict === 'fail') ? EXIT.failure : EXIT.ok;
}

type Tell = (...found: readonly Check[]) => void;

function readOrTell(flags: ConfigFlags, tell: Tell): Config | undefined {
  try {
    const config = readConfig({ flags, env: process.env });
    tell({ subject: 'configuration', verdict: 'ok', finding: `mode ${config.mode}` });
    for (const finding of unreadVariables(process.env))
      tell({ subject: 'configuration', verdict: 'warn', finding });
    return config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    tell({ subject: 'configuration', verdict: 'fail', finding: error.message });
    return undefined;
  }
}

async function checkMachine(config: Config, tell: Tell): Promise<void> {
  const home = checkHome(config.home);
  tell(home);
  // A folder that is not ours alone is not read any further.
  const state = home.verdict === 'fail' ? undefined : await findDaemon(config.home);
  tell(checkDaemon(state), ...(state ? [] : [await checkPort(config)]));
  tell(...(await checkBackends(config, state && (await readSettledStatus(state)))));
  tell(...(await checkServeMlx(config)));
  tell(await checkDatabase(config.home));
  tell(...checkClient(daemonUrl(state ?? config), config, { env: process.env, cwd: process.cwd() }));
}

function checkDaemon(state: DaemonState | undefined): Check {
  if (state)
    return { subject: 'daemon', verdict: 'ok', finding: `runs at ${daemonUrl(state)} (pid ${state.pid})` };
  return { subject: 'daemon', verdict: 'warn', finding: 'is not running: anyclaude start' };
}
