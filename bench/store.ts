// How long `stats` takes on a record of a million requests, and of ten million that are hourly sums alone; what they
// take of the disk; and how long the nightly upkeep keeps the event loop from anybody else. `npm run bench:store`
//
//   --quick  20,000 requests, to see that it works
//   --json   figures as JSON on stdout

import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { atMost, type Figure, median, renderTable } from './figures.ts';
import { openBenchStore } from './store/bench-store.ts';
import { type CommandCost, commandCost } from './store/command.ts';
import { fillRequests, repeatHours } from './store/fill.ts';
import { keptUp } from './store/keep-up.ts';

const { values: options } = parseArgs({ options: { quick: { type: 'boolean' }, json: { type: 'boolean' } } });
const REQUESTS = options.quick ? 20_000 : 1_000_000;
/** A thousandfold of what one person sends: 11,000 requests a day. */
const DAYS = options.quick ? 2 : 90;
const PERIODS = 10;
const RUNS = options.quick ? 1 : 5;

const figures: Figure[] = [];
const bench = await openBenchStore();
try {
  const nowMs = Date.now();
  progress(`${REQUESTS} requests of ${DAYS} days …`);
  fillRequests(bench.path, { requests: REQUESTS, days: DAYS, nowMs });
  figures.push({ name: 'file, requests alone', value: bench.megabytes(), unit: 'MB' });
  progress('the first upkeep of all …');
  figures.push(...(await keptUp(bench, nowMs)));
  figures.push({ name: 'file, with their hours', value: bench.megabytes(), unit: 'MB' });
  await statsFigures(`${DAYS}d`, REQUESTS, 1);
  progress('a tenfold of hours …');
  const hours = await repeatHours(bench.path, { days: DAYS, periods: PERIODS, nowMs });
  figures.push({ name: 'hours of ten such periods', value: hours, unit: 'rows' });
  figures.push({ name: 'file, with all hours', value: bench.megabytes(), unit: 'MB' });
  await statsFigures(`${PERIODS * DAYS}d`, PERIODS * REQUESTS, 2);
} finally {
  await bench.close();
  rmSync(bench.home, { recursive: true, force: true });
}
if (options.json)
  process.stdout.write(`${JSON.stringify({ node: process.version, figures }, undefined, 2)}\n`);
else process.stdout.write(`${renderTable(figures)}\n`);

/** The whole command, Node's own start in it, on the source as it is in a clone. */
async function statsFigures(since: string, requests: number, goalSeconds: number): Promise<void> {
  const figure = async (...args: readonly string[]) => {
    const name = ['stats --since', since, ...args].join(' ');
    progress(`${name} …`);
    const costs: CommandCost[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      costs.push(await commandCost(bench.home, ['stats', '--since', since, ...args]));
    }
    const processor = median(costs.map(({ processorSeconds }) => processorSeconds)).toFixed(2);
    const note = `${requests.toLocaleString('en')} requests; processor time ${processor} s`;
    return { name, value: median(costs.map(({ seconds }) => seconds)), unit: 's', note };
  };
  figures.push(atMost(goalSeconds, await figure()));
  for (const by of ['session', 'day', 'reason']) figures.push(await figure('--by', by));
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
