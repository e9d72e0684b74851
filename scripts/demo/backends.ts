// The model servers of `npm start`: a person's own where they answer, small real stand-ins where they do not.

import type { BackendStatus } from '../../backend/backend.ts';
import { probe } from '../../backend/probe.ts';
import type { Config } from '../../daemon/config/config.ts';
import type { Task } from '../../router/decision.ts';
import { available, type Engine, startMlx } from '../../test/engine/engines.ts';

export const TASKS: readonly Task[] = ['analysis', 'edit'];

export type Servers = {
  /** For the daemon: where the stand-ins are. */
  readonly env: Readonly<Record<string, string>>;
  /** Names of the backends that a stand-in plays. */
  readonly standIns: readonly string[];
  /** False where no model server is there at all. */
  readonly usable: boolean;
};

export type Around = {
  readonly say: (line: string) => void;
  readonly wantsStandIns: boolean;
  /** Told of each stand-in as it is up: who is told ends it. */
  readonly started: (engine: Engine) => void;
};

/** A backend by a name of the person's own has no variable that would send the daemon to a stand-in. */
const STAND_INS: ReadonlyMap<string, { readonly title: string; readonly urlVariable: string }> = new Map([
  ['mlx-lm', { title: 'MLX-LM', urlVariable: 'MLX_LM_URL' }],
  ['lmstudio', { title: 'LM Studio', urlVariable: 'LMSTUDIO_URL' }],
]);

/** Who is asked in a task; nobody here where everything goes to the Claude API. */
export function backendOf({ mode, routes }: Config, task: Task): string | undefined {
  if (mode === 'claude') return undefined;
  return mode === 'mlx-lm' || mode === 'lmstudio' ? mode : routes[task];
}

export async function prepareServers(config: Config, around: Around): Promise<Servers> {
  const asked = [...new Set(TASKS.flatMap((task) => backendOf(config, task) ?? []))];
  const looks = await Promise.all(asked.map((name) => lookAt(config, name)));
  for (const [i, name] of asked.entries()) around.say(found(name, looks[i], config));
  const missing = asked.filter((_, i) => looks[i]?.state === 'down');
  const alone: Servers = { env: {}, standIns: [], usable: missing.length < asked.length };
  const playable = missing.filter((name) => STAND_INS.has(name));
  if (playable.length === 0 || !around.wantsStandIns) return alone;

  const why = await whyNoStandIn();
  if (why !== undefined) return without(alone, `No stand-in can be started: ${why}`, around);
  around.say(`\nStarting a small stand-in for ${playable.map(titleOf).join(' and ')}.`);
  around.say('  Real: the server (mlx_lm.server), its prompt cache, streaming, timing, the files on disk.');
  around.say('  Scripted: the text the model says, and its speed (2,000 prompt tokens a second).');
  try {
    return { env: await startStandIns(playable, around), standIns: playable, usable: true };
  } catch (error) {
    // Without a network the stand-in cannot be installed; a daemon without it is still of use.
    const told = error instanceof Error ? error.message : String(error);
    return without(alone, `No stand-in could be started: ${told}`, around);
  }
}

/** What is at its address: a model server, or anything else. */
function lookAt({ backends }: Config, name: string): Promise<BackendStatus> {
  const { url = '', apiKey, model } = backends[name] ?? {};
  return probe({ backend: name, url, apiKey, model }, new AbortController().signal);
}

function found(name: string, look: BackendStatus | undefined, { backends }: Config): string {
  const url = backends[name]?.url;
  if (look?.state === 'down')
    return `– No ${titleOf(name)}: ${look.lastError ?? `nothing is known of ${url}`}`;
  return `✓ ${titleOf(name)} ${look?.state === 'loading' ? 'loads its model' : 'answers'} at ${url}`;
}

function titleOf(name: string): string {
  return STAND_INS.get(name)?.title ?? name;
}

/** Undefined where this machine can run stand-ins, else the reason in words. */
async function whyNoStandIn(): Promise<string | undefined> {
  const can = await available('mlx');
  return can.ok ? undefined : can.reason;
}

function without(alone: Servers, why: string, { say }: Around): Servers {
  say(`\n${why}`);
  if (alone.usable) say('The daemon goes on without it: the other server takes every request.');
  else say('So there is no sample session, and requests are refused until a model server runs.');
  return alone;
}

async function startStandIns(names: readonly string[], { say, started }: Around) {
  const env: Record<string, string> = {};
  for (const name of names) {
    const engine = await startStandIn((line) => say(`  ${line}`));
    started(engine);
    const variable = STAND_INS.get(name)?.urlVariable;
    if (variable !== undefined) env[variable] = engine.url;
    say(`  ${titleOf(name)}: stand-in at ${engine.url} (pid ${engine.pid})`);
  }
  return env;
}

/**
 * A real mlx_lm.server with the scripted model, in either role: both sides then show a real prompt cache, and
 * the edit in the sample session is a sensible one. About 2,000 prompt tokens a second, so that a cold prefill
 * can be felt.
 */
function startStandIn(progress: (line: string) => void): Promise<Engine> {
  return startMlx({ prefillTps: 2_000, decodeTps: 80, progress });
}
