// `anyclaude statusline`: Claude Code's JSON in, one line out, such as
//   edit → lmstudio · hit 97% · ttft 0.6s · 41 tok/s
//
// Whatever is wrong, it says so in a few words and ends well: a prompt line must not break. It has 50 ms with the
// start of Node in them, so it loads next to nothing and asks the file, not the daemon: an HTTP client takes longer
// to load than the database.

import { existsSync, fstatSync, readFileSync, readSync, writeSync } from 'node:fs';
import { isAlive } from '../daemon/alive.ts';
import { databasePath, homeFolder, statePath } from '../daemon/home.ts';
import { readSessionLine, type SessionLine } from '../store/session-line.ts';
import { parseFields } from '../wire/fields.ts';
import { cutTo, type Pen, penOf, type Screen, safe, screenOf } from './screen.ts';
import { orInferred, shownShare } from './shown.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads stdin to its end, writes one line to stdout. Never throws. */
export async function printStatusline(env: Environment): Promise<void> {
  // Claude Code draws what it is given; it is no terminal, and colour is for terminals.
  const screen = screenOf({}, env);
  let line: string;
  try {
    line = await statusline(readInput(), env, penOf(screen));
  } catch (error) {
    line = `anyclaude: no figures (${error instanceof Error ? error.message : String(error)})`;
  }
  write(line, screen);
}

async function statusline(input: string, env: Environment, pen: Pen): Promise<string> {
  const home = homeFolder(env);
  if (!isRunning(home)) return 'anyclaude is not running';
  const sessionId = sessionIn(input);
  if (sessionId === undefined) return 'anyclaude: no session id in what Claude Code sent';
  const path = databasePath(home);
  const figures = existsSync(path) ? await readSessionLine(path, sessionId) : undefined;
  return figures === undefined ? 'anyclaude: nothing of this session yet' : describe(figures, pen);
}

function describe(figures: SessionLine, pen: Pen): string {
  const { task, backend, ttftMs, hitRequests, knownRequests, inferredRequests, outputTokensPerS } = figures;
  const hit = orInferred(shownShare(hitRequests, knownRequests, pen), { inferred: inferredRequests > 0 });
  const rate =
    outputTokensPerS === null ? pen.unknown : outputTokensPerS.toFixed(outputTokensPerS < 10 ? 1 : 0);
  const route = task === null ? safe(backend, pen) : `${task} ${pen.arrow} ${safe(backend, pen)}`;
  return [
    route,
    `hit ${hit === pen.unknown ? hit : `${hit}%`}`,
    `ttft ${ttftMs === null ? pen.unknown : `${(ttftMs / 1000).toFixed(ttftMs < 10_000 ? 1 : 0)}s`}`,
    `${rate} tok/s`,
  ].join(` ${pen.dot} `);
}

/** The state file and its process: to ask the daemon itself would take longer than the line may. */
function isRunning(home: string): boolean {
  try {
    const pid = parseFields(readFileSync(statePath(home), 'utf8'))?.['pid'];
    return typeof pid === 'number' && pid > 1 && isAlive(pid);
  } catch {
    return false;
  }
}

function sessionIn(input: string): string | undefined {
  const id = parseFields(input)?.['session_id'];
  return typeof id === 'string' && id !== '' ? id : undefined;
}

const MOST_INPUT_BYTES = 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;

/** A stream would take longer to load than this takes. A terminal sends nothing, and is not waited for. */
function readInput(): string {
  if (fstatSync(0).isCharacterDevice()) return '';
  const chunks: Buffer[] = [];
  for (let bytes = 0; bytes < MOST_INPUT_BYTES; ) {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    const read = readSync(0, chunk);
    if (read === 0) break;
    chunks.push(chunk.subarray(0, read));
    bytes += read;
  }
  return Buffer.concat(chunks).toString('utf8');
}

function write(line: string, screen: Screen): void {
  try {
    writeSync(1, `${cutTo(safe(line, penOf(screen)), screen.columns, penOf(screen))}\n`);
  } catch {
    // Nobody reads it any more.
  }
}
