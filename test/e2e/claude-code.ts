// Claude Code in print mode, in a sandbox: its own home, a throw-away git project, an environment that holds
// nothing of the person's, and no way out of the machine.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, link, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** One line of the client's stream-json output. */
export type ClientEvent = Readonly<Record<string, unknown>> & { readonly type: string };

export type ClaudeRun = {
  readonly events: readonly ClientEvent[];
  /** What the person reads at the end; undefined where the client ended without a result. */
  readonly result: string | undefined;
  readonly isError: boolean;
  readonly exitCode: number | null;
  readonly stderr: string;
};

export type Sandbox = {
  readonly project: string;
  readonly home: string;
  /** Runs one prompt to its end. Kills the client, and rejects, where it takes longer than `timeoutMs`. */
  run(options: RunOptions): Promise<ClaudeRun>;
  close(): Promise<void>;
};

export type RunOptions = {
  readonly prompt: string;
  readonly args?: readonly string[];
  /** What `anyclaude run` would set, the base URL among it. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
};

/** Root's files are out of reach for it, and the client refuses some modes as root. */
const NOBODY = 65534;
const DEFAULT_TIMEOUT_MS = 60_000;
/** Nothing listens there: whatever does not go to loopback fails at once. */
const NO_WAY_OUT = 'http://127.0.0.1:9';

/** `files` become the first commit of the project. */
export async function openSandbox(binary: string, files: Readonly<Record<string, string>>): Promise<Sandbox> {
  const root = await mkdtemp(join(tmpdir(), 'anyclaude-e2e-'));
  const [home, project, temporary] = [join(root, 'home'), join(root, 'project'), join(root, 'tmp')];
  for (const folder of [home, project, temporary]) await mkdir(folder);
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(project, name)), { recursive: true });
    await writeFile(join(project, name), content);
  }
  commitAll(project);
  const dropsRoot = process.getuid?.() === 0 && hasSetpriv();
  const command = dropsRoot ? await handOver(root, binary) : [binary];
  return {
    project,
    home,
    run: ({ env, ...options }) =>
      runClaude(command, project, { ...options, env: { ...cleanEnvironment(home, temporary), ...env } }),
    close: () => rm(root, { recursive: true, force: true }),
  };
}

function cleanEnvironment(home: string, temporary: string): Readonly<Record<string, string>> {
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: home,
    TMPDIR: temporary,
    CLAUDE_CODE_TMPDIR: temporary,
    LANG: 'C.UTF-8',
    TERM: 'dumb',
    SHELL: '/bin/sh',
    HTTPS_PROXY: NO_WAY_OUT,
    HTTP_PROXY: NO_WAY_OUT,
    NO_PROXY: '127.0.0.1,localhost',
    DISABLE_TELEMETRY: '1',
    DISABLE_ERROR_REPORTING: '1',
    DISABLE_AUTOUPDATER: '1',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  };
}

async function runClaude(
  [file = '', ...before]: readonly string[],
  cwd: string,
  { prompt, args = [], env, timeoutMs = DEFAULT_TIMEOUT_MS }: RunOptions,
): Promise<ClaudeRun> {
  const wanted = ['-p', prompt, ...args, '--output-format', 'stream-json', '--verbose'];
  // A process group of its own, so that what the client starts ends with it.
  const child = spawn(file, [...before, ...wanted], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const out = collect(child.stdout);
  const told = collect(child.stderr);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    killGroup(child);
  }, timeoutMs);
  try {
    const [exitCode] = (await once(child, 'close')) as [number | null];
    if (late) throw new Error(`Claude Code took longer than ${timeoutMs} ms: ${told().slice(-1000)}`);
    return { ...readEvents(out()), exitCode, stderr: told() };
  } finally {
    clearTimeout(timer);
    killGroup(child);
  }
}

function readEvents(output: string): Pick<ClaudeRun, 'events' | 'result' | 'isError'> {
  const lines = output.split('\n').filter((line) => line.startsWith('{'));
  const events = lines.map((line) => JSON.parse(line) as ClientEvent);
  const last = events.findLast(({ type }) => type === 'result');
  const result = last?.['result'];
  return {
    events,
    result: typeof result === 'string' ? result : undefined,
    isError: last?.['is_error'] !== false,
  };
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = '';
  stream?.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  return () => text;
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The whole group has ended already.
  }
}

function commitAll(project: string): void {
  const env = { PATH: process.env['PATH'] ?? '', HOME: project, GIT_CONFIG_NOSYSTEM: '1' };
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Dev', '-c', 'user.email=dev@example.com', ...args], {
      cwd: project,
      env,
      stdio: 'ignore',
    });
  git('init', '--quiet', '--initial-branch=main');
  git('add', '--all');
  git('commit', '--quiet', '--message=Initial commit');
}

function hasSetpriv(): boolean {
  try {
    execFileSync('setpriv', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Gives the sandbox to nobody. The binary comes along: the cache may lie in a home that only root may enter. */
async function handOver(root: string, binary: string): Promise<readonly string[]> {
  const reachable = join(root, 'claude');
  await link(binary, reachable).catch(() => copyFile(binary, reachable));
  execFileSync('chown', [
    '-R',
    `${NOBODY}:${NOBODY}`,
    ...['home', 'project', 'tmp'].map((name) => join(root, name)),
  ]);
  await chmod(root, 0o755);
  return ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', reachable];
}
