// `anyclaude stats`: what happened, read from the file alone, so that it works with the daemon stopped.

import { openDatabase } from '../store/database.ts';
import {
  emptyReport,
  STATS_BY,
  type StatsBy,
  type StatsRange,
  type StatsReport,
  statsReport,
} from '../store/report.ts';
import { parseSince } from '../store/since.ts';
import { statsDocument } from '../store/stats-document.ts';
import { renderStats, type Screen } from './stats-screen.ts';

export type StatsOptions = {
  readonly since?: string | undefined;
  readonly by?: string | undefined;
  readonly json?: boolean | undefined;
};

export type StatsIo = {
  /** Data. */
  readonly stdout: { write(text: string): unknown };
  /** Notes. */
  readonly stderr: { write(text: string): unknown };
  readonly nowMs: number;
  readonly databasePath: string;
  readonly screen: Screen;
};

/** Resolves with the exit code: 0, 1 where the database cannot be read, 2 for a wrong option. */
export async function runStats(options: StatsOptions, io: StatsIo): Promise<number> {
  const since = parseSince(options.since ?? '24h', io.nowMs);
  if ('problem' in since) return fail(io, 2, since.problem);
  const by = STATS_BY.find((name) => name === (options.by ?? 'route'));
  if (by === undefined) return fail(io, 2, `--by takes ${STATS_BY.join(', ')}, not "${options.by}".`);
  const range = { sinceMs: since.sinceMs, untilMs: io.nowMs };
  const read = await readReport(io, range, by);
  if ('problem' in read) return fail(io, 1, read.problem);
  if (read.note !== undefined) io.stderr.write(`${read.note}\n`);
  io.stdout.write(
    options.json === true ? toJson(read.report, io.nowMs) : renderStats(read.report, io.screen),
  );
  return 0;
}

export function toJson(report: StatsReport, generatedAtMs: number): string {
  return `${JSON.stringify(statsDocument(report, generatedAtMs), threeDecimals, 2)}\n`;
}

type Read = { readonly report: StatsReport; readonly note?: string } | { readonly problem: string };

async function readReport(io: StatsIo, range: StatsRange, by: StatsBy): Promise<Read> {
  const opened = await openDatabase({ path: io.databasePath, mode: 'read', nowMs: io.nowMs });
  if (opened.state === 'unusable') {
    // Before the first start nothing has happened, and that is an answer, not a failure.
    if (opened.why === 'missing') return { report: emptyReport(range, by), note: opened.message };
    return { problem: opened.message };
  }
  try {
    return { report: await statsReport(opened.database.db, range, by) };
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    return { problem: `The database at ${io.databasePath} cannot be read: ${cause}.` };
  } finally {
    await opened.database.close();
  }
}

function threeDecimals(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toFixed(3)) : value;
}

function fail(io: StatsIo, exitCode: number, message: string): number {
  io.stderr.write(`${message}\n`);
  return exitCode;
}
