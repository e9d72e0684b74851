import { type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import type { Warmed } from '../daemon/keeper/keeper.ts';
import { NOTHING_MISSING } from '../daemon/keeper/prefill.ts';
import { type DaemonState, daemonUrl, findDaemon, homeFolder } from '../daemon/state.ts';
import { readStatus } from './running.ts';
import { EXIT, type ExitCode, note, print, printJson } from './terminal.ts';

/** Has the daemon prefill what the sessions of each project begin with; prints each as it is done. */
export async function warm({ json }: { readonly json?: boolean }): Promise<ExitCode> {
  const state = await findDaemon(homeFolder(process.env));
  if (!state) {
    note('anyclaude is not running. Start it with: anyclaude start');
    return EXIT.notRunning;
  }
  const all: Warmed[] = [];
  try {
    for await (const line of linesOf(state)) {
      // The daemon that answers is this package's own.
      const warmed = JSON.parse(line) as Warmed;
      all.push(warmed);
      if (!json) print(describe(warmed));
    }
  } catch (error) {
    note(`The daemon did not answer to the end (${messageOf(error)}): see anyclaude logs.`);
    return EXIT.failure;
  }
  if (json) printJson({ schema: 1, prefills: all.map((warmed) => ({ ...UNTOLD, ...warmed })) });
  else if (all.length === 0) note(await whyNothing(state));
  return all.length === 0 || isWarm(all) ? EXIT.ok : EXIT.failure;
}

/** Something is, and nothing failed. */
function isWarm(all: readonly Warmed[]): boolean {
  const isDone = ({ result, reason }: Warmed) => result === 'completed' || reason === NOTHING_MISSING;
  return all.some(isDone) && !all.some(({ result }) => result === 'failed');
}

async function whyNothing(state: DaemonState): Promise<string> {
  const mode = (await readStatus(state))?.mode;
  return mode === 'claude'
    ? 'Nothing is warmed in mode claude, which uses no local backend. Start the daemon with another --mode.'
    : NOTHING;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Null where nobody told, as in all JSON of this program. */
const UNTOLD = { reason: null, promptTokens: null, cachedTokens: null, computedTokens: null };

const NOTHING =
  'Nothing is known to warm: no request of a project was served yet, and none is kept from a former day.';

/** No time limit: a prefill takes as long as it takes, and the first sign of a request ends it. */
async function* linesOf(state: DaemonState): AsyncGenerator<string> {
  const headers = {
    'content-type': 'application/json',
    ...(state.token === undefined ? {} : { 'x-anyclaude-token': state.token }),
  };
  const asked = request(`${daemonUrl(state)}/api/warm`, { method: 'POST', headers });
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  asked.once('response', resolve).once('error', reject).end('{}');
  const reply = await promise;
  if (reply.statusCode !== 200) throw new Error(`The daemon answered ${reply.statusCode}`);
  yield* createInterface(reply);
}

function describe({ project, backend, result, reason, durationMs, ...tokens }: Warmed): string {
  const { computedTokens, cachedTokens } = tokens;
  const because = reason === undefined ? '' : ` (${reason})`;
  const figures = [
    `${shown(computedTokens)} tokens computed`,
    `${shown(cachedTokens)} cached before`,
    `${(durationMs / 1000).toFixed(1)} s`,
  ];
  const done = result === 'skipped' ? '' : `: ${figures.join(', ')}`;
  return `${project ?? 'a session without a project'} on ${backend}: ${result}${because}${done}`;
}

function shown(tokens: number | undefined): string {
  return tokens === undefined ? '–' : String(tokens);
}
