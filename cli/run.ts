// Claude Code, connected to the daemon. Its terminal, its arguments and its exit code are its own.

import { type ConfigFlags, readConfig } from '../daemon/config/config.ts';
import { daemonUrl } from '../daemon/state.ts';
import { runInPlace } from './child.ts';
import { CLAUDE_MISSING, findClaude } from './claude-binary.ts';
import { type ClaudeSettings, isSignedIn, readClaudeSettings } from './claude-settings.ts';
import { clientArguments } from './client-arguments.ts';
import { clientEnvironment } from './client-environment.ts';
import { asRunning, readSettledStatus } from './running.ts';
import { ensureRunning } from './start.ts';
import { EXIT, type ExitCode, note } from './terminal.ts';

export async function run(given: readonly string[], flags: ConfigFlags): Promise<ExitCode> {
  const { env } = process;
  const cwd = process.cwd();
  const claude = findClaude(env);
  if (claude === undefined) {
    note(`anyclaude: ${CLAUDE_MISSING}`);
    return EXIT.failure;
  }
  const running = await ensureRunning(flags);
  if (running === undefined) return EXIT.failure;
  const status = await readSettledStatus(running.state);
  const config = asRunning(readConfig({ flags, env }), running.state, status);

  const settings = readClaudeSettings(env, cwd);
  const url = daemonUrl(running.state);
  const client = clientEnvironment({ config, url, status, env, cwd, signedIn: isSignedIn(env, settings) });
  const { args, notes } = clientArguments(given, config, settings);
  for (const line of [...client.notes, ...notes, ...overriddenBy(settings, url)]) note(`anyclaude: ${line}`);
  return runInPlace(claude, args, { ...env, ...client.set });
}

/** Settings files win over the environment, so the daemon would wait in vain. */
export function overriddenBy(settings: readonly ClaudeSettings[], url: string): readonly string[] {
  return settings
    .filter(({ baseUrl }) => baseUrl !== undefined && baseUrl.replace(/\/+$/, '') !== url)
    .map(
      ({ path }) =>
        `${path} sets ANTHROPIC_BASE_URL, so Claude Code will not use the daemon. Remove it there.`,
    );
}
