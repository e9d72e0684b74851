// What Claude Code's own settings files say, as far as it decides whether it will work with the daemon.
// Only whether a credential exists is looked at, never what it is.

import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '../daemon/config/config.ts';
import { asFields } from '../wire/fields.ts';

export type ClaudeSettings = {
  /** The file, or `--settings`. */
  readonly path: string;
  readonly permissionMode?: string;
  /** Set where the file itself sends Claude Code elsewhere: that wins over the environment. */
  readonly baseUrl?: string;
  readonly hasCredential: boolean;
};

/** The settings that Claude Code would read in a folder: the user's, the project's, the machine's. */
export function readClaudeSettings(env: Environment, cwd: string): readonly ClaudeSettings[] {
  const paths = [
    join(claudeFolder(env), 'settings.json'),
    join(cwd, '.claude', 'settings.json'),
    join(cwd, '.claude', 'settings.local.json'),
    '/etc/claude-code/managed-settings.json',
    '/Library/Application Support/ClaudeCode/managed-settings.json',
  ];
  return paths.flatMap((path) => {
    const content = readJson(path);
    return content === undefined ? [] : [parseClaudeSettings(path, content)];
  });
}

/** What `--settings` was given: a file or the JSON itself. */
export function settingsArgument(value: string): ClaudeSettings {
  const content = value.trimStart().startsWith('{') ? parseJson(value) : readJson(value);
  return parseClaudeSettings('--settings', content);
}

/** Whether Claude Code has been signed in on this machine, or has a key from elsewhere than the environment. */
export function isSignedIn(env: Environment, settings: readonly ClaudeSettings[]): boolean {
  if (settings.some(({ hasCredential }) => hasCredential)) return true;
  const folder = claudeFolder(env);
  if (existsSync(join(folder, '.credentials.json'))) return true;
  // On macOS the credentials are in the keychain; this file names the account.
  const account = asFields(readJson(join(env['CLAUDE_CONFIG_DIR'] ?? userFolder(env), '.claude.json')));
  return ['oauthAccount', 'primaryApiKey'].some((key) => account?.[key] !== undefined);
}

function parseClaudeSettings(path: string, content: unknown): ClaudeSettings {
  const root = asFields(content) ?? {};
  const permissions = asFields(root['permissions']) ?? {};
  const env = asFields(root['env']) ?? {};
  const { defaultMode } = permissions;
  const { ANTHROPIC_BASE_URL: baseUrl, ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN } = env;
  return {
    path,
    hasCredential: [root['apiKeyHelper'], ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN].some(
      (value) => value !== undefined,
    ),
    ...(typeof defaultMode === 'string' ? { permissionMode: defaultMode } : {}),
    ...(typeof baseUrl === 'string' ? { baseUrl } : {}),
  };
}

function userFolder(env: Environment): string {
  return env['HOME'] || homedir();
}

function claudeFolder(env: Environment): string {
  return env['CLAUDE_CONFIG_DIR'] ?? join(userFolder(env), '.claude');
}

function readJson(path: string): unknown {
  try {
    return parseJson(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
