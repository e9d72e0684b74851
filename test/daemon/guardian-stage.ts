// A real daemon with its database before a server that has a prompt cache, and what both saw of a session.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { loadConfig } from '../../daemon/config/config.ts';
import { startDaemon } from '../../daemon/main.ts';
import { databasePath } from '../../daemon/state.ts';
import type { StatusReport } from '../../daemon/status.ts';
import type { RequestsTable } from '../../store/schema.ts';
import type { RequestBody, Session } from '../fixture/session.ts';

export type Stage = {
  readonly url: string;
  readonly home: string;
  /** Sends the request and reads its whole answer. */
  send(body: RequestBody, headers: Readonly<Record<string, string>>): Promise<string>;
  ask(session: Session): Promise<string>;
  status(): Promise<StatusReport>;
  metrics(): Promise<string>;
  /** Stops the daemon, so that everything is stored, and reads its requests in their order. */
  rows(): Promise<readonly RequestsTable[]>;
};

/** Everything goes to the one server. Ended with the test. */
export async function openStage(t: TestContext, serverUrl: string, settings: object = {}): Promise<Stage> {
  const home = mkdtempSync(join(tmpdir(), 'anyclaude-guardian-'));
  const written = {
    ...{ port: 0, mode: 'mlx-lm', drainMs: 1000 },
    backends: { 'mlx-lm': { url: serverUrl, contextWindow: 200_000 }, lmstudio: { url: serverUrl } },
    ...settings,
  };
  const file = { path: 'config.json', text: JSON.stringify(written) };
  const config = loadConfig({ flags: {}, env: { ANYCLAUDE_HOME: home }, file });
  const daemon = await startDaemon({ config, version: '0.0.0', logStream: { write: () => {} } });
  t.after(async () => {
    await daemon.close();
    rmSync(home, { recursive: true, force: true });
  });
  const send: Stage['send'] = async (body, headers) => {
    const reply = await fetch(`${daemon.url}/v1/messages?beta=true`, {
      method: 'POST',
      headers: { ...headers },
      body: JSON.stringify(body),
    });
    const text = await reply.text();
    if (reply.status !== 200) throw new Error(`${reply.status}: ${text}`);
    return text;
  };
  return {
    ...{ url: daemon.url, home, send },
    ask: (session) => send(session.body(), session.headers()),
    status: async () => (await fetch(`${daemon.url}/status`)).json() as Promise<StatusReport>,
    metrics: async () => (await fetch(`${daemon.url}/metrics`)).text(),
    async rows() {
      await daemon.close();
      const database = new Database(databasePath(home), { readonly: true });
      try {
        return database.prepare('select * from requests order by started_ms, id').all() as RequestsTable[];
      } finally {
        database.close();
      }
    },
  };
}
