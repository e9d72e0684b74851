// The files of kept prefixes as they are found: which are believed, and why the others are not.

import { hash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { lstat, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fromFile, type SavedPrefix } from './prefix.ts';

export type StoreLimits = {
  readonly fileBytes: number;
  readonly totalBytes: number;
  readonly projects: number;
  /** From a change to its file. */
  readonly writeAfterMs: number;
  /** After a write that failed. */
  readonly retryAfterMs: number;
};

export function prefixFolder(home: string): string {
  return join(home, 'prefixes');
}

export function fileOf(folder: string, project: string): string {
  return join(folder, `${hash('sha256', project, 'hex').slice(0, 32)}.json`);
}

type File = { readonly path: string; readonly stats: Stats };
type Read = { readonly found: readonly SavedPrefix[]; readonly problems: readonly string[] };

/** The newest first. What cannot be used is removed, with a sentence for it. Never rejects. */
export async function readAll(folder: string, limits: StoreLimits): Promise<Read> {
  const found: SavedPrefix[] = [];
  const problems: string[] = [];
  try {
    for (const file of await filesIn(folder)) {
      const prefix = found.length < limits.projects ? await read(folder, file, limits) : 'is one too many';
      if (typeof prefix !== 'string') {
        found.push(prefix);
        continue;
      }
      problems.push(`${file.path} ${prefix}: it was ignored and removed.`);
      await rm(file.path, { force: true, recursive: true });
    }
  } catch (error) {
    if (!isMissing(error)) problems.push(`${folder} could not be read: ${String(error)}.`);
  }
  return { found, problems };
}

/** The newest first. */
export async function filesIn(folder: string): Promise<readonly File[]> {
  if (!(await lstat(folder)).isDirectory()) throw new Error('it is no folder');
  const paths = (await readdir(folder)).map((name) => join(folder, name));
  const files = await Promise.all(paths.map(async (path) => ({ path, stats: await lstat(path) })));
  return files.toSorted((a, b) => b.stats.mtimeMs - a.stats.mtimeMs);
}

async function read(
  folder: string,
  { path, stats }: File,
  limits: StoreLimits,
): Promise<SavedPrefix | string> {
  if (!stats.isFile()) return 'is no plain file';
  if (process.getuid !== undefined && stats.uid !== process.getuid()) return 'belongs to another user';
  if ((stats.mode & 0o077) !== 0) return 'is open to other users';
  if (stats.size > limits.fileBytes) return `is larger than ${megabytes(limits.fileBytes)} MB`;
  const prefix = fromFile(await readFile(path, 'utf8'));
  if (typeof prefix === 'string') return prefix;
  if (fileOf(folder, prefix.project) !== path) return 'has the name of another project';
  // A front that is used and does not change is not written again: its file is only touched.
  return { ...prefix, savedAtMs: stats.mtimeMs };
}

export function megabytes(bytes: number): number {
  return Math.round(bytes / 1024 ** 2);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
