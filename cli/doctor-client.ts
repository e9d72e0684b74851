import { spawnSync } from 'node:child_process';
import type { Config, Environment } from '../daemon/config/config.ts';
import { CLAUDE_MISSING, findClaude } from './claude-binary.ts';
import { type ClaudeSettings, readClaudeSettings } from './claude-settings.ts';
import { explainJudgedMode, isJudgedMode } from './client-arguments.ts';
import type { Check } from './doctor.ts';
import { overriddenBy } from './run.ts';

/** Older ones count a silent prefill as a dead connection, whatever the daemon sends meanwhile. */
const ADVISED_CLIENT = [2, 1, 330] as const;

export type ClientPlace = { readonly env: Environment; readonly cwd: string };

export function checkClient(url: string, config: Config, { env, cwd }: ClientPlace): readonly Check[] {
  const settings = readClaudeSettings(env, cwd);
  return [
    checkBinary(env),
    ...overriddenBy(settings, url).map(
      (finding): Check => ({ subject: 'settings', verdict: 'fail', finding }),
    ),
    ...(config.mode === 'claude' ? [] : checkPermissionMode(settings)),
    ...checkCloud(config),
  ];
}

/** The fallback to the cloud that nothing can ever come of. */
function checkCloud({ allowCloud, claude }: Config): readonly Check[] {
  if (!allowCloud || claude.model !== undefined) return [];
  const finding =
    'allowCloud is set, but the Claude API knows no model claude-anyclaude, which a Claude Code started by `run` ' +
    'asks for: set claude.model in config.json to one that it knows';
  return [{ subject: 'cloud', verdict: 'warn', finding }];
}

function checkBinary(env: Environment): Check {
  const subject = 'Claude Code';
  const path = findClaude(env);
  if (path === undefined) return { subject, verdict: 'warn', finding: CLAUDE_MISSING };
  const { stdout, status } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 15_000 });
  const version = /\d+\.\d+\.\d+/.exec(stdout ?? '')?.[0];
  if (status !== 0 || version === undefined) {
    return { subject, verdict: 'warn', finding: `${path} does not tell its version` };
  }
  if (isOlder(version.split('.').map(Number))) {
    const finding = `${version} at ${path}: update to ${ADVISED_CLIENT.join('.')} or newer, which waits through long prefills`;
    return { subject, verdict: 'warn', finding };
  }
  return { subject, verdict: 'ok', finding: `${version} at ${path}` };
}

function isOlder(version: readonly number[]): boolean {
  const at = ADVISED_CLIENT.findIndex((part, index) => part !== version[index]);
  return at >= 0 && (version[at] ?? 0) < (ADVISED_CLIENT[at] ?? 0);
}

function checkPermissionMode(settings: readonly ClaudeSettings[]): readonly Check[] {
  const named = settings.findLast(({ permissionMode }) => permissionMode !== undefined);
  if (named?.permissionMode === undefined || !isJudgedMode(named.permissionMode)) return [];
  const finding = `${named.path}: ${explainJudgedMode(named.permissionMode)}`;
  return [{ subject: 'settings', verdict: 'warn', finding }];
}
