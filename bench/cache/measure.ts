// For one server: what is waited for the first word and how much of the prompt is reused, cold, in the next turn and in
// a new session of the same project; with the daemon's normalising and without.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { probe, resolveModel } from '../../backend/probe.ts';
import { loadConfig } from '../../daemon/config/config.ts';
import { startDaemon } from '../../daemon/main.ts';
import { median, percentile } from '../figures.ts';
import { ask, type Sample, type Way } from './ask.ts';
import { createSession } from './session.ts';

export type Server = { readonly name: string; readonly url: string; readonly model?: string | undefined };

export type Plan = {
  /** Tokens of the first prompt, about. */
  readonly sizes: readonly number[];
  readonly rounds: number;
  /** Next turns a round. */
  readonly turns: number;
  readonly onRow: (row: CacheRow) => void;
};

export type CacheRow = {
  readonly server: string;
  readonly normalising: 'on' | 'off';
  readonly request: 'cold' | 'next turn' | 'new session';
  readonly samples: number;
  /** Medians, as the server reports them; null where it does not. */
  readonly promptTokens: number | null;
  readonly cachedTokens: number | null;
  readonly ttftMedianMs: number;
  readonly ttftP95Ms: number;
  /** Cold median over this median, of the same size and way. */
  readonly speedUp: number;
};

/** New sessions a round. */
const SESSIONS = 2;
const CONTEXT_WINDOW = 131_072;
/** Names of one length: they are in every line. */
let projects = 100;

export async function measure(server: Server, plan: Plan): Promise<void> {
  const status = await probe(
    { backend: server.name, url: server.url, model: server.model },
    new AbortController().signal,
  );
  if (status.state !== 'up') throw new Error(status.lastError ?? `${server.url} is ${status.state}`);
  const model = resolveModel({ configured: server.model, status });
  const largest = status.contextWindow ?? CONTEXT_WINDOW;
  const home = await mkdtemp(join(tmpdir(), 'anyclaude-cache-'));
  const daemon = await startDaemon({
    config: configFor(server, home),
    version: '0.0.0',
    logStream: { write: () => {} },
  });
  try {
    const ways: readonly Way[] = [
      { kind: 'daemon', url: daemon.url, model },
      { kind: 'server', url: server.url, model },
    ];
    // The first requests of a process pay for what is loaded and compiled then.
    for (const way of ways)
      await ask(way, createSession({ project: `first-${way.kind}`, session: 1, tokens: 100 }));
    for (const tokens of plan.sizes.filter((size) => size * 1.3 < largest)) {
      for (const way of ways) {
        for (const row of await rowsOf(way, tokens, plan)) plan.onRow({ server: server.name, ...row });
      }
    }
  } finally {
    await daemon.close();
    await rm(home, { recursive: true, force: true });
  }
}

/** Only what is asked for is sent: no pause is used for anything. */
function configFor({ url, model }: Server, home: string) {
  const backend = {
    url,
    maxConcurrent: 1,
    contextWindow: CONTEXT_WINDOW,
    ...(model !== undefined && { model }),
  };
  const text = JSON.stringify({
    ...{ mode: 'mlx-lm', port: 0, drainMs: 1000, persistPrefixes: false, catchUp: { enabled: false } },
    backends: { 'mlx-lm': backend, lmstudio: null },
    routes: { analysis: 'mlx-lm', edit: 'mlx-lm' },
  });
  return loadConfig({ flags: {}, env: { ANYCLAUDE_HOME: home }, file: { path: 'config.json', text } });
}

async function rowsOf(
  way: Way,
  tokens: number,
  { rounds, turns }: Plan,
): Promise<readonly Omit<CacheRow, 'server'>[]> {
  const seen: Record<CacheRow['request'], Sample[]> = { cold: [], 'next turn': [], 'new session': [] };
  for (let round = 0; round < rounds; round += 1) {
    projects += 1;
    const project = `p${projects}`;
    const first = createSession({ project, session: 1, tokens });
    let last = await ask(way, first);
    seen.cold.push(last);
    for (let turn = 0; turn < turns; turn += 1) {
      first.goOn(last.answer);
      last = await ask(way, first);
      seen['next turn'].push(last);
    }
    for (let session = 2; session < 2 + SESSIONS; session += 1) {
      seen['new session'].push(await ask(way, createSession({ project, session, tokens })));
    }
  }
  const coldMs = median(seen.cold.map(({ ttftMs }) => ttftMs));
  return (['cold', 'next turn', 'new session'] as const).map((request) => ({
    normalising: way.kind === 'daemon' ? 'on' : 'off',
    request,
    ...summary(seen[request], coldMs),
  }));
}

function summary(samples: readonly Sample[], coldMs: number) {
  const waits = samples.map(({ ttftMs }) => ttftMs);
  const known = (pick: (sample: Sample) => number | undefined): number | null => {
    const values = samples.flatMap((sample) => pick(sample) ?? []);
    return values.length < samples.length ? null : Math.round(median(values));
  };
  return {
    samples: samples.length,
    promptTokens: known(({ promptTokens }) => promptTokens),
    cachedTokens: known(({ cachedTokens }) => cachedTokens),
    ttftMedianMs: Math.round(median(waits)),
    ttftP95Ms: Math.round(percentile(waits, 0.95)),
    speedUp: coldMs / median(waits),
  };
}
