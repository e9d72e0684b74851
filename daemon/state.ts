// The state folder and the one file in it that says which daemon runs. The port is the lock; the file only
// tells where to knock, and is believed once the process behind it has answered.

import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { asFields } from '../wire/fields.ts';
import { answeringPid, isAlive } from './alive.ts';
import { ConfigError } from './config/error.ts';
import { logPath, statePath } from './home.ts';

export { databasePath, homeFolder, logPath } from './home.ts';

export type DaemonState = {
  readonly pid: number;
  readonly host: string;
  readonly port: number;
  readonly version: string;
  readonly startedAtMs: number;
  /** What a client has to show, where the daemon asks for it. */
  readonly token?: string;
  /** Flags that the daemon was started with, for a restart. */
  readonly flags: Readonly<Record<string, string>>;
  /** Set once it drains: it listens no more, but its streams still run. */
  readonly draining?: true;
};

/** Creates the state folder, or takes it back from group and others. Throws ConfigError where it is not ours alone. */
export function openHome(home: string): void {
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new ConfigError(`ANYCLAUDE_HOME ${home} cannot be created: ${String(error)}.`, 'environment');
  }
  const stats = ownEntry(home);
  if (!stats.isDirectory()) throw new ConfigError(`ANYCLAUDE_HOME ${home} is not a folder.`, 'environment');
  // Taking the user's whole home from their group would surprise; a folder for the daemon alone is asked for.
  if (home === '/' || home === resolve(homedir())) {
    throw new ConfigError(
      `ANYCLAUDE_HOME is ${home}, but it must be a folder of the daemon's own.`,
      'environment',
    );
  }
  if ((stats.mode & 0o077) !== 0) chmodSync(home, 0o700);
}

/** Opens a file in the state folder for appending, 0600. A symbolic link in its place is refused. */
export function openLog(home: string): number {
  const path = logPath(home);
  refuseForeign(path);
  const { O_APPEND, O_CREAT, O_RDWR, O_NOFOLLOW } = constants;
  const file = openSync(path, O_APPEND | O_CREAT | O_RDWR | O_NOFOLLOW, 0o600);
  fchmodSync(file, 0o600);
  return file;
}

/** Replaces the state file in one step: a reader sees the old one or the new one. */
export function writeState(home: string, state: DaemonState): void {
  refuseForeign(statePath(home));
  const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
  const temporary = join(home, `.state-${randomUUID()}.json`);
  const file = openSync(temporary, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600);
  try {
    writeFileSync(file, `${JSON.stringify(state)}\n`);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, statePath(home));
}

/** What the file says, undefined where there is none or it is damaged. Not yet believed: see findDaemon. */
export function readState(home: string): DaemonState | undefined {
  refuseForeign(statePath(home));
  try {
    return parseState(JSON.parse(readFileSync(statePath(home), 'utf8')));
  } catch {
    return undefined;
  }
}

/** Removes the state file if it is that process's own: a successor's stays. */
export function clearState(home: string, pid: number): void {
  if (readState(home)?.pid === pid) rmSync(statePath(home), { force: true });
}

/** The daemon that runs: its process lives and answers with its own pid. Undefined for a stale or foreign file. */
export async function findDaemon(home: string): Promise<DaemonState | undefined> {
  const state = readState(home);
  if (state === undefined || !isAlive(state.pid)) return undefined;
  return (await answeringPid(daemonUrl(state), state.token)) === state.pid ? state : undefined;
}

/** Where programs on this machine reach it: a daemon that listens everywhere is reached by loopback. */
export function daemonUrl({ host, port }: Pick<DaemonState, 'host' | 'port'>): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

function refuseForeign(path: string): void {
  try {
    ownEntry(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

/** Another user's file, or a link planted in its place, could make the daemon write or signal what it must not. */
function ownEntry(path: string): Stats {
  const stats = lstatSync(path);
  if (stats.isSymbolicLink()) {
    throw new ConfigError(
      `${path} is a symbolic link: remove it, or set ANYCLAUDE_HOME to where it leads.`,
      'environment',
    );
  }
  if (process.getuid !== undefined && stats.uid !== process.getuid()) {
    throw new ConfigError(
      `${path} belongs to another user: set ANYCLAUDE_HOME to a folder of your own.`,
      'environment',
    );
  }
  return stats;
}

function parseState(value: unknown): DaemonState | undefined {
  const { pid, host, port, version, startedAtMs, token, flags, draining } = asFields(value) ?? {};
  if (typeof pid !== 'number' || !Number.isInteger(pid) || pid <= 1) return undefined;
  if (typeof host !== 'string' || typeof port !== 'number' || typeof version !== 'string') return undefined;
  if (typeof startedAtMs !== 'number') return undefined;
  return {
    ...{ pid, host, port, version, startedAtMs, flags: textValues(flags) },
    ...(typeof token === 'string' ? { token } : {}),
    ...(draining === true ? { draining } : {}),
  };
}

function textValues(value: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries(asFields(value) ?? {});
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
