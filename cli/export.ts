// `anyclaude export`: every request that is still a row, for other programs. Written as it is read, so that a year takes
// no more memory than an hour.

import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { Kysely } from 'kysely';
import { EXPORTED_COLUMNS, exportPages } from '../store/export.ts';
import type { Schema } from '../store/schema.ts';
import { parsePeriod } from '../store/since.ts';
import { type ReadIo, readStore } from './reading.ts';
import { csvCell } from './stats-table.ts';
import { EXIT, type ExitCode } from './terminal.ts';

export type ExportOptions = {
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly format?: string | undefined;
};

export type ExportIo = ReadIo & { readonly stdout: Writable };

const FORMATS = ['jsonl', 'csv'] as const;
type Format = (typeof FORMATS)[number];
type Range = { readonly sinceMs: number; readonly untilMs: number };

/** Resolves with the exit code: 0, 1 where the database cannot be read, 2 for a wrong option. */
export async function runExport(options: ExportOptions, io: ExportIo): Promise<ExitCode> {
  const period = parsePeriod({ since: options.since, until: options.until }, io.nowMs);
  if ('problem' in period) return fail(io, EXIT.usage, period.problem);
  const format = FORMATS.find((name) => name === (options.format ?? 'jsonl'));
  if (format === undefined)
    return fail(io, EXIT.usage, `--format takes ${FORMATS.join(' or ')}, not "${options.format}".`);
  const read = await readStore(io, async (db) => {
    await write(db, { range: period.range, format, out: io.stdout });
    return prunedUntil(db);
  });
  if ('problem' in read) {
    if (read.missing && format === 'csv') io.stdout.write(HEADING);
    return fail(io, read.missing ? EXIT.ok : EXIT.failure, read.problem);
  }
  if (period.range.sinceMs < read.value) {
    const from = new Date(read.value).toISOString();
    io.stderr.write(`Requests before ${from} are kept as hourly sums alone: \`anyclaude stats\` has them.\n`);
  }
  return EXIT.ok;
}

const HEADING = `${EXPORTED_COLUMNS.join(',')}\r\n`;

type Writing = { readonly range: Range; readonly format: Format; readonly out: Writable };

async function write(db: Kysely<Schema>, { range, format, out }: Writing): Promise<void> {
  if (format === 'csv') out.write(HEADING);
  for await (const page of exportPages(db, range)) {
    const lines = page.map((request) => (format === 'csv' ? csvLine(request) : jsonLine(request)));
    // What is not taken yet would pile up in memory.
    if (!out.write(lines.join(''))) await once(out, 'drain');
  }
}

function csvLine(request: Readonly<Record<string, unknown>>): string {
  return `${EXPORTED_COLUMNS.map((name) => csvCell(request[name])).join(',')}\r\n`;
}

const JSON_COLUMNS: readonly string[] = ['passed_over', 'predicted', 'alternatives', 'shadow', 'signals'];

/** Columns that hold JSON are written as what they hold. `schema` grows when a key changes its meaning or goes. */
function jsonLine(request: object): string {
  const entries = Object.entries(request).map(([name, value]: [string, unknown]) =>
    JSON_COLUMNS.includes(name) && typeof value === 'string' ? [name, parsed(value)] : [name, value],
  );
  return `${JSON.stringify({ schema: 1, ...Object.fromEntries(entries) })}\n`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function prunedUntil(db: Kysely<Schema>): Promise<number> {
  const state = db.selectFrom('rollup_state').select('pruned_until_ms');
  return (await state.executeTakeFirstOrThrow()).pruned_until_ms;
}

function fail(io: ExportIo, exitCode: ExitCode, message: string): ExitCode {
  io.stderr.write(`${message}\n`);
  return exitCode;
}
