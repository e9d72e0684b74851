// A real daemon on a port of its own, two scripted model servers behind it and, where asked for, a day of requests in
// its database.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../daemon/config/config.ts';
import { type RunningDaemon, startDaemon } from '../../daemon/main.ts';
import { databasePath, openHome } from '../../daemon/state.ts';
import type { Outcome } from '../../router/outcome.ts';
import { openDatabase } from '../../store/database.ts';
import { createRecorder } from '../../store/recorder.ts';
import { type FakeChat, startFakeChat } from '../fake/chat.ts';

export type Stage = {
  readonly url: string;
  readonly mlx: FakeChat;
  readonly lmstudio: FakeChat;
  /** Ends the daemon; its servers and its database stay. */
  stop(): Promise<void>;
  /** Starts it again, on the port it had. */
  start(): Promise<void>;
  ask(asked: Asked): Promise<Response>;
  close(): Promise<void>;
};

export type Asked = {
  readonly text: string;
  readonly session?: string;
  readonly project?: string;
  readonly model?: string;
  readonly tools?: readonly object[];
  /** What Claude Code sends in front of it. */
  readonly system?: string;
};

export type StageOptions = {
  /** What the database holds before the daemon starts. */
  readonly past?: readonly Outcome[];
  readonly token?: string;
};

export async function openStage({ past = [], token }: StageOptions = {}): Promise<Stage> {
  const home = await mkdtemp(join(tmpdir(), 'anyclaude-page-'));
  const mlx = await startFakeChat('mlx', { model: 'mlx-community/Qwen3-Coder-30B-A3B-4bit' });
  const lmstudio = await startFakeChat('lmstudio', { model: 'qwen3-coder-30b' });
  openHome(home);
  await writePast(home, past);
  let port = 0;
  let daemon: RunningDaemon | undefined;

  async function start(): Promise<void> {
    const backends = {
      'mlx-lm': { url: mlx.url, contextWindow: 131_072 },
      lmstudio: { url: lmstudio.url, startCommand: 'lms server start --port 1234' },
    };
    const settings = { port, drainMs: 500, backends, catchUp: { enabled: false }, ...(token && { token }) };
    const file = { path: 'config.json', text: JSON.stringify(settings) };
    const config = loadConfig({ flags: {}, env: { HOME: home, ANYCLAUDE_HOME: home }, file });
    daemon = await startDaemon({ config, version: '0.1.0', logStream: { write: () => {} } });
    port = Number(new URL(daemon.url).port);
  }

  async function stop(): Promise<void> {
    await daemon?.close();
    daemon = undefined;
  }

  await start();
  const url = `http://127.0.0.1:${port}`;
  return {
    ...{ url, mlx, lmstudio, start, stop },
    ask: (asked) => post(url, asked, token),
    async close() {
      await stop();
      await Promise.all([mlx.close(), lmstudio.close()]);
      await rm(home, { recursive: true, force: true });
    },
  };
}

function post(url: string, asked: Asked, token?: string): Promise<Response> {
  const { text, session = 'a2f1c9d0-0000-4000-8000-000000000001', project = '/home/me/kettle' } = asked;
  const { model = 'claude-anyclaude', tools = [], system = 'You help with code.' } = asked;
  return fetch(`${url}/v1/messages`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-claude-code-session-id': session,
      'x-anyclaude-project': encodeHeader(project),
      ...(token && { 'x-anyclaude-token': token }),
    },
    body: JSON.stringify({
      ...{ model, max_tokens: 512, stream: true, tools, system },
      messages: [{ role: 'user', content: text }],
    }),
  });
}

/** A header holds bytes; the daemon keeps the printable ones. */
function encodeHeader(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

async function writePast(home: string, past: readonly Outcome[]): Promise<void> {
  const path = databasePath(home);
  const recorder = createRecorder({
    open: () => openDatabase({ path, mode: 'write', nowMs: Date.now() }),
    daemon: { daemonId: 'past', pid: process.pid, startedAtMs: Date.now(), version: '0.1.0' },
    clock: () => Date.now(),
  });
  for (const outcome of past) recorder.end(outcome);
  await recorder.close();
}
