// The daemon in this process. It owns the signals, the state file and the bound on the log.

import { resolve } from 'node:path';
import { answeringPid } from '../daemon/alive.ts';
import { type Config, type ConfigFlags, readConfig } from '../daemon/config/config.ts';
import type { RunningDaemon } from '../daemon/main.ts';
import {
  clearState,
  type DaemonState,
  daemonUrl,
  findDaemon,
  logPath,
  openHome,
  writeState,
} from '../daemon/state.ts';
import { packageVersion } from '../daemon/version.ts';
import { boundLog } from './log-bound.ts';
import { renderLogLine } from './log-line.ts';
import { EXIT, type ExitCode, note } from './terminal.ts';

/** Resolves once the daemon has stopped. */
export async function runForeground(flags: ConfigFlags): Promise<ExitCode> {
  const config = readConfig({ flags, env: process.env });
  // The database, its journals and whatever else appears in the state folder belong to this user alone.
  process.umask(0o077);
  openHome(config.home);
  const other = await findDaemon(config.home);
  if (other) {
    note(`anyclaude runs already at ${daemonUrl(other)} (pid ${other.pid}). Stop it first: anyclaude stop`);
    return EXIT.failure;
  }
  const daemon = await open(config);
  if (!daemon) return EXIT.failure;
  const state = stateOf(daemon, config, flags);
  try {
    writeState(config.home, state);
  } catch (error) {
    // Without the file no command would find it again.
    await daemon.close('no state file');
    throw error;
  }
  note(`anyclaude ${state.version} listens at ${daemon.url} (mode ${config.mode}, pid ${process.pid})`);
  boundLog(logPath(config.home));
  stopOnSignals(daemon, config.home, state);
  await daemon.closed;
  clearState(config.home, process.pid);
  return EXIT.ok;
}

/** Undefined where the port cannot be had, which has been told. */
async function open(config: Config): Promise<RunningDaemon | undefined> {
  const { startDaemon } = await import('../daemon/main.ts');
  const logStream = process.stdout.isTTY ? { logStream: { write: writeReadable } } : {};
  try {
    return await startDaemon({ config, version: packageVersion(), ...logStream });
  } catch (error) {
    const why = await whyNotListening(config, error);
    if (why === undefined) throw error;
    note(`anyclaude: ${why}`);
    return undefined;
  }
}

function writeReadable(line: string): void {
  process.stdout.write(`${renderLogLine(line.trimEnd())}\n`);
}

async function whyNotListening({ host, port, token }: Config, error: unknown): Promise<string | undefined> {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const how = 'Choose another with --port, ANYCLAUDE_PORT or "port" in config.json.';
  switch (code) {
    case 'EADDRINUSE': {
      const pid = await answeringPid(daemonUrl({ host, port }), token);
      const by =
        pid === undefined ? 'another program' : `an anyclaude daemon with another state folder (pid ${pid})`;
      return `port ${port} on ${host} is taken by ${by}. ${how}`;
    }
    case 'EACCES':
      return `port ${port} on ${host} is not allowed for this user. ${how}`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is no address of this machine. Set --host, ANYCLAUDE_HOST or "host" in config.json to 127.0.0.1.`;
    default:
      return undefined;
  }
}

function stateOf(daemon: RunningDaemon, config: Config, flags: ConfigFlags): DaemonState {
  const given = Object.entries(flags).flatMap(([name, value]) =>
    // A restart may be asked for in another folder.
    value === undefined ? [] : [[name, name === 'config' ? resolve(value) : value]],
  );
  return {
    pid: process.pid,
    host: config.host,
    port: Number(new URL(daemon.url).port || 80),
    version: packageVersion(),
    startedAtMs: Date.now(),
    ...(config.token === undefined ? {} : { token: config.token }),
    flags: Object.fromEntries(given),
  };
}

/** The first signal lets requests end, the second ends everything at once; a third does not wait for the record. */
function stopOnSignals(daemon: RunningDaemon, home: string, state: DaemonState): void {
  let signals = 0;
  const leave = () => {
    clearState(home, process.pid);
    process.exit(EXIT.failure);
  };
  const onSignal = (signal: NodeJS.Signals) => {
    signals += 1;
    if (signals > 2) leave();
    if (signals === 2) void daemon.abandon().finally(leave);
    if (signals > 1) return;
    note(`${signal}: requests that run may end; a second signal ends them at once.`);
    writeState(home, { ...state, draining: true });
    void daemon.close(signal);
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, onSignal);
}
