import { databasePath, homeFolder } from '../daemon/state.ts';
import { screenOf } from './screen.ts';
import { runSession, runSessions, type SessionsIo, type SessionsOptions } from './sessions.ts';
import type { ExitCode } from './terminal.ts';

/** `sessions` on this machine's own database and terminal. */
export function showSessions(options: SessionsOptions): Promise<ExitCode> {
  return runSessions(options, ownIo());
}

/** `session` on this machine's own database and terminal. */
export function showSession(asked: string, options: Pick<SessionsOptions, 'json'>): Promise<ExitCode> {
  return runSession(asked, options, ownIo());
}

function ownIo(): SessionsIo {
  const { stdout, stderr, env } = process;
  const path = databasePath(homeFolder(env));
  return { stdout, stderr, nowMs: Date.now(), databasePath: path, screen: screenOf(stdout, env) };
}
