// Everything around one story with the real client: two scripted backends, the daemon between, a sandbox, and
// Claude Code wired up exactly as `anyclaude run` does it.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { clientArguments } from '../../cli/client-arguments.ts';
import { clientEnvironment } from '../../cli/client-environment.ts';
import { type Config, loadConfig } from '../../daemon/config/config.ts';
import { startDaemon } from '../../daemon/main.ts';
import { databasePath } from '../../daemon/state.ts';
import type { StatusReport } from '../../daemon/status.ts';
import { type FakeChat, type Manner, type Reply, type Seen, startFakeChat } from '../fake/chat.ts';
import { type ClaudeRun, openSandbox, type Sandbox } from './claude-code.ts';

/** The model of a backend: what it says, from what it was asked. */
export type Answer = (request: Seen, backend: FakeChat) => Reply;

export type StoryOptions = {
  readonly binary: string;
  readonly files: Readonly<Record<string, string>>;
  readonly analysis: Answer;
  readonly edit: Answer;
  /** Registers what has to be ended after the story, whatever becomes of it. */
  readonly after: (end: () => Promise<unknown>) => void;
};

/** What the store says of a request. */
export type Row = {
  readonly kind: string;
  readonly task: string | null;
  readonly backend: string | null;
  readonly result: string;
  readonly fault: string | null;
  readonly http_status: number | null;
  /** Those that failed. */
  readonly attempts: number;
};

const CONTEXT_WINDOW = 131_072;

export type Stage = {
  readonly project: string;
  readonly mlxLm: FakeChat;
  readonly lmstudio: FakeChat;
  prompt(words: string, ...args: readonly string[]): Promise<ClaudeRun>;
  /** Stops the daemon, so that everything is stored, and reads its requests in their order. */
  rows(): Promise<readonly Row[]>;
};

export async function openStage({ binary, files, analysis, edit, after }: StoryOptions): Promise<Stage> {
  const home = await mkdtemp(join(tmpdir(), 'anyclaude-e2e-state-'));
  after(() => rm(home, { recursive: true, force: true }));
  const mlxLm = await startModel('mlx', analysis);
  after(() => mlxLm.close());
  const lmstudio = await startModel('lmstudio', edit);
  after(() => lmstudio.close());
  const config = configFor(home, mlxLm, lmstudio);
  const daemon = await startDaemon({ config, version: '0.0.0', logStream: { write: () => {} } });
  after(() => daemon.close());
  const sandbox = await openSandbox(binary, files);
  after(() => sandbox.close());
  return {
    project: sandbox.project,
    mlxLm,
    lmstudio,
    prompt: (words, ...args) => runAsWired(sandbox, { config, url: daemon.url, words, args }),
    async rows() {
      await daemon.close();
      return readRows(databasePath(home));
    },
  };
}

async function startModel(manner: Manner, answer: Answer): Promise<FakeChat> {
  const backend: FakeChat = await startFakeChat(manner, {
    contextWindow: CONTEXT_WINDOW,
    script: (request) => answer(request, backend),
  });
  return backend;
}

function configFor(home: string, mlxLm: FakeChat, lmstudio: FakeChat): Config {
  const contextWindow = CONTEXT_WINDOW;
  const settings = {
    port: 0,
    drainMs: 1_000,
    backends: { 'mlx-lm': { url: mlxLm.url, contextWindow }, lmstudio: { url: lmstudio.url, contextWindow } },
  };
  const file = { path: 'config.json', text: JSON.stringify(settings) };
  return loadConfig({ flags: {}, env: { ANYCLAUDE_HOME: home }, file });
}

type Wired = {
  readonly config: Config;
  readonly url: string;
  readonly words: string;
  readonly args: readonly string[];
};

async function runAsWired(sandbox: Sandbox, { config, url, words, args }: Wired): Promise<ClaudeRun> {
  const status = (await (await fetch(`${url}/status`)).json()) as StatusReport;
  const cwd = sandbox.project;
  const client = clientEnvironment({ config, url, status, env: {}, cwd, signedIn: false });
  return sandbox.run({
    prompt: words,
    args: clientArguments(args, config, []).args,
    env: client.set,
  });
}

function readRows(path: string): readonly Row[] {
  const database = new Database(path, { readonly: true });
  try {
    const columns = 'kind, task, backend, result, fault, http_status, attempts';
    return database.prepare(`SELECT ${columns} FROM requests ORDER BY started_ms, id`).all() as Row[];
  } finally {
    database.close();
  }
}
