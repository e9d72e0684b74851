// `anyclaude stats`: what happened, read from the file alone, so that it works with the daemon stopped.

import type { PriceTable } from '../store/prices.ts';
import {
  emptyReport,
  STATS_BY,
  type StatsBy,
  type StatsRange,
  type StatsReport,
  statsReport,
} from '../store/report.ts';
import { parsePeriod } from '../store/since.ts';
import { type ClaudeBill, claudeApi, statsDocument } from '../store/stats-document.ts';
import { type ReadIo, readStore } from './reading.ts';
import { penOf, type Screen, wrapped } from './screen.ts';
import { renderStats, statsLines } from './stats-screen.ts';
import { statsCsv, statsMarkdown } from './stats-table.ts';

export type StatsOptions = {
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly by?: string | undefined;
  readonly json?: boolean | undefined;
  readonly csv?: boolean | undefined;
  readonly md?: boolean | undefined;
  readonly compact?: boolean | undefined;
  readonly watch?: boolean | undefined;
};

export type StatsIo = ReadIo & {
  readonly screen: Screen;
  /** Asked once something went to the Claude API. */
  readonly prices?: () => Promise<PriceTable | undefined>;
  /** Takes the terminal over. Absent without one. */
  readonly openWatch?: () => StatsWatch;
};

export type StatsWatch = {
  /** Draws it, and draws it anew when the terminal changes its size. */
  show(picture: (screen: Screen & { readonly rows?: number | undefined }) => readonly string[]): void;
  /** Resolves when the figures are to be read anew, with the time; undefined ends it. */
  nextMs(): Promise<number | undefined>;
  /** Puts the terminal back. */
  close(): void;
};

/** Resolves with the exit code: 0, 1 where the database cannot be read, 2 for a wrong option. */
export async function runStats(options: StatsOptions, io: StatsIo): Promise<number> {
  const asked = parseOptions(options, io);
  if ('problem' in asked) return fail(io, 2, asked.problem);
  if (options.watch === true && io.openWatch !== undefined) return watch(asked, options, io, io.openWatch());
  const read = await reportOf(asked, io);
  if ('problem' in read) return fail(io, 1, read.problem);
  if (read.note !== undefined) io.stderr.write(`${read.note}\n`);
  io.stdout.write(await written(read.report, asked.format, io));
  return 0;
}

type Format = 'screen' | 'compact' | 'json' | 'csv' | 'md';
type Asked = { readonly range: StatsRange; readonly by: StatsBy; readonly format: Format };

function parseOptions(options: StatsOptions, io: StatsIo): Asked | { readonly problem: string } {
  const period = parsePeriod({ since: options.since, until: options.until }, io.nowMs);
  if ('problem' in period) return period;
  const by = STATS_BY.find((name) => name === (options.by ?? 'route'));
  if (by === undefined) return { problem: `--by takes ${STATS_BY.join(', ')}, not "${options.by}".` };
  const formats = (['json', 'csv', 'md', 'compact'] as const).filter((name) => options[name] === true);
  const [format = 'screen', second] = formats;
  if (second !== undefined)
    return { problem: `--${format} and --${second} are two forms of one answer: give one.` };
  if (options.watch !== true) return { range: period.range, by, format };
  if (format !== 'screen' && format !== 'compact') {
    return { problem: `--watch draws a screen, and --${format} is for programs: give one of them.` };
  }
  if (io.openWatch === undefined) return { problem: '--watch redraws a terminal, and this output is none.' };
  return { range: period.range, by, format };
}

async function watch(
  first: Asked,
  options: StatsOptions,
  io: StatsIo,
  terminal: StatsWatch,
): Promise<number> {
  let asked = first;
  try {
    for (let nowMs: number | undefined = io.nowMs; nowMs !== undefined; nowMs = await terminal.nextMs()) {
      const again = parseOptions(options, { ...io, nowMs });
      if (!('problem' in again)) asked = again;
      terminal.show(await pictureOf(asked, { ...io, nowMs }));
    }
  } finally {
    terminal.close();
  }
  return 0;
}

async function pictureOf(asked: Asked, io: StatsIo): Promise<Parameters<StatsWatch['show']>[0]> {
  const read = await reportOf(asked, io);
  if ('problem' in read) return (screen) => wrapped(read.problem, screen.columns, penOf(screen));
  const bill = await billOf(read.report, io);
  const format = asked.format === 'compact' ? 'compact' : 'screen';
  return (screen) => statsLines(read.report, bill, { ...screen, format });
}

type ReadReport = { readonly report: StatsReport; readonly note?: string } | { readonly problem: string };

async function reportOf({ range, by }: Asked, io: StatsIo): Promise<ReadReport> {
  const read = await readStore(io, (db) => statsReport(db, range, by));
  if (!('problem' in read)) return { report: read.value };
  // Before the first start nothing has happened, and that is an answer, not a failure.
  return read.missing ? { report: emptyReport(range, by), note: read.problem } : { problem: read.problem };
}

async function billOf({ claudeApi: tokens }: StatsReport, io: StatsIo): Promise<ClaudeBill> {
  return claudeApi(tokens, await pricesFor(tokens, io));
}

async function pricesFor(tokens: StatsReport['claudeApi'], io: StatsIo): Promise<PriceTable | undefined> {
  return tokens.length === 0 ? undefined : await io.prices?.();
}

async function written(report: StatsReport, format: Format, io: StatsIo): Promise<string> {
  switch (format) {
    case 'json': {
      const document = statsDocument(report, io.nowMs, await pricesFor(report.claudeApi, io));
      return `${JSON.stringify(document, undefined, 2)}\n`;
    }
    case 'csv':
      return statsCsv(report);
    case 'md':
      return statsMarkdown(report, io.screen);
    case 'screen':
    case 'compact':
      return renderStats(report, await billOf(report, io), { ...io.screen, format });
    default:
      return format satisfies never;
  }
}

function fail(io: StatsIo, exitCode: number, message: string): number {
  io.stderr.write(`${message}\n`);
  return exitCode;
}
