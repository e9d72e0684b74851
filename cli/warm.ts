import { type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import type { Warmed } from '../daemon/keeper/keeper.ts';
import { type DaemonState, daemonUrl, findDaemon, homeFolder } from '../daemon/state.ts';
import { EXIT, type ExitCode, note, print, printJson } from './terminal.ts';

/** Has the daemon prefill what the sessions of each project begin with; prints each as it is done. */
export async function warm({ json }: { readonly json?: boolean }): Promise<ExitCode> {
  const state = await findDaemon(homeFolder(process.env));
  if (!state) {
    note('anyclaude is not running. Start it with: anyclaude start');
    return EXIT.notRunning;
  }
  const all: Warmed[] = [];
  for await (const line of linesOf(state)) {
    // The daemon that answers is this package's own.
    const warmed = JSON.parse(line) as Warmed;
    all.push(warmed);
    if (!json) print(describe(warmed));
  }
  if (json) printJson({ schema: 1, prefills: all.map((warmed) => ({ ...UNTOLD, ...warmed })) });
  else if (all.length === 0) note(NOTHING);
  return all.some(({ result }) => result === 'failed') ? EXIT.failure : EXIT.ok;
}

/** Null where nobody told, as in all JSON of this program. */
const UNTOLD = { reason: null, promptTokens: null, cachedTokens: null, computedTokens: null };

const NOTHING =
  'Nothing is known to warm: the daemon has to have served a request of a project since it was started.';

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
