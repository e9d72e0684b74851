import { isAlive } from '../daemon/alive.ts';
import {
  clearState,
  type DaemonState,
  daemonUrl,
  findDaemon,
  homeFolder,
  readState,
} from '../daemon/state.ts';
import { pause } from './running.ts';
import { EXIT, type ExitCode, note, print } from './terminal.ts';

const POLL_MS = 50;
const PATIENCE_MS = 2000;
/** Longer than the longest drain that can be set. */
const STOP_BUDGET_MS = 660_000;

/** Resolves once the process is gone. Exit code 3 where there was none. */
export async function stop({ now }: { readonly now?: boolean }): Promise<ExitCode> {
  const home = homeFolder(process.env);
  const state = await stoppable(home);
  if (state === undefined) return EXIT.notRunning;
  if (!state.draining) process.kill(state.pid, 'SIGTERM');
  if (now) {
    // The daemon takes a second signal as "at once"; two in one instant would reach it as one.
    await pause(POLL_MS * 2);
    if (isAlive(state.pid)) process.kill(state.pid, 'SIGTERM');
  }
  if (!(await untilGone(state.pid))) {
    note(`Process ${state.pid} did not end. End it by hand: kill -9 ${state.pid}`);
    return EXIT.failure;
  }
  clearState(home, state.pid);
  print(`anyclaude stopped (pid ${state.pid})`);
  return EXIT.ok;
}

async function stoppable(home: string): Promise<DaemonState | undefined> {
  const state = readState(home);
  if (state === undefined || !isAlive(state.pid)) {
    if (state) clearState(home, state.pid);
    note('anyclaude is not running.');
    return undefined;
  }
  if (state.draining || (await findDaemon(home))) return state;
  // The pid may belong to another program by now: it is not ours to end.
  note(
    `anyclaude is not running: process ${state.pid}, which the state file names, does not answer at ${daemonUrl(state)}. ` +
      `If it is an anyclaude that hangs, end it by hand: kill ${state.pid}`,
  );
  return undefined;
}

async function untilGone(pid: number): Promise<boolean> {
  const startMs = Date.now();
  let told = false;
  while (isAlive(pid)) {
    const waitedMs = Date.now() - startMs;
    if (waitedMs > STOP_BUDGET_MS) return false;
    if (waitedMs > PATIENCE_MS && !told) {
      note('Waiting for running requests to end; anyclaude stop --now ends them at once.');
      told = true;
    }
    await pause(POLL_MS);
  }
  return true;
}
