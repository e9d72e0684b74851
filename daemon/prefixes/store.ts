// The disk part: one file a project, in a folder of the daemon's own. What cannot be used is named, left out and
// removed; what cannot be written costs nothing but the file.

import { chmod, lstat, mkdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { fileOf, filesIn, megabytes, prefixFolder, readAll, type StoreLimits } from './files.ts';
import { type SavedPrefix, toFile } from './prefix.ts';

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

const LIMITS: StoreLimits = {
  fileBytes: 4 * 1024 ** 2,
  totalBytes: 32 * 1024 ** 2,
  projects: 32,
  writeAfterMs: 2_000,
  retryAfterMs: 60_000,
};
const MOST_PROBLEMS = 8;

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

function problemOf(why: string): string {
  return `The front of a prompt could not be kept on disk: ${why}. After a restart it will be cold.`;
}
