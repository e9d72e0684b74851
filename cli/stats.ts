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
import { claudeApi, statsDocument } from '../store/stats-document.ts';
import { type ReadIo, readStore } from './reading.ts';
import type { Screen } from './screen.ts';
import { renderStats } from './stats-screen.ts';
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
  /** Resolves when the screen is to be drawn anew, with the time; undefined ends it. Absent without a terminal. */
  readonly nextMs?: () => Promise<number | undefined>;
};

/** Resolves with the exit code: 0, 1 where the database cannot be read, 2 for a wrong option. */
export async function runStats(options: StatsOptions, io: StatsIo): Promise<number> {
  const asked = parseOptions(options, io);
  if ('problem' in asked) return fail(io, 2, asked.problem);
  if (options.watch === true) return watch(asked, options, io);
  const shown = await show(asked, io);
  if ('problem' in shown) return fail(io, 1, shown.problem);
  if (shown.note !== undefined) io.stderr.write(`${shown.note}\n`);
  io.stdout.write(shown.text);
  return 0;
}

type Format = 'screen' | 'compact' | 'json' | 'csv' | 'md';
type Asked = { readonly range: StatsRange; readonly by: StatsBy; readonly format: Format };

function parseOptions(options: StatsOptions, io: StatsIo): Asked | { readonly problem: string } {
  const period = parsePeriod({ since: options.since ?? '24h', until: options.until }, io.nowMs);
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
  if (io.nextMs === undefined) return { problem: '--watch redraws a terminal, and this output is none.' };
  return { range: period.range, by, format };
}

const HOME = '\u001b[H';
const END_OF_LINE = '\u001b[K';
const REST_OF_SCREEN = '\u001b[J';

/** Lines are overwritten in place rather than cleared first: nothing flickers. */
async function watch(first: Asked, options: StatsOptions, io: StatsIo): Promise<number> {
  let asked = first;
  for (let nowMs: number | undefined = io.nowMs; nowMs !== undefined; nowMs = await io.nextMs?.()) {
    const again = parseOptions(options, { ...io, nowMs });
    if (!('problem' in again)) asked = again;
    const shown = await show(asked, { ...io, nowMs });
    const text = 'problem' in shown ? `${shown.problem}\n` : shown.text;
    io.stdout.write(`${HOME}${text.replaceAll('\n', `${END_OF_LINE}\n`)}${REST_OF_SCREEN}`);
  }
  return 0;
}

type Shown = { readonly text: string; readonly note?: string } | { readonly problem: string };

async function show({ range, by, format }: Asked, io: StatsIo): Promise<Shown> {
  const read = await readStore(io, (db) => statsReport(db, range, by));
  // Before the first start nothing has happened, and that is an answer, not a failure.
  if ('problem' in read) {
    if (!read.missing) return { problem: read.problem };
    return { text: await written(emptyReport(range, by), format, io), note: read.problem };
  }
  return { text: await written(read.value, format, io) };
}

async function written(report: StatsReport, format: Format, io: StatsIo): Promise<string> {
  const prices = report.claudeApi.length === 0 ? undefined : await io.prices?.();
  switch (format) {
    case 'json':
      return `${JSON.stringify(statsDocument(report, io.nowMs, prices), undefined, 2)}\n`;
    case 'csv':
      return statsCsv(report);
    case 'md':
      return statsMarkdown(report, io.screen);
    case 'screen':
    case 'compact':
      return renderStats(report, claudeApi(report.claudeApi, prices), { ...io.screen, format });
    default:
      return format satisfies never;
  }
}

function fail(io: StatsIo, exitCode: number, message: string): number {
  io.stderr.write(`${message}\n`);
  return exitCode;
}
