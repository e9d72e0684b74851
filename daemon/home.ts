// Where the state folder is and how its files are called. Apart from what reads and writes them, and it loads nothing
// that costs time: a status line is drawn in 50 ms.

import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** ANYCLAUDE_HOME, else ~/.anyclaude; an absolute path. */
export function homeFolder(env: Readonly<Record<string, string | undefined>>): string {
  const user = env['HOME'] || homedir();
  return resolve(env['ANYCLAUDE_HOME']?.replace(/^~(?=\/|$)/, user) || join(user, '.anyclaude'));
}

export function logPath(home: string): string {
  return join(home, 'anyclaude.log');
}

export function databasePath(home: string): string {
  return join(home, 'anyclaude.db');
}

/** Which daemon runs. */
export function statePath(home: string): string {
  return join(home, 'daemon.json');
}
