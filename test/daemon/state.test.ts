import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { ConfigError } from '../../daemon/config/config.ts';
import {
  clearState,
  type DaemonState,
  daemonUrl,
  findDaemon,
  openHome,
  openLog,
  readState,
  writeState,
} from '../../daemon/state.ts';

const root = mkdtempSync(join(tmpdir(), 'anyclaude-state-'));
after(() => rmSync(root, { recursive: true, force: true }));

let homes = 0;
function newHome(): string {
  homes += 1;
  const home = join(root, `home-${homes}`);
  openHome(home);
  return home;
}

const STATE: DaemonState = {
  pid: process.pid,
  host: '127.0.0.1',
  port: 1,
  version: '0.1.0',
  startedAtMs: 1_700_000_000_000,
  flags: { mode: 'task' },
};

/** A server that answers /healthz as a daemon with that pid would. */
async function answering(body: unknown, wantedToken?: string) {
  const server = createServer((request, response) => {
    const allowed = wantedToken === undefined || request.headers['x-anyclaude-token'] === wantedToken;
    response.statusCode = allowed ? 200 : 403;
    response.end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, close: () => server.close() };
}

describe('the state folder', () => {
  it('belongs to its user alone, files included', () => {
    const home = newHome();
    writeState(home, STATE);
    rmSync(join(home, 'anyclaude.log'), { force: true });
    openLog(home);
    assert.equal(statSync(home).mode & 0o777, 0o700);
    const files = readdirSync(home);
    assert.deepEqual(files.sort(), ['anyclaude.log', 'daemon.json']);
    for (const name of files) assert.equal(statSync(join(home, name)).mode & 0o777, 0o600, name);
  });

  it('is taken back from group and others', () => {
    const home = join(root, 'open-home');
    mkdirSync(home, { mode: 0o755 });
    openHome(home);
    assert.equal(statSync(home).mode & 0o777, 0o700);
  });

  it('is refused where it is a link, a file or the whole home of the user', () => {
    const link = join(root, 'link');
    symlinkSync(newHome(), link);
    const plain = join(root, 'plain');
    writeFileSync(plain, '');
    for (const home of [link, plain, '/']) assert.throws(() => openHome(home), ConfigError, home);
  });

  it('is refused where a link was planted in place of the log or the state file', () => {
    const home = newHome();
    const target = join(root, 'target');
    writeFileSync(target, 'untouched');
    symlinkSync(target, join(home, 'anyclaude.log'));
    symlinkSync(target, join(home, 'daemon.json'));
    assert.throws(() => openLog(home), /is a symbolic link/);
    assert.throws(() => writeState(home, STATE), /is a symbolic link/);
    assert.throws(() => readState(home), /is a symbolic link/);
    assert.equal(statSync(target).size, 'untouched'.length);
  });
});

describe('the state file', () => {
  it('reads as it was written', () => {
    const home = newHome();
    writeState(home, { ...STATE, token: 'a-token-of-enough-length', draining: true });
    assert.deepEqual(readState(home), { ...STATE, token: 'a-token-of-enough-length', draining: true });
  });

  it('counts as absent where it is damaged or names no process that could be ours', () => {
    const home = newHome();
    const damaged = [
      '',
      '{',
      '[]',
      '{"pid":1}',
      JSON.stringify({ ...STATE, pid: 1 }),
      JSON.stringify({ ...STATE, pid: -5 }),
    ];
    for (const text of damaged) {
      writeFileSync(join(home, 'daemon.json'), text);
      assert.equal(readState(home), undefined, text);
    }
  });

  it('is removed by the daemon that it names, and by no other', () => {
    const home = newHome();
    writeState(home, STATE);
    clearState(home, STATE.pid + 1);
    assert.notEqual(readState(home), undefined);
    clearState(home, STATE.pid);
    assert.equal(readState(home), undefined);
  });

  it('is believed once the process that it names has answered with its own pid', async () => {
    const home = newHome();
    const daemon = await answering({ status: 'ok', pid: process.pid }, 'a-token-of-enough-length');
    const state = { ...STATE, port: daemon.port, token: 'a-token-of-enough-length' };
    writeState(home, state);
    assert.deepEqual(await findDaemon(home), state);
    daemon.close();
  });

  it('is not believed where another process answers at its address', async () => {
    const home = newHome();
    for (const body of [{ status: 'ok', pid: process.pid + 1 }, { status: 'ok' }, 'hello']) {
      const foreign = await answering(body);
      writeState(home, { ...STATE, port: foreign.port });
      assert.equal(await findDaemon(home), undefined);
      foreign.close();
    }
  });

  it('is not believed once its process is gone, whatever answers at its address', async () => {
    const home = newHome();
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    const foreign = await answering({ status: 'ok', pid: child.pid });
    assert.ok(child.pid);
    writeState(home, { ...STATE, pid: child.pid, port: foreign.port });
    assert.equal(await findDaemon(home), undefined);
    foreign.close();
  });
});

for (const [host, url] of [
  ['127.0.0.1', 'http://127.0.0.1:4784'],
  ['0.0.0.0', 'http://127.0.0.1:4784'],
  ['::', 'http://[::1]:4784'],
  ['::1', 'http://[::1]:4784'],
  ['localhost', 'http://localhost:4784'],
] as const) {
  it(`a daemon that listens on ${host} is reached at ${url}`, () => {
    assert.equal(daemonUrl({ host, port: 4784 }), url);
  });
}
