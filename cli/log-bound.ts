import { copyFileSync, fstatSync, ftruncateSync, statSync } from 'node:fs';

const MAX_LOG_BYTES = 10 * 1024 * 1024;
const CHECK_EVERY_MS = 60_000;
const STDOUT = 1;

/** Keeps the log bounded where it is this process's own output, as it is in the background. */
export function boundLog(path: string): void {
  const own = fstatSync(STDOUT);
  if (!own.isFile() || statSync(path, { throwIfNoEntry: false })?.ino !== own.ino) return;
  setInterval(() => emptyPastBound(STDOUT, path, MAX_LOG_BYTES), CHECK_EVERY_MS).unref();
}

/** Past the bound the log is copied to `<path>.1` and starts anew. `file` is open for appending to it. */
export function emptyPastBound(file: number, path: string, maxBytes: number): void {
  if (fstatSync(file).size <= maxBytes) return;
  // Emptied, not renamed: stderr and the log's writer hold this very file, and append to it.
  copyFileSync(path, `${path}.1`);
  ftruncateSync(file);
}
