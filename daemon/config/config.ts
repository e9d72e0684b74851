// Configuration: flags > environment > config.json > defaults. What comes out is complete and checked;
// otherwise one ConfigError says what is wrong, and nothing starts.

import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { homeFolder } from '../state.ts';
import { ConfigError } from './error.ts';
import { explainIssue, mustBe } from './explain.ts';
import { type Checked, type Config, configSchema, DEFAULT_BACKENDS } from './schema.ts';
import {
  type ConfigFlags,
  type Environment,
  environmentSettings,
  flagSettings,
  type Origin,
} from './sources.ts';
import { startCommandOf } from './start-command.ts';

export { ConfigError } from './error.ts';
export { type BackendConfig, type Config, configJsonSchema } from './schema.ts';
export type { ConfigFlags, Environment } from './sources.ts';

export type ConfigFile = { readonly path: string; readonly text: string };
export type ConfigSources = {
  readonly flags: ConfigFlags;
  readonly env: Environment;
  readonly file?: ConfigFile | undefined;
};

/** Reads the configuration file, if there is one, and loads everything. Throws ConfigError. */
export function readConfig({ flags, env }: Omit<ConfigSources, 'file'>): Config {
  return loadConfig({ flags, env, file: readConfigFile(flags, env) });
}

/** Pure: the same sources give the same Config. Throws ConfigError. */
export function loadConfig({ flags, env, file }: ConfigSources): Config {
  const written = merge({ backends: DEFAULT_BACKENDS }, file === undefined ? {} : parseFile(file));
  const fileLabel = file?.path ?? 'config.json';
  checked(written, (key) => ({ label: `"${key}" in ${fileLabel}`, source: 'file' }));

  const settings = [...environmentSettings(env), ...flagSettings(flags)];
  const settled = settings.reduce<unknown>(
    (all, setting) => placed(all, setting.path, setting.value),
    written,
  );
  const originOf = (key: string): Origin =>
    settings.findLast((setting) => setting.path.join('.') === key) ?? {
      label: hasKey(written, key) ? `"${key}" in ${fileLabel}` : `"${key}"`,
      source: hasKey(written, key) ? 'file' : 'default',
    };
  const config = completed(checked(settled, originOf), homeFolder(env));
  checkTogether(config, originOf);
  return config;
}

/** Where the configuration file is looked for. */
export function configPath(flags: ConfigFlags, env: Environment): string {
  return flags.config ?? join(homeFolder(env), 'config.json');
}

/** Whether only programs on this machine can reach an address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

const CHOOSING_MODES: ReadonlySet<string> = new Set(['auto', 'task', 'shadow']);

type Tree = Readonly<Record<string, unknown>>;

function readConfigFile(flags: ConfigFlags, env: Environment): ConfigFile | undefined {
  const path = configPath(flags, env);
  try {
    return { path, text: readFileSync(path, 'utf8') };
  } catch (error) {
    const absent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (absent && flags.config === undefined) return undefined;
    const why = absent ? 'there is no such file' : String(error);
    throw new ConfigError(`${path} cannot be read: ${why}.`, flags.config === undefined ? 'file' : 'flag');
  }
}

function parseFile(file: ConfigFile): Tree {
  let content: unknown;
  try {
    content = JSON.parse(file.text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`${file.path} is not valid JSON: ${why}.`, 'file');
  }
  if (!isTree(content))
    throw new ConfigError(`${file.path} must hold one JSON object, e.g. {"mode": "auto"}.`, 'file');
  return content;
}

function checked(value: unknown, originOf: (key: string) => Origin): Checked {
  const result = configSchema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (issue === undefined) throw result.error;
  const { source } = originOf(issue.path.join('.'));
  throw new ConfigError(
    explainIssue(issue, value, (key) => originOf(key).label),
    source,
  );
}

function completed({ $schema: _, backends, ...rest }: Checked, home: string): Config {
  const kept = Object.entries(backends).flatMap(([name, backend]) =>
    backend === null ? [] : [[name, { name, ...howToStart(name, backend.url), ...backend }] as const],
  );
  const allowedHosts = [...rest.allowedHosts, ...ownName(rest.host)];
  return { ...rest, home, allowedHosts, backends: Object.fromEntries(kept) };
}

function howToStart(name: string, url: string): { readonly startCommand?: string } {
  const address = new URL(url);
  // A server on another machine is not started from here.
  const isHere = isLoopback(address.hostname.replace(/^\[(.*)\]$/, '$1'));
  const startCommand = isHere ? startCommandOf(name, address) : undefined;
  return startCommand === undefined ? {} : { startCommand };
}

/** Who listens on one address may be addressed by it. The wildcards are no addresses, and a way in for web pages. */
function ownName(host: string): readonly string[] {
  if (['127.0.0.1', 'localhost', '::1', '0.0.0.0', '::'].includes(host)) return [];
  return [host.includes(':') ? `[${host}]` : host.toLowerCase()];
}

/** What no single setting can tell. */
function checkTogether(config: Config, originOf: (key: string) => Origin): void {
  const refuse = (key: string, value: string | number, allowed: string): never => {
    const { label, source } = originOf(key);
    throw new ConfigError(mustBe(label, value, allowed), source);
  };
  const names = Object.keys(config.backends);
  if (!isLoopback(config.host) && config.token === undefined) {
    const how = 'set "token" in config.json or ANYCLAUDE_TOKEN (at least 16 characters)';
    refuse('host', config.host, `a loopback address such as 127.0.0.1 as long as there is no token: ${how}`);
  }
  const { requestDays, rollupDays } = config.retention;
  if (rollupDays < requestDays)
    refuse('retention.rollupDays', rollupDays, `at least retention.requestDays, ${requestDays}`);
  const isFixed = !CHOOSING_MODES.has(config.mode) && config.mode !== 'claude';
  if (isFixed && !names.includes(config.mode))
    refuse('mode', config.mode, 'auto, task, shadow, claude or a backend that exists');
  if (config.mode === 'claude') return;
  for (const [task, name] of Object.entries(config.routes)) {
    if (!names.includes(name))
      refuse(`routes.${task}`, name, `one of the backends: ${names.join(', ') || 'there are none'}`);
  }
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `over` wins key by key; a value that is no object replaces the whole. */
function merge(under: Tree, over: Tree): Tree {
  const both = Object.entries(over).map(([key, value]) => {
    const below = under[key];
    return [key, isTree(value) && isTree(below) ? merge(below, value) : value];
  });
  return { ...under, ...Object.fromEntries(both) };
}

function placed(all: unknown, path: readonly string[], value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const tree = isTree(all) ? all : {};
  return { ...tree, [key]: placed(tree[key], rest, value) };
}

function hasKey(tree: unknown, key: string): boolean {
  return (
    key.split('.').reduce<unknown>((at, part) => (isTree(at) ? at[part] : undefined), tree) !== undefined
  );
}
