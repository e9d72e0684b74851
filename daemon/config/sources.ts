// Settings from the environment and the command line: which variable or flag sets what.

import { ConfigError, type SettingSource } from './error.ts';
import { mustBe, nearest } from './explain.ts';

export type Environment = Readonly<Record<string, string | undefined>>;
/** As typed on the command line. */
export type ConfigFlags = {
  readonly mode?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  /** Path of the configuration file, where it is not config.json in the state folder. */
  readonly config?: string | undefined;
};
/** Where a setting was read, in the words of a message: `ANYCLAUDE_PORT`, `--port`, `"port" in /path`. */
export type Origin = { readonly label: string; readonly source: SettingSource };
export type Setting = Origin & { readonly path: readonly string[]; readonly value: unknown };

const VARIABLES: Readonly<Record<string, readonly string[]>> = {
  ANYCLAUDE_MODE: ['mode'],
  ANYCLAUDE_PORT: ['port'],
  ANYCLAUDE_HOST: ['host'],
  ANYCLAUDE_TOKEN: ['token'],
  ANYCLAUDE_DEBUG: ['logLevel'],
  ANYCLAUDE_CLAUDE_BASE_URL: ['claude', 'baseUrl'],
  MLX_LM_URL: ['backends', 'mlx-lm', 'url'],
  MLX_LM_API_KEY: ['backends', 'mlx-lm', 'apiKey'],
  MLX_LM_MODEL: ['backends', 'mlx-lm', 'model'],
  LMSTUDIO_URL: ['backends', 'lmstudio', 'url'],
  LMSTUDIO_API_KEY: ['backends', 'lmstudio', 'apiKey'],
  LMSTUDIO_MODEL: ['backends', 'lmstudio', 'model'],
  ANYCLAUDE_MLX_PYTHON: ['serveMlx', 'python'],
};

/** Read by the scripts of a clone. */
const SCRIPT_VARIABLES = ['ANYCLAUDE_ENGINE_CACHE', 'ANYCLAUDE_PYTHON'];

/** The old guide's levels. 2 and 3 are one here: bodies are never logged. */
const DEBUG_LEVELS: Readonly<Record<string, string>> = { 0: 'info', 1: 'debug', 2: 'trace', 3: 'trace' };

/** The variables that are set, as settings. */
export function environmentSettings(env: Environment): readonly Setting[] {
  return Object.entries(VARIABLES).flatMap(([name, path]) => {
    const value = env[name];
    // A variable that is set to nothing is how a shell profile says "not set".
    if (value === undefined || value === '') return [];
    return [{ label: name, source: 'environment', path, value: variableValue(name, value) }];
  });
}

/** Variables that look like ours but that nothing reads: a typing error would pass unnoticed. A sentence each. */
export function unreadVariables(env: Environment): readonly string[] {
  const known = [...Object.keys(VARIABLES), 'ANYCLAUDE_HOME', 'ANYCLAUDE_CLAUDE_BIN', ...SCRIPT_VARIABLES];
  const unread = Object.keys(env).filter(
    (name) => /^(ANYCLAUDE|MLX_LM|LMSTUDIO)_/.test(name) && !known.includes(name),
  );
  return unread.map((name) => {
    const near = nearest(name, known);
    return `${name} is set, but nothing reads it.${near === undefined ? '' : ` Did you mean ${near}?`}`;
  });
}

function variableValue(name: string, value: string): unknown {
  if (name === 'ANYCLAUDE_PORT') return numberIfWhole(value);
  if (name !== 'ANYCLAUDE_DEBUG') return value;
  const level = DEBUG_LEVELS[value];
  if (level === undefined) throw new ConfigError(mustBe(name, value, 'one of 0, 1, 2, 3'), 'environment');
  return level;
}

export function flagSettings({ mode, host, port }: ConfigFlags): readonly Setting[] {
  const given = { mode, host, port: port === undefined ? undefined : numberIfWhole(port) };
  return Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [{ label: `--${name}`, source: 'flag', path: [name], value }],
  );
}

/** Leaves anything else as it is, so that the message shows what was written. */
function numberIfWhole(value: string): string | number {
  return /^\d{1,9}$/.test(value) ? Number(value) : value;
}
