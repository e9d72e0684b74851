// anyclaude as a person with a clone calls it, from a project's folder that is not the clone.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { ended, type Result } from './anyclaude.ts';
import { closeSites, openSite, type Site } from './site.ts';

afterEach(closeSites);

const clone = join(import.meta.dirname, '..', '..');
const launcher = join(clone, 'bin', 'anyclaude');
const npm = ['npm', '--prefix', clone, 'run', '-s', 'anyclaude', '--'];
const FAKE_CLAUDE = '#!/bin/sh\npwd\nenv | sort\n';

type Project = { readonly site: Site; readonly folder: string; readonly bin: string };

/** A project with a `claude` on the PATH. The machine's own Node is none that the clone could use. */
async function openProject(): Promise<Project> {
  const site = await openSite();
  const user = realpathSync(site.place.env['HOME'] ?? '');
  const [folder, bin] = [join(user, 'my shop'), join(user, 'bin')];
  for (const each of [folder, bin]) mkdirSync(each);
  writeFileSync(join(bin, 'claude'), FAKE_CLAUDE, { mode: 0o755 });
  site.place.env['PATH'] = `${bin}:${process.env['PATH']}`;
  return { site, folder, bin };
}

function call({ site, folder }: Project, [program = '', ...args]: readonly string[]): Promise<Result> {
  return ended(spawn(program, args, { env: site.place.env, cwd: folder }));
}

function assertWiredUp({ folder, site }: Project, { code, stdout, stderr }: Result): void {
  assert.equal(code, 0, stderr);
  assert.equal(stdout.split('\n')[0], folder);
  assert.match(stdout, new RegExp(`^ANTHROPIC_CUSTOM_HEADERS=x-anyclaude-project: ${folder}$`, 'm'));
  assert.doesNotMatch(stdout, /^(npm_lifecycle|npm_package|npm_config_\w*prefix|INIT_CWD)/m);
  assert.equal(/^PATH=(.*)$/m.exec(stdout)?.[1], site.place.env['PATH']);
}

describe('a clone', () => {
  it('runs Claude Code in the folder it is called from, whatever Node the machine has', async () => {
    const project = await openProject();
    writeFileSync(join(project.bin, 'node'), '#!/bin/sh\necho a Node without types >&2\nexit 9\n', {
      mode: 0o755,
    });
    assertWiredUp(project, await call(project, [launcher, 'run']));
  });

  it('is the same by a link on the PATH', async () => {
    const project = await openProject();
    symlinkSync('../link', join(project.bin, 'anyclaude'));
    symlinkSync(launcher, join(dirname(project.bin), 'link'));
    assertWiredUp(project, await call(project, ['anyclaude', 'run']));
  });

  it('is the same by npm, whose folder and prefix Claude Code never sees', async () => {
    const project = await openProject();
    assertWiredUp(project, await call(project, [...npm, 'run']));
  });

  it('takes a relative path as the person does who called npm', async () => {
    const project = await openProject();
    writeFileSync(join(project.folder, 'mine.json'), '{"drainMs": 5007}');
    const { code, stdout, stderr } = await call(project, [...npm, 'config', 'show', '--config', 'mine.json']);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /"drainMs": 5007/);
  });

  it('hands stdin on to the status line, and its answer back', async () => {
    const project = await openProject();
    const { env } = project.site.place;
    const child = spawn(launcher, ['statusline'], { env, cwd: project.folder });
    child.stdin.end('{"session_id": "s"}');
    assert.deepEqual(await ended(child), { code: 0, stdout: 'anyclaude is not running\n', stderr: '' });
  });

  it('is installed first where nothing was, and says nothing of it on stdout', async () => {
    const project = await openProject();
    const fresh = join(project.folder, 'fresh');
    for (const name of ['bin', 'scripts', 'cli']) mkdirSync(join(fresh, name), { recursive: true });
    copyFileSync(launcher, join(fresh, 'bin', 'anyclaude'));
    writeFileSync(join(fresh, 'cli', 'main.ts'), 'console.log(process.argv.slice(2).join());');
    writeFileSync(
      join(fresh, 'scripts', 'bootstrap.mjs'),
      `import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
      const modules = ${JSON.stringify(join(fresh, 'node_modules'))};
      mkdirSync(modules + '/node/bin', { recursive: true });
      symlinkSync(process.execPath, modules + '/node/bin/node');
      writeFileSync(modules + '/.package-lock.json', process.argv[2]);`,
    );
    const { code, stdout, stderr } = await call(project, [join(fresh, 'bin', 'anyclaude'), 'stats', 'a b']);
    assert.deepEqual([code, stdout], [0, 'stats,a b\n'], stderr);
    const lock = join(fresh, 'node_modules', '.package-lock.json');
    assert.equal(readFileSync(lock, 'utf8'), 'install');

    // Another lockfile, as after a pull: the status line leaves that to the next command.
    writeFileSync(lock, '');
    utimesSync(lock, 1, 1);
    writeFileSync(join(fresh, 'package-lock.json'), '{}');
    writeFileSync(
      join(fresh, 'scripts', 'bootstrap.mjs'),
      `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(lock)}, 'again');`,
    );
    assert.equal((await call(project, [join(fresh, 'bin', 'anyclaude'), 'statusline'])).code, 0);
    assert.equal(readFileSync(lock, 'utf8'), '');
    assert.equal((await call(project, [join(fresh, 'bin', 'anyclaude'), 'stats'])).code, 0);
    assert.equal(readFileSync(lock, 'utf8'), 'again');
  });
});
