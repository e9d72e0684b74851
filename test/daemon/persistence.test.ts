// What the daemon does with what it kept: computed again after a start, named in `status` where it cannot be used.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { loadConfig } from '../../daemon/config/config.ts';
import { type RunningDaemon, startDaemon } from '../../daemon/main.ts';
import { type FakeChat, startFakeChat } from '../fake/chat.ts';

describe('a daemon', () => {
  let home: string;
  let fake: FakeChat;
  let daemon: RunningDaemon;
  beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), 'anyclaude-kept-'));
    fake = await startFakeChat('mlx');
  });
  afterEach(async () => {
    await daemon.close();
    await fake.close();
    rmSync(home, { recursive: true, force: true });
  });

  async function start(settings: object = {}): Promise<void> {
    const backends = { 'mlx-lm': { url: fake.url }, lmstudio: null };
    const routes = { analysis: 'mlx-lm', edit: 'mlx-lm' };
    const text = JSON.stringify({ mode: 'mlx-lm', port: 0, backends, routes, drainMs: 100, ...settings });
    const config = loadConfig({
      flags: {},
      env: { ANYCLAUDE_HOME: home },
      file: { path: 'config.json', text },
    });
    daemon = await startDaemon({ config, version: '0.0.0', logStream: { write() {} } });
  }

  async function ask(): Promise<void> {
    const messages = [{ role: 'user', content: 'What is this?' }];
    const response = await fetch(`${daemon.url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-anyclaude-project': '/home/dev/orchard' },
      body: JSON.stringify({ model: 'claude-anyclaude', max_tokens: 16, system: 'You code.', messages }),
    });
    assert.equal(response.status, 200, await response.text());
  }

  async function untilNote(pattern: RegExp): Promise<void> {
    for (;;) {
      const { notes } = (await (await fetch(`${daemon.url}/status`)).json()) as { notes: string[] };
      if (notes.some((note) => pattern.test(note))) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  it('keeps the front of a project when it stops', async () => {
    await start();
    await ask();
    await daemon.close();
    assert.equal(readdirSync(join(home, 'prefixes')).length, 1);
  });

  it('names in its status a file that it ignored', async () => {
    mkdirSync(join(home, 'prefixes'), { mode: 0o700 });
    writeFileSync(join(home, 'prefixes', 'x.json'), '{"form', { mode: 0o600 });
    await start();
    await untilNote(/x\.json is damaged: it was ignored and removed\./);
  });

  it('answers as ever where nothing can be kept, and says so in its status', async () => {
    writeFileSync(join(home, 'prefixes'), 'in the way');
    await start();
    await ask();
    await untilNote(/The front of a prompt could not be kept on disk/);
    await ask();
  });

  it('keeps nothing where a person wants it so, and removes what was kept', async () => {
    mkdirSync(join(home, 'prefixes'), { mode: 0o700 });
    writeFileSync(join(home, 'prefixes', 'x.json'), '{}', { mode: 0o600 });
    mkdirSync(join(home, 'mlx-cache', 'model'), { recursive: true, mode: 0o700 });
    writeFileSync(join(home, 'mlx-cache', 'model', 'x.safetensors'), 'x', { mode: 0o600 });
    writeFileSync(join(home, 'slots.json'), '{"format":1,"whole":[]}', { mode: 0o600 });
    const kept = () => ['prefixes', 'mlx-cache', 'slots.json'].filter((name) => existsSync(join(home, name)));
    await start({ persistPrefixes: false });
    await ask();
    for (let turns = 0; kept().length > 0 && turns < 1000; turns += 1)
      await new Promise((resolve) => setTimeout(resolve, 5));
    await daemon.close();
    assert.deepEqual(kept(), []);
  });
});
