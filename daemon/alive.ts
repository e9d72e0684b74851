// Whether a process lives and a daemon answers: asked before a state file is believed.

import { readFileSync } from 'node:fs';
import { asFields } from '../wire/fields.ts';

/** Whether a process runs. One that has ended and waits to be collected does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Another user's process lives, too.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  return !isZombie(pid);
}

/** Only Linux tells, and only there it matters: in a container without an init process a zombie may stay for ever. */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The state follows the command's name, which is in brackets and may hold any character.
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch {
    return false;
  }
}

/** The pid that GET /healthz of a daemon tells; undefined where none answers within 2 s. */
export async function answeringPid(url: string, token?: string): Promise<number | undefined> {
  try {
    const pid = asFields(await askDaemon(`${url}/healthz`, token))?.['pid'];
    return typeof pid === 'number' ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** GET of a daemon's JSON. Rejects where it does not answer with success within 2 s. */
export async function askDaemon(address: string, token: string | undefined): Promise<unknown> {
  const reply = await fetch(address, {
    headers: token === undefined ? {} : { 'x-anyclaude-token': token },
    signal: AbortSignal.timeout(2000),
    redirect: 'error',
  });
  if (!reply.ok) throw new Error(`${address} answers ${reply.status}`);
  return reply.json();
}
