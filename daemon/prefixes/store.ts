// The disk part: one file a project, in a folder of the daemon's own. What cannot be used is named, left out and
// removed; what cannot be written costs nothing but the file.

import { hash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { chmod, lstat, mkdir, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromFile, type SavedPrefix, toFile } from './prefix.ts';

export type PrefixStore = {
  /** The newest first. Never rejects: what cannot be used is among the problems. */
  load(): Promise<readonly SavedPrefix[]>;
  /** Returns at once. The newest state of each project is written soon afterwards, in one step. */
  save(prefix: SavedPrefix): void;
  /** The project was used again, and nothing changed. */
  touch(project: string): void;
  /** A sentence each, for a person. */
  readonly problems: readonly string[];
  /** Writes what waits. Never rejects. */
  close(): Promise<void>;
};

export type StoreLimits = {
  readonly fileBytes: number;
  readonly totalBytes: number;
  readonly projects: number;
  /** From a change to its file. */
  readonly writeAfterMs: number;
  /** After a write that failed. */
  readonly retryAfterMs: number;
};

const LIMITS: StoreLimits = {
  fileBytes: 4 * 1024 ** 2,
  totalBytes: 32 * 1024 ** 2,
  projects: 32,
  writeAfterMs: 2_000,
  retryAfterMs: 60_000,
};
const MOST_PROBLEMS = 8;

export function prefixFolder(home: string): string {
  return join(home, 'prefixes');
}

/** Where a person wants nothing kept, what was kept before goes, too. */
export async function removePrefixes(home: string): Promise<void> {
  await rm(prefixFolder(home), { recursive: true, force: true });
}

export function createPrefixStore(home: string, limits: StoreLimits = LIMITS): PrefixStore {
  const folder = prefixFolder(home);
  const refused: string[] = [];
  const waiting = new Map<string, SavedPrefix>();
  let writeProblem: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let writing = Promise.resolve();

  async function writeWaiting(): Promise<void> {
    const prefixes = [...waiting.values()];
    waiting.clear();
    try {
      await openFolder(folder);
      const tooLarge = await writeAll(folder, prefixes, limits);
      await prune(folder, limits);
      writeProblem = tooLarge ? problemOf(`one is larger than ${megabytes(limits.fileBytes)} MB`) : undefined;
    } catch (error) {
      writeProblem = problemOf(error instanceof Error ? error.message : String(error));
      for (const prefix of prefixes) if (!waiting.has(prefix.project)) waiting.set(prefix.project, prefix);
      timer ??= setTimeout(flush, limits.retryAfterMs).unref();
    }
  }

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    if (waiting.size > 0) writing = writing.then(writeWaiting);
    return writing;
  }

  return {
    async load() {
      const { found, problems } = await readAll(folder, limits);
      const more = problems.length - MOST_PROBLEMS;
      refused.push(
        ...problems.slice(0, MOST_PROBLEMS),
        ...(more > 0 ? [`And ${more} more files like that.`] : []),
      );
      return found;
    },
    save(prefix) {
      waiting.set(prefix.project, prefix);
      timer ??= setTimeout(flush, limits.writeAfterMs).unref();
    },
    touch(project) {
      const now = new Date();
      // Its file may have been pruned by now: then there is nothing to keep.
      void utimes(fileOf(folder, project), now, now).catch(() => {});
    },
    get problems() {
      return writeProblem === undefined ? refused : [...refused, writeProblem];
    },
    close: flush,
  };
}

// ---- Reading ------------------------------------------------------------------------------------------

type File = { readonly path: string; readonly stats: Stats };
type Read = { readonly found: readonly SavedPrefix[]; readonly problems: readonly string[] };

async function readAll(folder: string, limits: StoreLimits): Promise<Read> {
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
async function filesIn(folder: string): Promise<readonly File[]> {
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
  return fileOf(folder, prefix.project) === path ? prefix : 'has the name of another project';
}

// ---- Writing ------------------------------------------------------------------------------------------

async function openFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (!(await lstat(folder)).isDirectory()) throw new Error(`${folder} is no folder`);
  await chmod(folder, 0o700);
}

/** True where one was too large to be kept. */
async function writeAll(
  folder: string,
  prefixes: readonly SavedPrefix[],
  { fileBytes }: StoreLimits,
): Promise<boolean> {
  let tooLarge = false;
  for (const prefix of prefixes) {
    const path = fileOf(folder, prefix.project);
    const text = toFile(prefix);
    if (Buffer.byteLength(text) <= fileBytes) await replaceFile(path, text);
    else {
      tooLarge = true;
      // The one before it is of no use any more.
      await rm(path, { force: true });
    }
  }
  return tooLarge;
}

async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}`;
  try {
    await rm(temporary, { force: true });
    await writeFile(temporary, text, { mode: 0o600, flag: 'wx' });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** The project that was used longest ago goes first. */
async function prune(folder: string, { projects, totalBytes }: StoreLimits): Promise<void> {
  let bytes = 0;
  for (const [at, { path, stats }] of (await filesIn(folder)).entries()) {
    bytes += stats.size;
    if (at >= projects || bytes > totalBytes) await rm(path, { force: true, recursive: true });
  }
}

function fileOf(folder: string, project: string): string {
  return join(folder, `${hash('sha256', project, 'hex').slice(0, 32)}.json`);
}

function problemOf(why: string): string {
  return `The front of a prompt could not be kept on disk: ${why}. After a restart it will be cold.`;
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1024 ** 2);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
