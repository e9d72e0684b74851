// How long the status line takes as it is installed, compiled, and as a clone's bin/anyclaude runs it, on a file of
// 100,000 requests, of which its session has 2,000. Beside them, in turns, Node starting and doing nothing: the
// machine's own part of every figure.
// `npm run bench:statusline`
//
//   --quick  few rounds on few requests, to see that it works
//   --json   figures as JSON on stdout

import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Outcome } from '../router/outcome.ts';
import { openDatabase } from '../store/database.ts';
import { toEnded } from '../store/row.ts';
import { writeRecords } from '../store/write.ts';
import { readArguments } from './arguments.ts';
import { atMost, median, percentile, renderTable } from './figures.ts';

const { values: options } = readArguments({
  options: { quick: { type: 'boolean' }, json: { type: 'boolean' } },
});
const ROUNDS = options.quick ? 2 : 60;
const REQUESTS = options.quick ? 1000 : 100_000;
const SESSIONS = 50;
const GOAL_MS = 50;
const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'anyclaude-statusline-'));

try {
  const main = compiled(folder);
  const home = join(folder, 'home');
  await seed(home);
  const env = { ...process.env, ANYCLAUDE_HOME: home };
  const input = JSON.stringify({ session_id: 'session-7', cwd: root });
  const times = { bare: [] as number[], line: [] as number[], clone: [] as number[] };
  const node = process.execPath;
  const launcher = join(root, 'bin', 'anyclaude');
  // The first one of a clone keeps what it compiles.
  await timed([launcher, 'statusline'], input, env);
  for (let round = 0; round < ROUNDS; round += 1) {
    times.bare.push(await timed([node, '-e', '0'], input, env));
    times.line.push(await timed([node, main, 'statusline'], input, env));
    times.clone.push(await timed([launcher, 'statusline'], input, env));
  }
  const ratio = median(times.line) / median(times.bare);
  const figures = [
    { name: 'node -e 0', value: median(times.bare), p99: percentile(times.bare, 0.99), unit: 'ms' },
    atMost(GOAL_MS, {
      name: 'anyclaude statusline',
      ...{ value: median(times.line), p99: percentile(times.line, 0.99), unit: 'ms' },
    }),
    {
      name: "a clone's bin/anyclaude statusline",
      ...{ value: median(times.clone), p99: percentile(times.clone, 0.99), unit: 'ms' },
    },
    atMost(2, { name: 'statusline ÷ bare Node', value: ratio, unit: '' }),
  ];
  const told = options.json
    ? JSON.stringify({ node: process.version, figures }, undefined, 2)
    : renderTable(figures);
  process.stdout.write(`${told}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** The package as npm would put it there. */
function compiled(into: string): string {
  const built = spawnSync(process.execPath, [join(root, 'scripts/build.ts'), join(into, 'dist')], {
    stdio: ['ignore', 2, 2],
  });
  if (built.status !== 0) throw new Error('The build failed: see above.');
  copyFileSync(join(root, 'package.json'), join(into, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(into, 'node_modules'));
  return join(into, 'dist/cli/main.cjs');
}

async function seed(home: string): Promise<void> {
  mkdirSync(home);
  // Its process lives: this one.
  writeFileSync(join(home, 'daemon.json'), JSON.stringify({ pid: process.pid }));
  const opened = await openDatabase({ path: join(home, 'anyclaude.db'), mode: 'write', nowMs: Date.now() });
  if (opened.state === 'unusable') throw new Error(opened.message);
  for (let from = 0; from < REQUESTS; from += 500) {
    const outcomes = Array.from({ length: 500 }, (_, at) => request(from + at));
    await writeRecords(
      opened.database.db,
      outcomes.map((outcome) => toEnded(outcome, 'd-1')),
    );
  }
  await opened.database.close();
}

function request(at: number): Outcome {
  return {
    requestId: `r-${at}`,
    startedAtMs: Date.now() - 1000 * (REQUESTS - at),
    durationMs: 3000,
    ...{ kind: 'main', answeredBy: 'mlx-lm', requestedModel: 'local', model: 'm', stream: true },
    sessionId: `session-${at % SESSIONS}`,
    turnId: `turn-${at % 3000}`,
    classification: { task: 'analysis', probability: 0.9, reason: 'question-words' },
    attempts: [],
    ...{ ttftMs: 500, outputTokens: 100, toolCalls: [], invalidToolCalls: 0 },
    ...{ httpStatus: 200, bytesIn: 90_000, bytesOut: 4_000 },
    cache: { evidence: 'reported', promptTokens: 20_000, cachedTokens: 19_000 },
    ending: { result: 'completed' },
  };
}

function timed(
  [program = '', ...args]: readonly string[],
  input: string,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const startedMs = performance.now();
  const child = spawn(program, args, { env, stdio: ['pipe', 'ignore', 'inherit'] });
  child.stdin?.end(input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve(performance.now() - startedMs) : reject(new Error(`exit code ${code}`)),
    );
  });
}
