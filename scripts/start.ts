// `npm start`: looks for the two model servers, puts a small real stand-in where one is missing, starts the
// daemon, sends it a short coding session and shows what became of each request. Ctrl-C ends all of it.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { screenOf } from '../cli/screen.ts';
import { runStats } from '../cli/stats.ts';
import { type Config, readConfig } from '../daemon/config/config.ts';
import {
  type DaemonState,
  daemonUrl,
  databasePath,
  findDaemon,
  logPath,
  openHome,
  openLog,
} from '../daemon/state.ts';
import { packageVersion } from '../daemon/version.ts';
import { backendOf, prepareServers, type Servers, TASKS } from './demo/backends.ts';
import { createProject } from './demo/project.ts';
import { reasonOf, runSession, type Shown } from './demo/session.ts';

const root = join(import.meta.dirname, '..');
/** As a shell takes it. */
const launcher = shellQuoted(join(root, 'bin', 'anyclaude'));
const wantsDemo = !process.argv.includes('--no-demo');
const ending = new AbortController();
/** Ended in reverse order of their start. */
const started: { stop(): Promise<void> }[] = [];

process.on('SIGINT', onSignal);
process.on('SIGTERM', onSignal);
process.exitCode = await main().catch(tellError);
await stopAll();
process.exit();

async function main(): Promise<number> {
  const config = readConfig({ flags: {}, env: process.env });
  say(`anyclaude ${packageVersion()}: one daemon between Claude Code and your model servers.\n`);
  openHome(config.home);
  const running = await findDaemon(config.home);
  if (running) {
    say(`A daemon runs already at ${daemonUrl(running)} (pid ${running.pid}).`);
    say(`Stop it first: ${launcher} stop`);
    return 1;
  }
  if (config.mode === 'claude') sayWhyNoSession();
  const servers = await prepareServers(config, {
    say,
    wantsStandIns: wantsDemo,
    started: (engine) => started.push(engine),
  });
  const daemon = await startDaemon(config, servers.env);
  if (servers.usable && wantsDemo) await demonstrate(daemon, servers, config);
  pointClaudeCode(daemon);
  await untilSignal();
  return 0;
}

// ---- The daemon ---------------------------------------------------------------------------------------

async function startDaemon(config: Config, env: Readonly<Record<string, string>>): Promise<DaemonState> {
  const log = openLog(config.home);
  // In a process group of its own: Ctrl-C reaches this process alone, which then ends things in order.
  const child = spawn(process.execPath, [join(root, 'cli', 'main.ts'), 'start', '--foreground'], {
    detached: true,
    env: { ...process.env, ...env },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  started.push({ stop: () => endChild(child) });
  const state = await untilUp(config, child);
  if (!state)
    throw new Error(`The daemon did not start. Its log: ${logPath(config.home)}\n${lastLines(config)}`);
  say(`\nThe daemon listens at ${daemonUrl(state)} (pid ${state.pid}, mode ${config.mode}).`);
  return state;
}

async function untilUp(config: Config, child: ChildProcess): Promise<DaemonState | undefined> {
  for (let waitedMs = 0; waitedMs < 20_000 && child.exitCode === null; waitedMs += 50) {
    const state = await findDaemon(config.home);
    if (state) return state;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return undefined;
}

function lastLines(config: Config): string {
  return readFileSync(logPath(config.home), 'utf8').trimEnd().split('\n').slice(-5).join('\n');
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}

// ---- The sample session -------------------------------------------------------------------------------

async function demonstrate(daemon: DaemonState, { standIns }: Servers, config: Config): Promise<void> {
  const project = createProject();
  started.push({ stop: async () => project.remove() });
  const scripted = TASKS.filter((task) => standIns.includes(backendOf(config, task) ?? ''));
  say(`\nA short coding session on ${project.cartFile}`);
  if (scripted.length < TASKS.length)
    say('Your own server answers, so the first answer may take as long as its cold prefill.');
  const before = readFileSync(project.cartFile, 'utf8');
  try {
    await runSession({
      url: daemonUrl(daemon),
      token: config.token,
      project,
      scripted,
      announce: (prompt) => say(`\n> ${prompt}`),
      show,
      signal: ending.signal,
    });
    showEdit(before, readFileSync(project.cartFile, 'utf8'));
  } catch (error) {
    if (ending.signal.aborted) throw error;
    say(`\nThe session ended early, and the daemon goes on: ${reasonOf(error)}`);
  }
  say('\nanyclaude stats');
  // The last outcome is written within 100 ms of its end.
  await new Promise((resolve) => setTimeout(resolve, 300));
  await runStats({ since: '1h' }, statsIo(config));
}

function show({ step, task, backend, reason, ttftMs, promptTokens, cachedTokens, text }: Shown): void {
  const ttft = ttftMs === undefined ? '–' : `${(ttftMs / 1000).toFixed(2)} s`;
  const cached = cachedTokens === undefined ? 'cached unknown' : `${cachedTokens} cached`;
  say(
    `  ${step.padEnd(13)} ${task} → ${backend} (${reason})  TTFT ${ttft}  ${promptTokens} tokens, ${cached}`,
  );
  say(`                ${text.length > 90 ? `${text.slice(0, 89)}…` : text}`);
}

function showEdit(before: string, after: string): void {
  if (before === after) {
    say('\nThe file was not changed: the model called no edit tool.');
    return;
  }
  const old = before.split('\n');
  say('\nThe file on disk:');
  for (const [i, line] of after.split('\n').entries()) {
    if (line !== old[i]) say(`  - ${old[i]?.trim()}\n  + ${line.trim()}`);
  }
}

function statsIo(config: Config) {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    nowMs: Date.now(),
    databasePath: databasePath(config.home),
    screen: screenOf(process.stdout, process.env),
  };
}

// ---- Around it ----------------------------------------------------------------------------------------

function sayWhyNoSession(): void {
  say('In mode claude everything goes to the Claude API with the credentials of Claude Code itself.');
  say('So no model server is looked for, and no sample session is sent: it has no credentials.');
}

function pointClaudeCode(daemon: DaemonState): void {
  say(`\nThe daemon stays up at ${daemonUrl(daemon)}; Ctrl-C ends it and all that was started here.`);
  say('Point Claude Code at it, in a project of yours:');
  say(`  ${launcher} run`);
  say(`  (or: eval "$(${launcher} env)"; claude)`);
}

function untilSignal(): Promise<void> {
  if (ending.signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    // A pending promise alone does not keep the process alive.
    const alive = setInterval(() => {}, 60_000);
    ending.signal.addEventListener('abort', () => {
      clearInterval(alive);
      resolve();
    });
  });
}

/** Ctrl-C arrives twice, from the terminal and from npm: only one that comes later means "at once". */
function onSignal(): void {
  if (!ending.signal.aborted) {
    say('\nEnding what was started …');
    ending.abort();
    setTimeout(() => {
      process.removeAllListeners('SIGINT').removeAllListeners('SIGTERM');
    }, 1_000).unref();
  }
}

async function stopAll(): Promise<void> {
  for (const { stop } of started.reverse()) await stop();
}

function tellError(error: unknown): number {
  if (ending.signal.aborted) return 0;
  say(`anyclaude: ${error instanceof Error ? error.message : String(error)}`);
  return 1;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function shellQuoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
