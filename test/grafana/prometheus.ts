// A real Prometheus and its promtool, where they are installed. On a person's machine their absence skips a test;
// under CI it fails: nothing is proved there by leaving it out.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export const INSTALL_HINT =
  'is not installed; scripts/install-test-tools.sh installs it on Debian and Ubuntu';

/** The reason to skip; false where it is there, or must be. */
export function promtoolIsMissing(): string | false {
  return missing('promtool');
}

/** The reason to skip; false where it is there, or must be. */
export function prometheusIsMissing(): string | false {
  return missing('prometheus');
}

function missing(program: string): string | false {
  if (process.env['CI'] === 'true') return false;
  const { error } = spawnSync(program, ['--version'], { stdio: 'ignore' });
  return error ? `${program} ${INSTALL_HINT}` : false;
}

/** What promtool said, on both of its outputs. */
export function promtool(args: readonly string[], input = ''): { status: number | null; output: string } {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { input, encoding: 'utf8' });
  if (error) throw new Error(`promtool ${INSTALL_HINT}`, { cause: error });
  return { status, output: `${stdout}${stderr}` };
}

export type Sample = { readonly metric: Readonly<Record<string, string>>; readonly value: number };

export type Prometheus = {
  readonly url: string;
  /** Rejects where the expression is no valid PromQL. */
  query(expression: string): Promise<readonly Sample[]>;
  get(path: string): Promise<unknown>;
  close(): Promise<void>;
};

/** Starts it on a free port with this configuration file, and resolves once it is ready. */
export async function startPrometheus(configFile: string): Promise<Prometheus> {
  const data = await mkdtemp(join(tmpdir(), 'anyclaude-prometheus-'));
  const url = `http://127.0.0.1:${await freePort()}`;
  const child = spawn(
    'prometheus',
    [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${data}`,
      `--web.listen-address=${new URL(url).host}`,
      '--enable-feature=exemplar-storage',
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-4000);
  });
  const close = () => stop(child, data);
  try {
    await ready(child, url);
  } catch (error) {
    await close();
    const why = isAbsent(error) ? INSTALL_HINT : `did not become ready: ${said}`;
    throw new Error(`prometheus ${why}`, { cause: error });
  }
  return {
    url,
    query: async (expression) =>
      toSamples(await api(url, `query?${new URLSearchParams({ query: expression })}`)),
    get: (path) => api(url, path),
    close,
  };
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

async function ready(child: ChildProcess, url: string): Promise<void> {
  let failed: Error | undefined;
  child.once('error', (error) => {
    failed = error;
  });
  for (let tries = 0; tries < 150; tries += 1) {
    if (failed) throw failed;
    if (child.exitCode !== null) throw new Error(`it ended with code ${child.exitCode}`);
    const answer = await fetch(`${url}/-/ready`).catch(() => undefined);
    if (answer?.ok) return;
    await delay(200);
  }
  throw new Error('it took longer than 30 s');
}

async function stop(child: ChildProcess, data: string): Promise<void> {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }
  await rm(data, { recursive: true, force: true });
}

async function api(url: string, path: string): Promise<unknown> {
  const reply = await fetch(`${url}/api/v1/${path}`);
  const body = (await reply.json()) as { status: string; error?: string; data: unknown };
  if (body.status !== 'success') throw new Error(`${path}: ${body.error}`);
  return body.data;
}

function toSamples(data: unknown): readonly Sample[] {
  const { result } = data as { result: { metric: Record<string, string>; value: [number, string] }[] };
  return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
