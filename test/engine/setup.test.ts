import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureEngine, whyNot } from './engines.ts';
import { obstacle, type Python } from './host.ts';
import { ensureScriptedModel, pipProgress } from './setup.ts';

const noMlx = (await whyNot('mlx', console.error)) ?? false;

const debian: Python = {
  path: '/usr/bin/python3',
  version: [3, 11, 2],
  platform: 'linux',
  machine: 'x86_64',
  base: [2, 36],
  installer: 'pip',
};

describe('what keeps an engine from running', () => {
  const cases: readonly [string, Partial<Python>, RegExp][] = [
    ['an old glibc', { base: [2, 31] }, /needs glibc 2\.35 or newer; this system has 2\.31/],
    ['a Mac without Apple silicon', { platform: 'darwin', machine: 'x86_64' }, /no packages for x86_64/],
    [
      'an old macOS',
      { platform: 'darwin', machine: 'arm64', base: [13, 6] },
      /needs macOS 14 or newer; this/,
    ],
    ['a system without wheels', { platform: 'other' }, /needs Linux or macOS/],
  ];
  for (const [name, change, reason] of cases) {
    it(`MLX-LM names ${name}`, () => assert.match(obstacle('mlx', { ...debian, ...change }) ?? '', reason));
  }

  it('names a C library that is not glibc, and a Python without an installer', () => {
    const { base: _base, ...musl } = debian;
    const { installer: _installer, ...bare } = debian;
    assert.match(obstacle('llama', musl) ?? '', /needs glibc/);
    assert.match(obstacle('llama', bare) ?? '', /install python3-pip or python3-venv/);
  });

  it('is nothing on a current Linux, and for llama.cpp not an older one either', () => {
    assert.equal(obstacle('mlx', debian), undefined);
    assert.equal(obstacle('llama', { ...debian, base: [2, 31] }), undefined);
  });
});

describe('progress of an installation', () => {
  it('shows the downloads of a megabyte and more, and the unpacking', () => {
    assert.equal(
      pipProgress('Downloading mlx_cpu-0.32.4-cp311-x.whl (10.5 MB)'),
      'downloading mlx_cpu (10.5 MB)',
    );
    assert.equal(pipProgress('  Using cached numpy-2.4.6-cp311.whl (16.9 MB)'), 'has numpy (16.9 MB)');
    assert.equal(pipProgress('Downloading tqdm-4.70.1-py3-none-any.whl (78 kB)'), undefined);
    assert.equal(pipProgress('Installing collected packages: a, b, c'), 'unpacking 3 packages');
  });
});

describe('the engine cache', { skip: noMlx }, () => {
  it('is filled once by two processes that start together', async (t) => {
    const { cache, python } = await emptyCache(t);
    const [one, two] = await Promise.all([makeModel(cache, python), makeModel(cache, python)]);
    assert.equal(one, two);
    assert.deepEqual(await readdir(cache), [basename(one)]);
  });

  it('makes a broken folder again, and takes over the lock of a process that is gone', async (t) => {
    const { cache, python } = await emptyCache(t);
    const folder = await makeModel(cache, python);
    await rm(join(folder, 'model.safetensors'));
    const gone = spawn(process.execPath, ['-e', '']);
    await once(gone, 'exit');
    await writeFile(`${folder}.lock`, String(gone.pid));
    assert.equal(await makeModel(cache, python), folder);
    assert.ok((await readdir(folder)).includes('model.safetensors'));
    assert.deepEqual(await readdir(cache), [basename(folder)]);
  });

  it('keeps a model with reasoning apart from the plain one', async () => {
    const python = await ensureEngine('mlx');
    assert.notEqual(
      await ensureScriptedModel(python, 'plain'),
      await ensureScriptedModel(python, 'thinking'),
    );
  });
});

describe('an engine', { skip: noMlx }, () => {
  it('ends when the process that started it is killed', async () => {
    const parent = nodeEval(`
      const { startMlx } = await import(${JSON.stringify(import.meta.resolve('./engines.ts'))});
      console.log((await startMlx()).pid);
      setInterval(() => {}, 1000);`);
    const pid = Number(await firstLine(parent));
    assert.ok(isAlive(pid));
    parent.kill('SIGKILL');
    for (let waits = 0; isAlive(pid) && waits < 100; waits += 1) await sleep(50);
    assert.ok(!isAlive(pid));
  });
});

type Cleanup = { after(fn: () => Promise<void>): void };

async function emptyCache(t: Cleanup): Promise<{ cache: string; python: string }> {
  const python = await ensureEngine('mlx');
  const cache = await mkdtemp(join(tmpdir(), 'anyclaude-engines-'));
  t.after(() => rm(cache, { recursive: true }));
  return { cache, python };
}

/** The folder that a process of its own makes. */
async function makeModel(cache: string, python: string): Promise<string> {
  const source = `
    const { ensureScriptedModel } = await import(${JSON.stringify(import.meta.resolve('./setup.ts'))});
    console.log(await ensureScriptedModel(${JSON.stringify(python)}, 'plain'));`;
  return firstLine(nodeEval(source, { ANYCLAUDE_ENGINE_CACHE: cache }));
}

function nodeEval(source: string, env: Readonly<Record<string, string>> = {}): ChildProcess {
  return spawn(process.execPath, ['--input-type=module', '-e', source], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function firstLine(child: ChildProcess): Promise<string> {
  assert.ok(child.stdout);
  for await (const line of createInterface(child.stdout)) return line;
  throw new Error('the process ended without a word');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
