import { lstatSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Config } from '../daemon/config/config.ts';
import { databasePath } from '../daemon/state.ts';
import { openDatabase } from '../store/database.ts';
import type { Check } from './doctor.ts';
import { findMlxPython } from './mlx-python.ts';

const LEAST_NODE = [22, 19] as const;

export function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const enough = major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1]);
  if (enough) return { subject: 'Node', verdict: 'ok', finding: version };
  const finding = `${version} is too old: install Node ${LEAST_NODE.join('.')} or newer`;
  return { subject: 'Node', verdict: 'fail', finding };
}

export function checkHome(home: string): Check {
  const subject = 'state folder';
  const stats = lstatSync(home, { throwIfNoEntry: false });
  if (stats === undefined)
    return { subject, verdict: 'ok', finding: `${home} will be created at the first start` };
  if (stats.isSymbolicLink()) {
    return {
      subject,
      verdict: 'fail',
      finding: `${home} is a symbolic link: set ANYCLAUDE_HOME to where it leads`,
    };
  }
  if (!stats.isDirectory()) return { subject, verdict: 'fail', finding: `${home} is not a folder` };
  if (process.getuid !== undefined && stats.uid !== process.getuid()) {
    return { subject, verdict: 'fail', finding: `${home} belongs to another user: set ANYCLAUDE_HOME` };
  }
  const open = (stats.mode & 0o077) !== 0;
  if (open) return { subject, verdict: 'warn', finding: `${home} is open to others: chmod 700 ${home}` };
  return { subject, verdict: 'ok', finding: home };
}

/** Only asked where no daemon of ours runs. */
export function checkPort({ host, port }: Config): Promise<Check> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', (error) => {
      const finding = `${port} on ${host} cannot be had (${error.message}): choose another with ANYCLAUDE_PORT`;
      resolve({ subject: 'port', verdict: 'fail', finding });
    });
    server.listen({ host, port }, () => {
      server.close(() => resolve({ subject: 'port', verdict: 'ok', finding: `${port} on ${host} is free` }));
    });
  });
}

export async function checkDatabase(home: string): Promise<Check> {
  const subject = 'database';
  const path = databasePath(home);
  const opened = await openDatabase({ path, mode: 'read', nowMs: Date.now() });
  if (opened.state === 'open') {
    await opened.database.close();
    return { subject, verdict: 'ok', finding: path };
  }
  if (opened.why === 'missing')
    return { subject, verdict: 'ok', finding: 'will be created at the first start' };
  return { subject, verdict: 'fail', finding: opened.message };
}

/** Nothing to say where there is none: the server may run on another machine, or another way. */
export async function checkServeMlx(config: Config): Promise<readonly Check[]> {
  const found = await findMlxPython(config, process.env);
  if (typeof found !== 'string') {
    const finding = `mlx-lm ${found.mlxVersion}: anyclaude serve-mlx keeps its prompt cache over restarts`;
    return [{ subject: 'MLX-LM', verdict: 'ok', finding }];
  }
  return config.serveMlx.python === undefined ? [] : [{ subject: 'MLX-LM', verdict: 'warn', finding: found }];
}
