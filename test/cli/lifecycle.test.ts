import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive } from '../../daemon/alive.ts';
import { closeSites, openSite, untilOutput } from './site.ts';

afterEach(closeSites);

describe('a daemon in the background', () => {
  it('starts, tells what it is, and stops', async () => {
    const site = await openSite();
    const started = await site.command('start', '--mode', 'task');
    assert.equal(started.code, 0, started.stderr);
    assert.match(
      started.stdout,
      new RegExp(`^anyclaude is up at http://127\\.0\\.0\\.1:${site.port} \\(pid \\d+\\)\\n$`),
    );

    const status = await site.status();
    assert.equal(status.running, true);
    assert.equal(status.url, `http://127.0.0.1:${site.port}`);
    assert.equal(status.mode, 'task');
    assert.deepEqual(status.backends.map(({ name }: { name: string }) => name).sort(), [
      'lmstudio',
      'mlx-lm',
    ]);
    for (const key of ['pid', 'version', 'uptimeS']) assert.ok(key in status, key);
    for (const key of ['url', 'state', 'model', 'contextWindow', 'lastError'])
      assert.ok(key in status.backends[0], key);

    const table = await site.command('status');
    assert.equal(table.code, 0);
    assert.match(table.stdout, /^BACKEND +STATE +MODEL/m);
    assert.match((await site.command('logs')).stdout, /listening/);

    const stopped = await site.command('stop');
    assert.deepEqual([stopped.code, stopped.stdout], [0, `anyclaude stopped (pid ${status.pid})\n`]);
    assert.equal((await site.command('status')).code, 3);
    assert.equal(existsSync(site.stateFile), false);
  });

  it('keeps every file it makes to its user', async () => {
    const site = await openSite();
    await site.command('start');
    assert.equal(statSync(site.place.home).mode & 0o777, 0o700);
    // The database is opened behind the first requests.
    while (!existsSync(join(site.place.home, 'anyclaude.db'))) await delay(20);
    const names = readdirSync(site.place.home);
    assert.ok(names.includes('anyclaude.log'), names.join());
    for (const name of names) assert.equal(statSync(join(site.place.home, name)).mode & 0o077, 0, name);
  });

  it('is found by a second start, which starts nothing and ends well', async () => {
    const site = await openSite();
    await site.command('start');
    const { pid } = await site.status();
    const second = await site.command('start', '--mode', 'task');
    assert.equal(second.code, 0);
    assert.equal(
      second.stdout,
      `anyclaude was already running at http://127.0.0.1:${site.port} (pid ${pid})\n`,
    );
    assert.match(second.stderr, /anyclaude restart takes new ones/);
    const { pid: still, mode } = await site.status();
    assert.deepEqual([still, mode], [pid, 'auto']);
  });

  it('is one, however many starts there are at once', async () => {
    const site = await openSite();
    const results = await Promise.all([1, 2, 3].map(() => site.command('start')));
    const { pid } = await site.status();
    for (const { code, stdout, stderr } of results) {
      assert.equal(code, 0, stderr);
      assert.match(stdout, new RegExp(`\\(pid ${pid}\\)`));
    }
  });

  it('says who has the port, and starts nothing', async () => {
    const site = await openSite();
    const other = createServer((_request, response) => response.end('hello')).listen(site.port, '127.0.0.1');
    await once(other, 'listening');
    const { code, stdout, stderr } = await site.command('start');
    other.close();
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(
      stderr,
      new RegExp(
        `port ${site.port} on 127\\.0\\.0\\.1 is taken by another program\\. Choose another with --port`,
      ),
    );
    assert.equal(existsSync(site.stateFile), false);
  });

  it('takes over from a daemon that was killed', async () => {
    const site = await openSite();
    await site.command('start');
    const { pid } = await site.status();
    process.kill(pid, 'SIGKILL');
    while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal((await site.command('status')).code, 3);
    const again = await site.command('start');
    assert.equal(again.code, 0, again.stderr);
    assert.notEqual((await site.status()).pid, pid);
  });

  it('is never taken for a process that only has its number', async () => {
    const site = await openSite();
    await site.command('start');
    const state = JSON.parse(readFileSync(site.stateFile, 'utf8'));
    await site.command('stop');
    writeFileSync(site.stateFile, JSON.stringify({ ...state, pid: process.pid }), { mode: 0o600 });
    const { code, stderr } = await site.command('stop');
    assert.equal(code, 3);
    assert.match(stderr, new RegExp(`process ${process.pid}, which the state file names, does not answer`));
  });

  it('keeps its flags over a restart, and takes new ones', async () => {
    const site = await openSite();
    const config = join(site.place.env['HOME'] ?? '', 'my.json');
    writeFileSync(config, '{"drainMs": 1000}');
    await site.command('start', '--mode', 'task', '--config', 'my.json');
    const { pid } = await site.status();
    const restarted = await site.command('restart', '--mode', 'lmstudio');
    assert.equal(restarted.code, 0, restarted.stderr);
    const after = await site.status();
    assert.notEqual(after.pid, pid);
    assert.equal(after.mode, 'lmstudio');
    assert.deepEqual(JSON.parse(readFileSync(site.stateFile, 'utf8')).flags, { mode: 'lmstudio', config });
  });

  it('keeps the file that was named to it in the foreground, from whatever folder it is restarted', async () => {
    const site = await openSite();
    const config = join(site.place.env['HOME'] ?? '', 'my.json');
    writeFileSync(config, '{"mode": "task"}');
    const daemon = site.spawn(['start', '--foreground', '--config', 'my.json']);
    await untilOutput(daemon.stderr, 'listens at');
    assert.deepEqual(JSON.parse(readFileSync(site.stateFile, 'utf8')).flags, { config });
  });

  it('stays up where a restart is asked for with a wrong setting', async () => {
    const site = await openSite();
    await site.command('start');
    const { pid } = await site.status();
    assert.equal((await site.command('restart', '--mode', 'warm')).code, 2);
    assert.equal((await site.status()).pid, pid);
  });

  it('is not started over a planted link', async () => {
    const site = await openSite();
    await site.command('start');
    await site.command('stop');
    symlinkSync('/dev/null', site.stateFile);
    const { code, stderr } = await site.command('start');
    assert.equal(code, 1);
    assert.match(stderr, /daemon\.json is a symbolic link/);
  });

  it('asks for its token, which its own commands know', async () => {
    const site = await openSite({ ANYCLAUDE_TOKEN: 'a-token-of-enough-length' });
    await site.command('start');
    assert.equal((await fetch(`http://127.0.0.1:${site.port}/status`)).status, 403);
    delete site.place.env['ANYCLAUDE_TOKEN'];
    assert.equal((await site.status()).running, true);
  });
});

describe('a second daemon in the foreground', () => {
  it('is refused, and told which process is the first', async () => {
    const site = await openSite();
    await site.command('start');
    const { pid } = await site.status();
    const { code, stderr } = await site.command('start', '--foreground');
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`runs already at http://127\\.0\\.0\\.1:${site.port} \\(pid ${pid}\\)`));
  });
});
