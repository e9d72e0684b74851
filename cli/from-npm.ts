// `npm run -s anyclaude -- …` runs a clone's commands in the clone's folder, with npm's own PATH and prefix. A command
// is about the folder that its person is in; and what it starts, Claude Code and every npm below it, must not take the
// clone for that folder.

import { delimiter, join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

const CLONE = join(import.meta.dirname, '..');
/** What npm sets for a script. A registry or a cache may be the person's own setting, and is harmless below. */
const OF_NPM = /^(INIT_CWD|NODE|npm_(?!config_).*|npm_config_(prefix|\w+_prefix|globalconfig|loglevel))$/;
const LAST_PART_OF_NPM = 'node-gyp-bin';

/** Goes back to where npm was called, and takes its variables out of the environment. Without npm it does nothing. */
export function leaveNpm(): void {
  const { env } = process;
  const { INIT_CWD: folder, npm_lifecycle_event: script } = env;
  // What was started by a command that npm ran is not run by npm.
  if (folder === undefined || script !== 'anyclaude' || process.cwd() !== CLONE) return;
  process.chdir(folder);
  for (const name of Object.keys(env)) if (OF_NPM.test(name)) delete env[name];
  env['PWD'] = folder;
  env['PATH'] = pathBefore(env);
}

/** npm puts the `node_modules/.bin` of the clone and of every folder above it in front, and its node-gyp behind them. */
function pathBefore({ PATH = '' }: Environment): string {
  const folders = PATH.split(delimiter);
  return folders.slice(folders.findIndex((folder) => folder.endsWith(LAST_PART_OF_NPM)) + 1).join(delimiter);
}
