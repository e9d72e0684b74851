// Which daemons write to the store, and which of them are gone. Several may share one file, so a request that
// looks in flight is cut off only where its own daemon is known to be dead.

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { type Kysely, sql } from 'kysely';
import type { Schema } from './schema.ts';

export type DaemonIdentity = {
  /** Unique to one run of the daemon. */
  readonly daemonId: string;
  readonly pid: number;
  /** Unix epoch, milliseconds. */
  readonly startedAtMs: number;
  readonly version: string;
};

/** Enters this daemon and marks what dead ones left in flight as interrupted. */
export async function registerDaemon(db: Kysely<Schema>, daemon: DaemonIdentity): Promise<void> {
  const row = {
    daemon_id: daemon.daemonId,
    pid: daemon.pid,
    process_start: (await processStart(daemon.pid)) ?? null,
    version: daemon.version,
    started_ms: Math.round(daemon.startedAtMs),
    ended_ms: null,
  };
  await db
    .insertInto('daemons')
    .values(row)
    .onConflict((conflict) => conflict.column('daemon_id').doNothing())
    .execute();
  await interrupt(db, await deadDaemons(db, daemon.daemonId));
}

/** The daemon has stopped; what it had begun and not ended is interrupted. */
export async function endDaemon(db: Kysely<Schema>, daemonId: string, endedAtMs: number): Promise<void> {
  await interrupt(db, [daemonId]);
  await db
    .updateTable('daemons')
    .set({ ended_ms: Math.round(endedAtMs) })
    .where('daemon_id', '=', daemonId)
    .execute();
}

/**
 * For a connection that may not write: what dead daemons left in flight reads as interrupted from here on, which is
 * what the next daemon will make of it. Rejects with the database's error.
 */
export async function readAsInterrupted(db: Kysely<Schema>): Promise<void> {
  const dead = await deadDaemons(db);
  if (dead.length === 0) return;
  const { rows } = await sql<{
    readonly name: string;
  }>`select name from pragma_table_info('requests')`.execute(db);
  // A view has no parameters.
  const ids = sql.join(dead.map((id) => sql.lit(id)));
  const result = sql`case when result = 'running' and daemon_id in (${ids}) then 'interrupted' else result end as result`;
  const columns = rows.map(({ name }) => (name === 'result' ? result : sql.ref(name)));
  // SQLite looks for a name among the temporary ones first, and those are no part of the file.
  await sql`create temp view requests as select ${sql.join(columns)} from main.requests`.execute(db);
}

async function interrupt(db: Kysely<Schema>, daemonIds: readonly string[]): Promise<void> {
  if (daemonIds.length === 0) return;
  await db
    .updateTable('requests')
    .set({ result: 'interrupted' })
    .where('result', '=', 'running')
    .where('daemon_id', 'in', daemonIds)
    .execute();
}

type Known = {
  readonly pid: number;
  readonly process_start: string | null;
  readonly ended_ms: number | null;
};

/** Nobody comes back to life, so what this says stays true however long the caller waits to use it. */
async function deadDaemons(db: Kysely<Schema>, ownId = ''): Promise<readonly string[]> {
  const candidates = await db
    .selectFrom('requests')
    .leftJoin('daemons', 'daemons.daemon_id', 'requests.daemon_id')
    .select(['requests.daemon_id as id', 'daemons.pid', 'daemons.process_start', 'daemons.ended_ms'])
    .where('requests.result', '=', 'running')
    .where('requests.daemon_id', '<>', ownId)
    .distinct()
    .execute();
  const dead: string[] = [];
  for (const { id, pid, process_start, ended_ms } of candidates) {
    if (pid === null || !(await isAlive({ pid, process_start, ended_ms }))) dead.push(id);
  }
  return dead;
}

async function isAlive(daemon: Known): Promise<boolean> {
  if (daemon.ended_ms !== null || !pidExists(daemon.pid)) return false;
  const start = await processStart(daemon.pid);
  // Where the system does not tell when a process began, its pid alone has to do: to leave a row as running
  // is the smaller mistake.
  return start === undefined || daemon.process_start === null || start === daemon.process_start;
}

function pidExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Differs between two processes that had the same pid; undefined where the system does not say. */
export async function processStart(pid: number): Promise<string | undefined> {
  return process.platform === 'linux' ? linuxStart(pid) : psStart(pid);
}

async function linuxStart(pid: number): Promise<string | undefined> {
  try {
    const [stat, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    ]);
    // The second field is the program's name in brackets and may hold blanks; field 22 counts ticks since boot.
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return ticks === undefined ? undefined : `${boot.trim()}/${ticks}`;
  } catch {
    return undefined;
  }
}

async function psStart(pid: number): Promise<string | undefined> {
  try {
    const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
    const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)], { env });
    return stdout.trim() || undefined;
  } catch {
    return undefined;
  }
}
