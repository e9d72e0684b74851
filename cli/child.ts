// A program in this one's place: its terminal, its signals and its exit code are its own.

import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { EXIT, type ExitCode, note } from './terminal.ts';

/** Resolves once it has ended, with its exit code as a shell would tell it. */
export function runInPlace(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<ExitCode> {
  const child = spawn(program, args, { stdio: 'inherit', env });
  // A terminal sends Ctrl-C to the whole group: the child has it already, and this process waits for it.
  const forwarded = (signal: NodeJS.Signals) => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, forwarded);
  return new Promise((resolve) => {
    child.once('error', (error) => {
      note(`anyclaude: ${program} could not be started: ${error.message}`);
      resolve(EXIT.failure);
    });
    child.once('exit', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}
