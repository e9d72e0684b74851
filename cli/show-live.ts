import { databasePath, findDaemon, homeFolder } from '../daemon/state.ts';
import { runPs } from './ps.ts';
import { screenOf } from './screen.ts';
import { runTail, type TailOptions } from './tail.ts';
import type { ExitCode } from './terminal.ts';
import { runTop } from './top.ts';

/** `ps` on this machine's own daemon and terminal. */
export async function showPs(options: { readonly json?: boolean }): Promise<ExitCode> {
  const { stdout, stderr, env } = process;
  const daemon = await findDaemon(homeFolder(env));
  return runPs(options, { stdout, stderr, daemon, screen: screenOf(stdout, env) });
}

/** `tail` on this machine's own daemon, database and terminal. */
export async function showTail(options: TailOptions): Promise<ExitCode> {
  const { stdout, stderr, env } = process;
  const home = homeFolder(env);
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  return runTail(options, {
    ...{ stdout, stderr, home, stopping: stopping.signal },
    daemon: await findDaemon(home),
    databasePath: databasePath(home),
    nowMs: Date.now(),
    screen: screenOf(stdout, env),
  });
}

/** `top` on this machine's own daemon and terminal. */
export async function showTop(): Promise<ExitCode> {
  const { stdin, stdout, env } = process;
  const home = homeFolder(env);
  return runTop({ stdin, stdout, env, home, daemon: await findDaemon(home) });
}
