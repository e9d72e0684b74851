// Makes a folder once, whoever asks first and whatever interrupts it. It is built under another name and
// renamed into place, so a folder with its final name is complete; what was half made is made again.

import { existsSync, globSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** One line for the person who waits. */
export type Progress = (line: string) => void;

type Once = {
  readonly folder: string;
  /** A file that every complete folder has. */
  readonly proof: string;
  readonly progress: Progress;
  readonly build: (to: string) => Promise<void>;
};

/** Resolves when the folder is there; rejects with what `build` rejected with. */
export async function makeOnce({ folder, proof, progress, build }: Once): Promise<void> {
  if (existsSync(join(folder, proof))) return;
  await mkdir(dirname(folder), { recursive: true });
  const unlock = await lock(`${folder}.lock`, progress);
  try {
    if (existsSync(join(folder, proof))) return;
    for (const left of globSync(`${folder}.unfinished-*`)) await rm(left, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
    const unfinished = `${folder}.unfinished-${process.pid}`;
    await build(unfinished);
    await rename(unfinished, folder);
  } finally {
    await unlock();
  }
}

/** One builder at a time over all processes; a lock whose owner is gone does not count. */
async function lock(path: string, progress: Progress): Promise<() => Promise<void>> {
  const deadlineMs = Date.now() + 10 * 60_000;
  for (let told = false; Date.now() < deadlineMs; await sleep(250)) {
    try {
      const file = await open(path, 'wx');
      await file.writeFile(String(process.pid));
      await file.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    if (await isAbandoned(path)) await rm(path, { force: true });
    else if (!told) progress('another process is setting the engine up; waiting for it');
    told = true;
  }
  throw new Error(`Waited ten minutes for ${path}; delete it if no other setup is running.`);
}

async function isAbandoned(path: string): Promise<boolean> {
  try {
    const owner = Number(await readFile(path, 'utf8'));
    // Between creating and writing the file its owner is unknown for a moment.
    if (!owner) return Date.now() - (await stat(path)).mtimeMs > 10_000;
    process.kill(owner, 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}
