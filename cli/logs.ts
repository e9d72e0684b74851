import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { homeFolder, logPath } from '../daemon/state.ts';
import { renderLogLine } from './log-line.ts';
import { pause } from './running.ts';
import { EXIT, type ExitCode, note, print } from './terminal.ts';

export type LogsOptions = { readonly follow?: boolean; readonly lines: string; readonly json?: boolean };

const CHUNK_BYTES = 64 * 1024;
/** As far back as the last lines are looked for. */
const TAIL_BYTES = 4 * 1024 * 1024;
const FOLLOW_MS = 250;

/** Prints the last lines of the log; with `follow`, goes on until it is interrupted. */
export async function logs({ follow, lines, json }: LogsOptions): Promise<ExitCode> {
  if (!/^\d{1,6}$/.test(lines)) {
    note(`--lines takes a whole number to 999999, not "${lines}".`);
    return EXIT.usage;
  }
  const file = openLog();
  if (file === undefined) return EXIT.failure;
  const show = (line: string) => print(json ? line : renderLogLine(line));
  try {
    const start = Math.max(0, fstatSync(file).size - TAIL_BYTES);
    const tail = readLines(file, start);
    const count = Number(lines);
    if (count > 0) tail.lines.slice(-count).forEach(show);
    if (follow) await followFrom(file, tail.next, show);
  } finally {
    closeSync(file);
  }
  return EXIT.ok;
}

function openLog(): number | undefined {
  const path = logPath(homeFolder(process.env));
  try {
    return openSync(path, 'r');
  } catch {
    note(`There is no log yet at ${path}. A daemon in the foreground logs to its terminal.`);
    return undefined;
  }
}

async function followFrom(file: number, start: number, show: (line: string) => void): Promise<never> {
  let position = start;
  for (;;) {
    await pause(FOLLOW_MS);
    // A log that grew past its bound was emptied.
    if (fstatSync(file).size < position) position = 0;
    const { lines, next } = readLines(file, position);
    lines.forEach(show);
    position = next;
  }
}

/** The complete lines from a position on, and where the first incomplete one begins. */
function readLines(
  file: number,
  start: number,
): { readonly lines: readonly string[]; readonly next: number } {
  const bytes = readFrom(file, start);
  const end = bytes.lastIndexOf(0x0a) + 1;
  if (end === 0) return { lines: [], next: start };
  return { lines: bytes.toString('utf8', 0, end - 1).split('\n'), next: start + end };
}

function readFrom(file: number, start: number): Buffer {
  const chunks: Buffer[] = [];
  let position = start;
  for (;;) {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    const bytes = readSync(file, chunk, 0, CHUNK_BYTES, position);
    if (bytes === 0) return Buffer.concat(chunks);
    chunks.push(chunk.subarray(0, bytes));
    position += bytes;
  }
}
