import { type ConfigFlags, readConfig } from '../daemon/config/config.ts';
import { daemonUrl, findDaemon } from '../daemon/state.ts';
import { isSignedIn, readClaudeSettings } from './claude-settings.ts';
import { clientEnvironment } from './client-environment.ts';
import { asRunning, readSettledStatus } from './running.ts';
import { EXIT, type ExitCode, note, print, printJson } from './terminal.ts';

/** Prints what `run` would set but for the project, for `eval "$(anyclaude env)"`. */
export async function env({ json, ...flags }: ConfigFlags & { readonly json?: boolean }): Promise<ExitCode> {
  const own = process.env;
  const asked = readConfig({ flags, env: own });
  const state = await findDaemon(asked.home);
  if (!state && asked.port === 0) {
    note('anyclaude: port 0 is known only once the daemon runs. Start it with: anyclaude start');
    return EXIT.notRunning;
  }
  if (!state) note('anyclaude is not running: the context window is a guess. Start it with: anyclaude start');
  const status = state && (await readSettledStatus(state));
  const config = asRunning(asked, state, status);

  const signedIn = isSignedIn(own, readClaudeSettings(own, process.cwd()));
  const url = daemonUrl(state ?? config);
  // A shell keeps its environment in whatever folder it goes to: the project is read in the prompt.
  const { set, notes } = clientEnvironment({ config, url, status, env: own, cwd: undefined, signedIn });
  for (const line of notes) note(`anyclaude: ${line}`);
  if (json) printJson(set);
  else for (const [name, value] of Object.entries(set)) print(`export ${name}=${shellQuoted(value)}`);
  return EXIT.ok;
}

function shellQuoted(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}
