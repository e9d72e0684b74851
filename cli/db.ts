// `anyclaude db …`: the database as a file. Data goes to stdout, notes to stderr.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { backUpFile, checkFile, vacuumFile } from '../store/file.ts';
import { isEmptyFile } from '../store/inspect.ts';
import { sqliteCode } from '../store/sqlite-error.ts';
import { EXIT, type ExitCode } from './terminal.ts';

export type DbIo = {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly nowMs: number;
  readonly databasePath: string;
};

export function dbPath({ stdout, databasePath }: DbIo): ExitCode {
  stdout.write(`${databasePath}\n`);
  return EXIT.ok;
}

/** Prints where the copy is. Without a name it lies beside the database, named after the time. */
export function dbBackup(file: string | undefined, io: DbIo): Promise<ExitCode> {
  return withFile(io, async (path) => {
    const stamp = new Date(io.nowMs).toISOString().slice(0, 19).replaceAll(':', '-');
    const target = resolve(file ?? `${path}.backup-${stamp}`);
    if (existsSync(target))
      return fail(io, `${target} exists already and is not overwritten: name another file.`);
    await backUpFile(path, target);
    io.stdout.write(`${target}\n`);
    return EXIT.ok;
  });
}

export function dbVacuum(io: DbIo): Promise<ExitCode> {
  return withFile(io, async (path) => {
    const { bytesBefore, bytesAfter } = vacuumFile(path);
    io.stdout.write(`${megabytes(bytesBefore)} before, ${megabytes(bytesAfter)} after.\n`);
    return EXIT.ok;
  });
}

/** Exit code 1 where the file is damaged, or of a schema that this program cannot use. */
export function dbCheck(io: DbIo): Promise<ExitCode> {
  return withFile(io, async (path) => {
    const { bytes, schema, state, requests, problems } = checkFile(path);
    const version = {
      empty: 'nothing was ever recorded in it',
      current: 'current',
      older: 'older than this anyclaude; the next start of the daemon brings it up to date',
      newer: 'newer than this anyclaude, which leaves it as it is; update anyclaude',
    }[state];
    io.stdout.write(
      [
        path,
        `size      ${megabytes(bytes)}, ${requests} requests`,
        `schema    ${schema} (${version})`,
        `integrity ${problems.length === 0 ? 'ok' : 'damaged'}`,
        ...problems.map((problem) => `          ${problem}`),
        '',
      ].join('\n'),
    );
    return problems.length === 0 && state !== 'newer' ? EXIT.ok : EXIT.failure;
  });
}

async function withFile(io: DbIo, work: (path: string) => Promise<ExitCode>): Promise<ExitCode> {
  const path = io.databasePath;
  const nothing = !existsSync(path)
    ? `there is no database at ${path}`
    : isEmptyFile(path) && `the database at ${path} is empty`;
  if (nothing !== false)
    return fail(io, `Nothing has been recorded yet: ${nothing}. Start the daemon with \`anyclaude start\`.`);
  try {
    return await work(path);
  } catch (error) {
    return fail(io, sentence(path, error));
  }
}

function sentence(path: string, error: unknown): string {
  const cause = error instanceof Error ? error.message : String(error);
  const code = sqliteCode(error) ?? '';
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) {
    return `The database at ${path} is locked by another process. Try again, or stop the daemon first with \`anyclaude stop\`.`;
  }
  if (/^SQLITE_(NOTADB|CORRUPT)/.test(code)) {
    return `The database at ${path} is damaged (${cause}). The daemon moves it aside when it next starts.`;
  }
  return `The database at ${path}: ${cause}.`;
}

function fail(io: DbIo, message: string): ExitCode {
  io.stderr.write(`${message}\n`);
  return EXIT.failure;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
