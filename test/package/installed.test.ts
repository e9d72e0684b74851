// What a person gets from the registry: the packed tarball in an empty folder, compiled, on a Node that strips no
// types below node_modules.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type FakeChat, startFakeChat } from '../fake/chat.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');

const SESSION = 'a2f1c9d0-0000-4000-8000-000000000001';

let folder: string;
let fake: FakeChat;
let env: NodeJS.ProcessEnv;

before(
  async () => {
    folder = await mkdtemp(join(tmpdir(), 'anyclaude-package-'));
    await run('npm', ['pack', '--pack-destination', folder, '--loglevel=error'], { cwd: root });
    const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
    assert.ok(tarball);
    await writeFile(join(folder, 'package.json'), '{"private":true}');
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    await run('npm', ['install', ...quiet, `./${tarball}`], { cwd: folder });
    fake = await startFakeChat('mlx');
    env = {
      PATH: process.env['PATH'],
      HOME: folder,
      ANYCLAUDE_HOME: join(folder, 'home'),
      ANYCLAUDE_PORT: '0',
      MLX_LM_URL: fake.url,
      LMSTUDIO_URL: 'http://127.0.0.1:9',
    };
  },
  { timeout: 180_000 },
);

after(async () => {
  await fake?.close();
  await rm(folder, { recursive: true, force: true });
});

const bin = () => join(folder, 'node_modules', 'anyclaude-daemon', 'dist', 'cli', 'main.cjs');

/** The one file that a prompt line runs. */
async function statusline(): Promise<string> {
  const child = spawn(process.execPath, [bin(), 'statusline'], { env, cwd: folder });
  let line = '';
  child.stdout.on('data', (data) => {
    line += data;
  });
  child.stdin.end(JSON.stringify({ session_id: SESSION }));
  await once(child, 'close');
  return line;
}

test('the tarball holds what runs and nothing of the workshop', async () => {
  const { stdout } = await run(
    'tar',
    ['-tzf', (await readdir(folder)).find((f) => f.endsWith('.tgz')) ?? ''],
    {
      cwd: folder,
    },
  );
  const files = stdout.trim().split('\n');
  assert.ok(files.includes('package/dist/cli/main.cjs'));
  assert.ok(files.includes('package/cli/serve-mlx.py'));
  assert.ok(files.includes('package/LICENSE'));
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  for (const [, linked = ''] of readme.matchAll(/\]\((docs\/[\w-]+\.md)\)/g)) {
    assert.ok(files.includes(`package/${linked}`), `${linked}, which the README points to`);
  }
  for (const file of ['index.html', 'main.js', 'style.css', 'icon.svg']) {
    assert.ok(files.includes(`package/dist/daemon/page/${file}`), file);
  }
  assert.deepEqual(
    files.filter((file) => /page\/.*(tsconfig|\.d\.ts)/.test(file)),
    [],
  );
  assert.deepEqual(
    files.filter((file) => /\/(test|bench|scripts)\/|\.env|\.db$/.test(file)),
    [],
  );
});

test('the installed package starts, migrates, answers, reports and stops', async (t) => {
  const startedMs = performance.now();
  const daemon = spawn(process.execPath, [bin(), 'start', '--foreground'], { env, cwd: folder });
  let notes = '';
  daemon.stderr.on('data', (data) => {
    notes += data;
  });
  try {
    while (!/http:\S+/.test(notes)) {
      assert.equal(daemon.exitCode, null, notes);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const url = notes.match(/http:\/\/[\d.]+:\d+/)?.[0] ?? '';
    const reply = await fetch(`${url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'claude-anyclaude',
        max_tokens: 16,
        messages: [{ role: 'user', content: 'What is this?' }],
        metadata: { user_id: JSON.stringify({ session_id: SESSION }) },
      }),
    });
    const firstAnswerMs = performance.now() - startedMs;
    assert.equal(reply.status, 200);
    assert.match(await reply.text(), /Hello from mlx/);
    const rss = /VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${daemon.pid}/status`, 'utf8').catch(() => ''));
    t.diagnostic(
      `cold start to first answer ${Math.round(firstAnswerMs)} ms, RSS ${rss ? Math.round(Number(rss[1]) / 1024) : '–'} MB`,
    );

    // The page, its charts and the thread that reads the record for it.
    assert.match(await (await fetch(url)).text(), /<title>anyclaude<\/title>/);
    assert.match(await (await fetch(`${url}/page/uplot.js`)).text(), /export \{ uPlot as default \}/);
    // Written within moments of its end, by a store that is opened once the daemon listens.
    let kinds: readonly string[] = [];
    for (let tries = 0; tries < 200 && kinds.length === 0; tries += 1) {
      const history = (await (await fetch(`${url}/api/requests`)).json()) as { rows: { kind: string }[] };
      kinds = history.rows.map(({ kind }) => kind);
      if (kinds.length === 0) await sleep(50);
    }
    assert.deepEqual(kinds, ['main']);

    assert.match(await statusline(), /^analysis \S+ mlx-lm . hit /);
    const status = await run(process.execPath, [bin(), 'status', '--json'], { env, cwd: folder });
    assert.equal(JSON.parse(status.stdout).running, true);
  } finally {
    daemon.kill('SIGTERM');
    if (daemon.exitCode === null) await once(daemon, 'exit');
  }
  assert.equal(daemon.exitCode, 0);
  assert.equal(await statusline(), 'anyclaude is not running\n');
  const stats = await run(process.execPath, [bin(), 'stats', '--json'], { env, cwd: folder });
  assert.equal(JSON.parse(stats.stdout).totals.completed, 1);
  assert.equal((await stat(join(folder, 'home'))).mode & 0o777, 0o700);
  for (const file of await readdir(join(folder, 'home'))) {
    assert.equal((await stat(join(folder, 'home', file))).mode & 0o077, 0, file);
  }
});

test('the installed serve-mlx hands the server over to a Python that has mlx-lm', async () => {
  const python = join(folder, 'python');
  await writeFile(
    python,
    '#!/bin/sh\ntest -f "$1" || exit 9\ntest "$2" = --which && echo \'{"mlx_lm": "0"}\' || echo "$@"\n',
    {
      mode: 0o700,
    },
  );
  const own = { ...env, ANYCLAUDE_MLX_PYTHON: python };
  const { stdout } = await run(process.execPath, [bin(), 'serve-mlx', '--model', 'm'], {
    env: own,
    cwd: folder,
  });
  assert.match(stdout, /cli\/serve-mlx\.py \S+mlx-cache \d+ 600 --model m --port \d+$/m);
});
