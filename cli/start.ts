// Starts the daemon in the background: the same program again, detached, with --foreground, its output in the
// log file. The command returns once the daemon has answered, or says why it never did.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, readFileSync } from 'node:fs';
import { extname, join, resolve } from 'node:path';
import { type ConfigFlags, readConfig } from '../daemon/config/config.ts';
import { type DaemonState, daemonUrl, findDaemon, logPath, openHome, openLog } from '../daemon/state.ts';
import { pause } from './running.ts';
import { EXIT, type ExitCode, note, print } from './terminal.ts';

export type StartOptions = ConfigFlags & { readonly foreground?: boolean };

const START_BUDGET_MS = 20_000;
const POLL_MS = 25;

export async function start({ foreground, ...flags }: StartOptions): Promise<ExitCode> {
  if (foreground) return (await import('./foreground.ts')).runForeground(flags);
  const running = await ensureRunning(flags);
  if (running === undefined) return EXIT.failure;
  const { state, startedNow } = running;
  if (!startedNow) note(alreadyRunning(state, flags));
  print(
    `anyclaude ${startedNow ? 'is up' : 'was already running'} at ${daemonUrl(state)} (pid ${state.pid})`,
  );
  return EXIT.ok;
}

/** The daemon that runs, started if there was none; undefined where it would not start, which has been told. */
export async function ensureRunning(
  flags: ConfigFlags,
): Promise<{ readonly state: DaemonState; readonly startedNow: boolean } | undefined> {
  const { home } = readConfig({ flags, env: process.env });
  openHome(home);
  const earlier = await findDaemon(home);
  if (earlier) return { state: earlier, startedNow: false };

  const { child, logStart } = spawnDaemon(home, flags);
  const state = await untilAnswering(home, child);
  if (state) return { state, startedNow: state.pid === child.pid };
  tellWhy(home, logStart, child);
  return undefined;
}

function alreadyRunning(state: DaemonState, flags: ConfigFlags): string {
  const other = Object.entries(flags).some(([name, value]) => state.flags[name] !== value);
  const advice = other ? ' Its settings stay as they were; anyclaude restart takes new ones.' : '';
  return `Nothing was started: a daemon of ${state.version} runs since ${new Date(state.startedAtMs).toISOString()}.${advice}`;
}

/**
 * For Node. Left alone, V8 lets the space for new objects grow to tens of megabytes and keeps them: with this bound the
 * daemon is some 15 MB smaller when it idles and 60 MB after work, and a request costs as much as before (0020).
 */
export const HEAP_ARGUMENTS = ['--max-semi-space-size=4'];

function spawnDaemon(home: string, flags: ConfigFlags) {
  const log = openLog(home);
  const logStart = fstatSync(log).size;
  const program = join(import.meta.dirname, `program${extname(import.meta.filename)}`);
  const child = spawn(
    process.execPath,
    [...HEAP_ARGUMENTS, program, 'start', '--foreground', ...flagArguments(flags)],
    {
      detached: true,
      // Away from the folder it was started in, so that it holds no disk and no worktree.
      cwd: home,
      env: { ...process.env, ANYCLAUDE_HOME: home },
      stdio: ['ignore', log, log],
    },
  );
  closeSync(log);
  return { child, logStart };
}

function flagArguments({ config, ...flags }: ConfigFlags): readonly string[] {
  const absolute = { ...flags, config: config === undefined ? undefined : resolve(config) };
  return Object.entries(absolute).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, value],
  );
}

/** Another start may have been quicker: then its daemon is found once our child has given up. */
async function untilAnswering(home: string, child: ChildProcess): Promise<DaemonState | undefined> {
  let ended = false;
  child.once('exit', () => {
    ended = true;
  });
  child.once('error', () => {
    ended = true;
  });
  const deadlineMs = Date.now() + START_BUDGET_MS;
  while (!ended && Date.now() < deadlineMs) {
    const state = await findDaemon(home);
    if (state?.pid === child.pid && state) {
      child.unref();
      return state;
    }
    await pause(POLL_MS);
  }
  return ended ? findDaemon(home) : undefined;
}

function tellWhy(home: string, logStart: number, child: ChildProcess): void {
  const written = readFileSync(logPath(home)).subarray(logStart).toString('utf8');
  const sentences = written.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  for (const line of sentences.slice(-20)) note(line);
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGTERM');
    note(`anyclaude did not answer within ${START_BUDGET_MS / 1000} s and was stopped.`);
  }
  note(`anyclaude did not start. Its log: ${logPath(home)}`);
}
