// `anyclaude tail`: a line a request, as it ends.

import type { DaemonState } from '../daemon/state.ts';
import { requestHistory } from '../store/history.ts';
import { type Laid, layOut } from './columns.ts';
import { followDaemon } from './daemon-events.ts';
import { ENDED_COLUMNS, type EndedRequest, endedLive, endedStored } from './ended-request.ts';
import { type ReadIo, readStore } from './reading.ts';
import { penOf, type Screen } from './screen.ts';

export type TailOptions = {
  readonly lines?: string | undefined;
  readonly follow?: boolean | undefined;
  readonly json?: boolean | undefined;
};

export type TailIo = ReadIo & {
  readonly screen: Screen;
  readonly home: string;
  /** Undefined where none runs. */
  readonly daemon: DaemonState | undefined;
  /** Ends it. */
  readonly stopping: AbortSignal;
};

const NOT_RUNNING = 'anyclaude is not running. Start it with: anyclaude start';

/** Resolves with the exit code: 0, 1 where the database cannot be read, 2 for a wrong option, 3 with no daemon to follow. */
export async function runTail(options: TailOptions, io: TailIo): Promise<number> {
  const count = Number(/^\d{1,4}$/.exec(options.lines ?? '10')?.[0] ?? Number.NaN);
  if (Number.isNaN(count))
    return fail(io, 2, `--lines takes a whole number to 9999, not "${options.lines}".`);
  const follows = options.follow !== false;
  if (follows && io.daemon === undefined) return fail(io, 3, NOT_RUNNING);
  const read = await readStore(io, (db) => newestEnded(db, count));
  if ('problem' in read) {
    if (!read.missing && !follows) return fail(io, 1, read.problem);
    // What is to come can be shown all the same.
    if (count > 0) io.stderr.write(`${read.problem}\n`);
  }
  const stored = 'value' in read ? read.value : [];
  const printer = createPrinter(io, options.json === true);
  if (follows && io.daemon !== undefined) await followFrom(io.daemon, { stored, count, printer }, io);
  else printer.print(stored);
  return 0;
}

async function newestEnded(db: Parameters<typeof requestHistory>[0], count: number): Promise<EndedRequest[]> {
  if (count === 0) return [];
  // Those that still run are told of when they end.
  const page = await requestHistory(db, { limit: count + MOST_RUNNING });
  const ended = page.rows.filter(({ result }) => result !== 'running').slice(0, count);
  return ended.map(endedStored).reverse();
}

const MOST_RUNNING = 100;

type Begin = {
  readonly stored: readonly EndedRequest[];
  readonly count: number;
  readonly printer: Printer;
};

async function followFrom(
  daemon: DaemonState,
  begin: Begin,
  { home, stderr, stopping }: TailIo,
): Promise<void> {
  const { stored, count, printer } = begin;
  let isFirst = true;
  for await (const told of followDaemon(home, daemon, stopping)) {
    if (told.event === 'hello') {
      // The newest may not be in the file yet; after a break, all that ended meanwhile is news.
      const ended = told.data.recent.map(endedLive).reverse();
      printer.print(isFirst ? newestOf([...stored, ...ended], count) : ended);
      printer.skip(ended);
      isFirst = false;
    } else if (told.event === 'request' && told.data.phase === 'ended') printer.print([endedLive(told.data)]);
    else if (told.event === 'lost') stderr.write('The daemon has stopped; waiting for it to come back.\n');
  }
}

function newestOf(requests: readonly EndedRequest[], count: number): readonly EndedRequest[] {
  const once = new Map(requests.map((request) => [request.requestId, request]));
  const inOrder = [...once.values()].toSorted((a, b) => a.startedAtMs - b.startedAtMs);
  return count === 0 ? [] : inOrder.slice(-count);
}

type Printer = {
  /** Each request once, however often it is told of. */
  print(requests: readonly EndedRequest[]): void;
  skip(requests: readonly EndedRequest[]): void;
};

const MOST_REMEMBERED = 1000;

function createPrinter({ stdout, screen }: TailIo, asJson: boolean): Printer {
  const pen = penOf(screen);
  const laid = (rows: readonly EndedRequest[]): Laid => layOut(ENDED_COLUMNS, rows, screen, pen);
  let printed: readonly string[] = [];
  const remember = (requests: readonly EndedRequest[]) => {
    printed = [...printed, ...requests.map(({ requestId }) => requestId)].slice(-MOST_REMEMBERED);
  };
  if (!asJson) stdout.write(`${laid([]).titles}\n`);
  return {
    print(requests) {
      const fresh = requests.filter(({ requestId }) => !printed.includes(requestId));
      remember(fresh);
      const lines = asJson ? fresh.map(toJsonLine) : laid(fresh).lines;
      if (lines.length > 0) stdout.write(`${lines.join('\n')}\n`);
    },
    skip: remember,
  };
}

/** One document a line, as docs/json.md tells. */
function toJsonLine({ startedAtMs, ...rest }: EndedRequest): string {
  const document = { schema: 1, startedAt: new Date(startedAtMs).toISOString(), ...rest };
  return JSON.stringify(document, (_key, value: unknown) =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toFixed(3)) : value,
  );
}

function fail(io: TailIo, exitCode: number, message: string): number {
  io.stderr.write(`${message}\n`);
  return exitCode;
}
