// A home, a free port and a model server for one test with a real daemon process.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { anyclaude, freePort, newPlace, type Place, type Result, spawnAnyclaude } from './anyclaude.ts';
import { HeldBackend } from './held-backend.ts';

const opened: Site[] = [];

export async function openSite(extra: NodeJS.ProcessEnv = {}): Promise<Site> {
  const backend = new HeldBackend();
  const url = await backend.listen();
  const site = new Site(backend, await freePort(), { MLX_LM_URL: url, LMSTUDIO_URL: url, ...extra });
  opened.push(site);
  return site;
}

/** Stops what the test started. */
export async function closeSites(): Promise<void> {
  for (const site of opened.splice(0)) await site.close();
}

export class Site {
  readonly backend: HeldBackend;
  readonly port: number;
  readonly place: Place;
  readonly #spawned: ChildProcess[] = [];

  constructor(backend: HeldBackend, port: number, env: NodeJS.ProcessEnv) {
    this.backend = backend;
    this.port = port;
    this.place = newPlace({ ANYCLAUDE_PORT: String(port), ...env });
  }

  get stateFile(): string {
    return join(this.place.home, 'daemon.json');
  }

  command(...args: readonly string[]): Promise<Result> {
    return anyclaude(this.place, ...args);
  }

  spawn(args: readonly string[]): ChildProcess {
    const child = spawnAnyclaude(this.place, args);
    this.#spawned.push(child);
    return child;
  }

  async status() {
    return JSON.parse((await this.command('status', '--json')).stdout);
  }

  /** A request whose answer has begun and will not end by itself. */
  async heldRequest(): Promise<Response> {
    const held = once(this.backend.server, 'held');
    const reply = fetch(`http://127.0.0.1:${this.port}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'claude-anyclaude',
        max_tokens: 100,
        stream: true,
        system: 'You know the shop and its shelves.',
        messages: [{ role: 'user', content: 'Explain the shop.' }],
      }),
    });
    await held;
    return reply;
  }

  /** A daemon that drains takes no new connection. */
  async refusesConnections(): Promise<void> {
    for (let attempt = 0; attempt < 500; attempt += 1) {
      try {
        await fetch(`http://127.0.0.1:${this.port}/healthz`, { headers: { connection: 'close' } });
      } catch {
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.fail('the daemon still takes connections');
  }

  async close(): Promise<void> {
    this.backend.release();
    await this.command('stop', '--now');
    for (const child of this.#spawned) if (child.exitCode === null) child.kill('SIGKILL');
    this.backend.close();
    this.place.remove();
  }
}

export async function untilOutput(stream: ChildProcess['stdout'], words: string): Promise<void> {
  if (stream === null) throw new Error('no output to read');
  let text = '';
  await new Promise<void>((resolve, reject) => {
    stream.on('data', (chunk) => {
      text += chunk;
      if (text.includes(words)) resolve();
    });
    stream.once('end', () => reject(new Error(`ended without "${words}": ${text}`)));
  });
}
