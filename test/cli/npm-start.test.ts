// `npm start`, as a person types it: a process group of its own, a home of its own, and nothing left afterwards.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { whyNot } from '../engine/engines.ts';
import { type FakeChat, type FakeChatOptions, json, startFakeChat, text } from '../fake/chat.ts';
import { freePort, newPlace, type Place } from './anyclaude.ts';

const noMlx = (await whyNot('mlx', console.error)) ?? false;
const root = join(import.meta.dirname, '..', '..');
const NOBODY = 'http://127.0.0.1:9';
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

class Run {
  readonly child: ChildProcess;
  readonly url: string;
  text = '';
  readonly ended: Promise<void>;

  constructor(args: readonly string[], env: NodeJS.ProcessEnv, port: number) {
    this.url = `http://127.0.0.1:${port}`;
    this.child = spawn('npm', ['start', ...args], { cwd: root, env, detached: true });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk) => {
        this.text += chunk;
      });
    }
    // When every process that could write here is gone, those of its servers included.
    this.ended = new Promise((resolve) => this.child.once('close', () => resolve()));
  }

  /** Until it says so. Fails with what it said where it ends before. */
  async says(words: string): Promise<void> {
    let over = false;
    void this.ended.then(() => {
      over = true;
    });
    while (!this.text.includes(words)) {
      if (over) assert.fail(`ended without "${words}": ${this.text}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Where a test has failed: its daemon is in a group of its own, so it is asked to end what it started. */
  async kill(): Promise<void> {
    const { pid, exitCode, signalCode } = this.child;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    this.ctrlC();
    const late = setTimeout(() => process.kill(-pid, 'SIGKILL'), 10_000);
    await this.ended;
    clearTimeout(late);
  }

  /** As the terminal does it: every process of its group gets the signal. */
  ctrlC(): void {
    process.kill(-(this.child.pid ?? 0), 'SIGINT');
  }

  async isGone(): Promise<void> {
    await this.ended;
    await assert.rejects(fetch(`${this.url}/healthz`), 'the daemon is still there');
    for (const [, url = ''] of this.text.matchAll(/stand-in at (\S+)/g))
      await assert.rejects(fetch(url), url);
  }
}

type Setting = {
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly settings?: Readonly<Record<string, unknown>>;
};

const MLX_ALONE = { backends: { lmstudio: null }, routes: { analysis: 'mlx-lm', edit: 'mlx-lm' } };

async function start({ args = [], env = {}, settings }: Setting): Promise<Run> {
  const port = await freePort();
  const servers = { MLX_LM_URL: NOBODY, LMSTUDIO_URL: NOBODY };
  const place: Place = newPlace({ ANYCLAUDE_PORT: String(port), ...servers, ...engines(), ...env });
  if (settings !== undefined) {
    mkdirSync(place.home, { mode: 0o700 });
    writeFileSync(join(place.home, 'config.json'), JSON.stringify(settings));
  }
  const run = new Run(args, place.env, port);
  cleanups.push(place.remove, () => run.kill());
  return run;
}

/** The engines that this machine has already, though the home is empty. */
function engines(): NodeJS.ProcessEnv {
  const cache = process.env['ANYCLAUDE_ENGINE_CACHE'];
  const base = process.env['XDG_CACHE_HOME'] ?? join(process.env['HOME'] ?? '/', '.cache');
  const python = process.env['PYENV_ROOT'] ?? join(process.env['HOME'] ?? '/', '.pyenv');
  return { ANYCLAUDE_ENGINE_CACHE: cache ?? join(base, 'anyclaude', 'engines'), PYENV_ROOT: python };
}

async function fake(manner: 'mlx' | 'lmstudio', options: FakeChatOptions = {}): Promise<FakeChat> {
  const server = await startFakeChat(manner, options);
  cleanups.push(() => server.close());
  return server;
}

/** A PATH with Node and npm and without Python. */
function pathWithoutPython(): string {
  const folder = mkdtempSync(join(tmpdir(), 'anyclaude-path-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  for (const from of (process.env['PATH'] ?? '').split(':')) {
    for (const name of ['node', 'npm', 'sh', 'bash', 'env', 'cat', 'uname']) {
      if (!namesIn(from).includes(name) || namesIn(folder).includes(name)) continue;
      symlinkSync(join(from, name), join(folder, name));
    }
  }
  return folder;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

describe('npm start', () => {
  it('shows a session with stand-ins for both servers, its edit on disk, and stats', {
    skip: noMlx,
  }, async () => {
    const run = await start({});
    await run.says('Point Claude Code at it');
    assert.match(run.text, /Real: the server[\s\S]*Scripted: the text/);
    assert.match(run.text, /prompt +analysis → mlx-lm \(follows-task\) +TTFT [\d.]+ s +\d+ tokens, 0 cached/);
    assert.match(
      run.text,
      /prompt +analysis → mlx-lm \(follows-task\) +TTFT [\d.]+ s +\d+ tokens, [1-9]\d+ cached/,
    );
    assert.match(run.text, /tool result 2 edit → lmstudio \(tool-loop\)/);
    assert.match(run.text, /\+ .*\(sum \* coupon\.value\) \/ 100;/);
    assert.match(run.text, /6 requests \| 1 session \| 6 completed/);
    run.ctrlC();
    await run.isGone();
  });

  it('asks a person’s own servers in plain words, and ends with npm', async () => {
    const [mlx, lmstudio] = [await fake('mlx'), await fake('lmstudio')];
    const run = await start({ env: { MLX_LM_URL: mlx.url, LMSTUDIO_URL: lmstudio.url } });
    await run.says('Point Claude Code at it');
    assert.match(run.text, /✓ MLX-LM answers at[\s\S]*✓ LM Studio answers at/);
    assert.doesNotMatch(run.text, /stand-in at/);
    const sent = [...mlx.posts, ...lmstudio.posts].map(({ body }) => body.toString()).join('\n');
    assert.doesNotMatch(sent, /\[\[say\]\]/);
    assert.match(run.text, /4 requests/);
    // npm hands no SIGTERM on: what it started has to notice.
    run.child.kill('SIGTERM');
    await run.isGone();
  });

  it('mixes a server of the person’s own with a stand-in, whose edit is real', { skip: noMlx }, async () => {
    const mlx = await fake('mlx');
    const run = await start({ env: { MLX_LM_URL: mlx.url } });
    await run.says('Point Claude Code at it');
    assert.match(run.text, /✓ MLX-LM answers at[\s\S]*LM Studio: stand-in at/);
    assert.match(run.text, /prompt +analysis → mlx-lm/);
    assert.match(run.text, /\+ .*\(sum \* coupon\.value\) \/ 100;/);
    run.ctrlC();
    await run.isGone();
  });

  it('shows its token to a daemon that asks for one', async () => {
    const mlx = await fake('mlx');
    const run = await start({
      settings: MLX_ALONE,
      env: { MLX_LM_URL: mlx.url, ANYCLAUDE_TOKEN: 'a-token-of-enough-length' },
    });
    await run.says('Point Claude Code at it');
    assert.match(run.text, /4 requests \| 1 session \| 4 completed/);
    assert.doesNotMatch(run.text, /LM Studio|not configured|asks for its token/);
    run.ctrlC();
    await run.isGone();
  });

  it('tells a request of the session that failed, and the daemon stays up', async () => {
    const script = json({ error: { message: 'the weights are gone' } }, 400);
    const mlx = await fake('mlx', { script });
    const run = await start({ settings: MLX_ALONE, env: { MLX_LM_URL: mlx.url } });
    await run.says('Point Claude Code at it');
    assert.match(run.text, /The session ended early, and the daemon goes on: .*the weights are gone/);
    assert.equal((await fetch(`${run.url}/healthz`)).status, 200);
    run.ctrlC();
    await run.isGone();
  });

  it('sends nothing to the Claude API in mode claude, and says why', async () => {
    const cloud = await fake('mlx');
    const settings = { mode: 'claude', claude: { baseUrl: cloud.url } };
    const run = await start({ settings });
    await run.says('Point Claude Code at it');
    assert.match(run.text, /no sample session is sent: it has no credentials/);
    assert.doesNotMatch(run.text, /cold prefill|stand-in/);
    assert.equal(cloud.posts.length, 0);
    run.ctrlC();
    await run.isGone();
  });

  it('takes another program on the port for none of its model servers', async () => {
    const page = text('<html>A wiki</html>', 200, 'text/html');
    const other = await fake('lmstudio', { pages: { '/v1/models': page } });
    const run = await start({ args: ['--', '--no-demo'], env: { LMSTUDIO_URL: other.url } });
    await run.says('Point Claude Code at it');
    assert.match(run.text, /– No LM Studio: lmstudio at .*Is another program on this port\?/);
    run.ctrlC();
    await run.isGone();
  });

  it('sends nothing with --no-demo', async () => {
    const mlx = await fake('mlx');
    const run = await start({ args: ['--', '--no-demo'], env: { MLX_LM_URL: mlx.url } });
    await run.says('Point Claude Code at it');
    assert.equal(mlx.posts.length, 0);
    const launcher = join(root, 'bin', 'anyclaude');
    assert.match(run.text, /Point Claude Code at it, in a project of yours:\n/);
    assert.ok(run.text.includes(`  ${launcher} run\n`), 'a line that works from any folder');
    run.ctrlC();
    await run.isGone();
  });

  it('says what is lost without Python, and goes on with what is there', async () => {
    const PATH = pathWithoutPython();
    const alone = await start({ env: { PATH } });
    await alone.says('Point Claude Code at it');
    assert.match(alone.text, /Python 3\.11 or newer was not found.*\nSo there is no sample session/);
    alone.ctrlC();
    await alone.isGone();

    const mlx = await fake('mlx');
    const half = await start({ env: { PATH, MLX_LM_URL: mlx.url } });
    await half.says('Point Claude Code at it');
    assert.match(half.text, /the other server takes every request[\s\S]*edit → mlx-lm/);
    half.ctrlC();
    await half.isGone();
  });

  it('names who has the port, and leaves nothing behind', async () => {
    const taken = await fake('mlx');
    const run = await start({ args: ['--', '--no-demo'], env: { ANYCLAUDE_PORT: String(taken.port) } });
    await run.ended;
    assert.equal(run.child.exitCode, 1);
    assert.match(run.text, new RegExp(`port ${taken.port} on 127\\.0\\.0\\.1 is taken by another program`));
  });
});
