// What the daemon costs, measured against a scripted backend in the same run. `npm run bench:overhead`
//
//   --json            figures as JSON on stdout
//   --quick           few samples, to see that it works: the daemon runs from source
//   --entry FILE      the daemon to measure, e.g. an installed package's dist/cli/main.cjs; else it is built here
//   --cpu-prof FOLDER the daemon under load writes a CPU profile there (figures are worse then)

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { abortFigures, longestSilence } from './aborts.ts';
import { readArguments } from './arguments.ts';
import { ask, bodyFor, closeConnections } from './ask.ts';
import { atMost, type Figure, median, renderTable } from './figures.ts';
import { addedPerFrame, addedTtft } from './latency.ts';
import { newOrder } from './order.ts';
import { prefixFigures } from './prefix.ts';
import { type DaemonOptions, rssMb, startBackend, startDaemonProcess, startForwarder } from './processes.ts';
import { daemonRoute, messagesBody, openWays } from './routes.ts';
import { largeRequestsPerSecond, streamsAtOnce } from './throughput.ts';

const ROOT = join(import.meta.dirname, '..');
const { values: options } = readArguments({
  options: {
    json: { type: 'boolean' },
    quick: { type: 'boolean' },
    entry: { type: 'string' },
    'cpu-prof': { type: 'string' },
  },
});
const size = options.quick
  ? { starts: 2, idleMs: 0, turns: 5, frameTurns: 1, rounds: 1, roundMs: 300, silenceMs: 3_000 }
  : { starts: 5, idleMs: 2_000, turns: 250, frameTurns: 6, rounds: 3, roundMs: 3_000, silenceMs: 17_000 };

const figures: Figure[] = [];
const backend = await startBackend();
try {
  const entry = options.entry ?? (options.quick ? join(ROOT, 'cli', 'main.ts') : build());
  figures.push(...(await coldStart({ entry, backendUrl: backend.url })));
  figures.push(...(await underLoad({ entry, backendUrl: backend.url, nodeArgs: profiling() })));
} finally {
  closeConnections();
  await backend.stop();
}
if (options.json)
  process.stdout.write(`${JSON.stringify({ node: process.version, figures }, undefined, 2)}\n`);
else process.stdout.write(`${renderTable(figures)}\n`);

function build(): string {
  progress('building dist/ …');
  execFileSync(process.execPath, [join(ROOT, 'scripts', 'build.ts')], { stdio: ['ignore', 2, 2] });
  return join(ROOT, 'dist', 'cli', 'main.cjs');
}

function profiling(): readonly string[] {
  const folder = options['cpu-prof'];
  return folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`];
}

async function coldStart(daemonOptions: DaemonOptions): Promise<readonly Figure[]> {
  progress('cold start …');
  const tookMs: number[] = [];
  const idleMb: number[] = [];
  for (let round = 0; round < size.starts; round += 1) {
    const daemon = await startDaemonProcess(daemonOptions);
    const route = daemonRoute(daemon.url, messagesBody('small'));
    const order = newOrder('stream');
    if (round === 0) {
      await sleep(size.idleMs);
      idleMb.push(rssMb(daemon.pid));
    }
    const reply = await ask(route, order, bodyFor(route, order)).reply;
    if (reply.tokens.length !== order.tokens) throw new Error(`No answer after a cold start: ${reply.text}`);
    if (round > 0) tookMs.push(reply.endedMs - daemon.spawnedMs);
    closeConnections();
    await daemon.stop();
  }
  const note = `${tookMs.map((ms) => ms.toFixed(0)).join(', ')} ms; the first start of all is left out`;
  return [
    atMost(0.6, { name: 'cold start to first answer', value: median(tookMs) / 1000, unit: 's', note }),
    atMost(100, { name: `RSS idle, ${size.idleMs / 1000} s after start`, value: median(idleMb), unit: 'MB' }),
  ];
}

async function underLoad(daemonOptions: DaemonOptions): Promise<readonly Figure[]> {
  const daemon = await startDaemonProcess(daemonOptions);
  const forwarder = await startForwarder(daemonOptions.backendUrl);
  const at = { backend: daemonOptions.backendUrl, forwarder: forwarder.url, daemon: daemon.url };
  try {
    const large = await openWays('large', at);
    const small = await openWays('small', at);
    const found: Figure[] = [];
    const step = async (what: string, measure: () => Promise<Figure | readonly Figure[]>) => {
      progress(`${what} …`);
      found.push(...[await measure()].flat());
    };
    await step('prefix and content', () => prefixFigures(at));
    await step('TTFT, large', () => addedTtft('large, 27 tools', large, { goalMs: 2, turns: size.turns }));
    await step('TTFT, small', () => addedTtft('small', small, { goalMs: 0.8, turns: size.turns }));
    await step('frames', () => addedPerFrame(small, { goalMs: 0.1, turns: size.frameTurns }));
    const pids = { daemon: daemon.pid, backend: backend.pid };
    const loop = { goal: 400, rounds: size.rounds, roundMs: size.roundMs };
    await step('requests a second', () => largeRequestsPerSecond(large.daemon, pids, loop));
    await step('50 streams', () => streamsAtOnce(small.daemon));
    await step('aborts', () => abortFigures(small.daemon, at));
    await step('silence', () => longestSilence(small.daemon, size.silenceMs));
    found.push({ name: 'RSS after all of it', value: rssMb(daemon.pid), unit: 'MB' });
    return found;
  } finally {
    closeConnections();
    await Promise.all([daemon.stop(), forwarder.stop()]);
  }
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
