// Claude Code's arguments: the user's, and a permission mode in front where nobody named one.

import type { Config } from '../daemon/config/config.ts';
import { type ClaudeSettings, settingsArgument } from './claude-settings.ts';

export type ClientArguments = { readonly args: readonly string[]; readonly notes: readonly string[] };

/** In these modes Claude Code waits for a safety verdict that only the Claude API gives, and refuses commands without it. */
const JUDGED_MODES: readonly string[] = ['auto', 'plan'];

export function clientArguments(
  given: readonly string[],
  config: Config,
  settings: readonly ClaudeSettings[],
): ClientArguments {
  if (config.mode === 'claude') return { args: given, notes: [] };
  const named = namedMode(given, settings);
  // In front: behind them it would end up among the values of an option that takes several.
  if (named === undefined) return { args: ['--permission-mode', config.permissionMode, ...given], notes: [] };
  return { args: given, notes: isJudgedMode(named) ? [explainJudgedMode(named)] : [] };
}

export function isJudgedMode(mode: string): boolean {
  return JUDGED_MODES.includes(mode);
}

export function explainJudgedMode(mode: string): string {
  return (
    `Permission mode "${mode}" needs a safety check that only the Claude API can do: with local models Claude Code ` +
    'will refuse shell commands in it. Use acceptEdits or default instead (--permission-mode, or permissions.defaultMode).'
  );
}

function namedMode(args: readonly string[], settings: readonly ClaudeSettings[]): string | undefined {
  if (args.includes('--dangerously-skip-permissions')) return 'bypassPermissions';
  const option = optionValue(args, '--permission-mode');
  if (option !== undefined) return option;
  const extra = optionValue(args, '--settings');
  const all = extra === undefined ? settings : [...settings, settingsArgument(extra)];
  return all.findLast(({ permissionMode }) => permissionMode !== undefined)?.permissionMode;
}

function optionValue(args: readonly string[], name: string): string | undefined {
  const at = args.findIndex((arg) => arg === name || arg.startsWith(`${name}=`));
  const found = args[at];
  return found === name ? args[at + 1] : found?.slice(name.length + 1);
}
