import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Environment } from '../daemon/config/config.ts';

export const CLAUDE_MISSING =
  'Claude Code (claude) is not on the PATH. Install it with: npm install -g @anthropic-ai/claude-code, or name it in ANYCLAUDE_CLAUDE_BIN.';

/** ANYCLAUDE_CLAUDE_BIN, else the first `claude` on the PATH; undefined where there is none that can be run. */
export function findClaude(env: Environment): string | undefined {
  const named = env['ANYCLAUDE_CLAUDE_BIN'];
  if (named) return isExecutable(named) ? named : undefined;
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, 'claude')).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
