// A daemon's HTTP surface on a free port, with backends that are plain values: what each says is scripted, and
// what it was asked is kept. Everything between the socket and the backend is the real thing.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Backend, BackendError, type BackendStatus, type OpenRequest } from '../../backend/backend.ts';
import { createClaudeBackend } from '../../backend/claude.ts';
import { createReader } from '../../daemon/api/reader.ts';
import { createApp } from '../../daemon/app.ts';
import { type Config, loadConfig } from '../../daemon/config/config.ts';
import type { Deps } from '../../daemon/deps.ts';
import { createEventStreams, type EventStreams } from '../../daemon/event-stream.ts';
import { createFleet, type Member } from '../../daemon/fleet.ts';
import { createPrompts } from '../../daemon/keeper/prompts.ts';
import { createTraffic } from '../../daemon/keeper/traffic.ts';
import { createLive } from '../../daemon/live.ts';
import { createMetrics, type Metrics } from '../../daemon/metrics/metrics.ts';
import { reportBackends } from '../../daemon/status.ts';
import { createGuardian } from '../../router/guardian.ts';
import { createMemory } from '../../router/memory.ts';
import type { Outcome } from '../../router/outcome.ts';
import type { StartedRequest } from '../../store/row.ts';
import { createTokenEstimator } from '../../wire/count.ts';
import type { Fault } from '../../wire/error.ts';
import type { Frame, StopReason, StreamItem, UsageNote } from '../../wire/frame.ts';

/** What a scripted backend does with one request. It may throw, wait for the signal, or yield. */
export type Script = (request: OpenRequest, signal: AbortSignal) => AsyncIterable<StreamItem>;

export type ScriptedBackend = {
  readonly asked: OpenRequest[];
  /** Served in their order; the last one serves whatever comes after it. */
  scripts: Script[];
  status: BackendStatus;
  /** What its tokenizer endpoint answers; it has none where that is absent. */
  counts?: number;
  /** Held back before a probe is answered. */
  silence: Promise<unknown> | undefined;
  proofs: number;
  /** Requests whose answer ended or was left. */
  ended: number;
};

export type Harness = {
  readonly url: string;
  readonly config: Config;
  readonly deps: Deps;
  readonly metrics: Metrics;
  readonly events: EventStreams;
  readonly begun: StartedRequest[];
  readonly outcomes: Outcome[];
  readonly bugs: unknown[];
  /** Called with each outcome, as the daemon calls who learns from it. */
  readonly onOutcome: ((outcome: Outcome) => void)[];
  readonly notes: ReadonlySet<string>;
  readonly mlx: ScriptedBackend;
  readonly lmstudio: ScriptedBackend;
  /** The next outcome that is recorded, or one that already was. */
  outcome(at?: number): Promise<Outcome>;
  /** By how much the daemon's clock is ahead of the real one. */
  aheadMs: number;
  stopping: AbortController;
  draining: boolean;
  close(): Promise<void>;
};

export async function startHarness(
  settings: object = {},
  claudeUrl = 'http://127.0.0.1:9',
  databasePath = '/nowhere/anyclaude.db',
): Promise<Harness> {
  const written = { claude: { baseUrl: claudeUrl }, commitAfterMs: 60_000, ...settings };
  const file = { path: 'config.json', text: JSON.stringify(written) };
  const config = loadConfig({ flags: {}, env: { HOME: '/nowhere' }, file });
  const mlx = scripted();
  const lmstudio = scripted();
  const harness = { aheadMs: 0, draining: false, stopping: new AbortController() };
  const wall = () => Date.now() + harness.aheadMs;
  const fleet = createFleet([member('mlx-lm', mlx, config), member('lmstudio', lmstudio, config)], wall);
  const outcomes: Outcome[] = [];
  const waiting: (() => void)[] = [];
  const claude = createClaudeBackend({ name: 'claude', baseUrl: config.claude.baseUrl });
  const metrics = createMetrics({
    version: '0.0.0',
    backends: ['mlx-lm', 'lmstudio'],
    claudeBackend: 'claude',
    models: { local: {}, claude: [] },
    classifier: 'trained',
    gauges: () => [],
    store: () => ({ queued: 0, written: 0, dropped: 0 }),
  });
  const begun: StartedRequest[] = [];
  const bugs: unknown[] = [];
  const onOutcome: ((outcome: Outcome) => void)[] = [];
  const notes = new Set<string>();
  const live = createLive({ wall });
  let ids = 0;
  const deps: Deps = {
    config,
    clock: { now: () => performance.now(), wall },
    newRequestId: () => `req_${++ids}`,
    fleet,
    claude,
    memory: createMemory(),
    guardian: createGuardian(),
    estimator: createTokenEstimator(),
    prompts: createPrompts(),
    traffic: createTraffic(),
    stopping: harness.stopping.signal,
    draining: () => harness.draining,
    live,
    begin: (started) => begun.push(started),
    record: (outcome) => {
      outcomes.push(outcome);
      metrics.observe(outcome);
      for (const listener of onOutcome) listener(outcome);
      live.ended(outcome);
      deps.memory.observeOutcome(outcome, wall());
      for (const wake of waiting.splice(0)) wake();
    },
    note: (sentence) => notes.add(sentence),
    logError: (error) => bugs.push(error),
  };
  const server = createServer();
  const port = () => (server.address() as AddressInfo).port;
  const guard = { allowedHosts: config.allowedHosts, port, ...(config.token && { token: config.token }) };
  const status = () => ({ running: true, backends: reportBackends(fleet, deps.memory) }) as never;
  const reader = createReader({ path: databasePath, wall });
  const events = createEventStreams({ live, status, timing: { pingEveryMs: 20, statusEveryMs: 20 } });
  server.on(
    'request',
    createApp({ deps, guard, metrics, status, events, reader, warm: async function* () {} }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(harness, {
    url: `http://127.0.0.1:${port()}`,
    config,
    deps,
    metrics,
    events,
    begun,
    outcomes,
    bugs,
    onOutcome,
    notes,
    mlx,
    lmstudio,
    async outcome(at = 0) {
      while (outcomes[at] === undefined) await new Promise<void>((resolve) => waiting.push(resolve));
      return outcomes[at];
    },
    async close() {
      await reader.close();
      await end(server, deps);
    },
  });
}

async function end(server: Server, { fleet, claude }: Deps): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await Promise.all([fleet.close(), claude.close()]);
}

function scripted(): ScriptedBackend {
  const status = { state: 'up' } as const;
  return { asked: [], scripts: [says('Hello.')], status, silence: undefined, proofs: 0, ended: 0 };
}

function member(name: string, script: ScriptedBackend, { backends }: Config): Member {
  const config = backends[name];
  if (!config) throw new Error(`${name} is not configured`);
  return {
    name,
    config,
    backend: scriptedBackend(name, script),
    gate: { idle: true, inFlight: 0, queued: 0 },
    probe: async () => {
      await script.silence;
      return script.status;
    },
    proveAlive: async () => {
      script.proofs += 1;
      if (script.status.state !== 'up') throw new Error('no proof');
    },
    model: () => `${name}-model`,
  };
}

function scriptedBackend(name: string, script: ScriptedBackend): Backend {
  return {
    name,
    async open(request, signal) {
      script.asked.push(request);
      const next = script.scripts.length > 1 ? script.scripts.shift() : script.scripts[0];
      if (!next) throw new Error('nothing scripted');
      request.onAdmitted?.();
      const items = next(request, signal);
      const iterator = items[Symbol.asyncIterator]();
      // As a real backend does: it has accepted once it has something to say, or it rejects before that.
      const first = await iterator.next();
      return { queueMs: 0, items: counted(first, iterator, script) };
    },
    countTokens: async () => script.counts,
    async close() {},
  };
}

async function* counted(
  first: IteratorResult<StreamItem>,
  rest: AsyncIterator<StreamItem>,
  script: ScriptedBackend,
): AsyncGenerator<StreamItem> {
  try {
    for (let next = first; !next.done; next = await rest.next()) yield next.value;
  } finally {
    script.ended += 1;
    await rest.return?.();
  }
}

// ---- Scripts ------------------------------------------------------------------------------------------

/** A whole answer of one text block. */
export function says(text: string, usage: Omit<UsageNote, 'type'> = {}): Script {
  return async function* () {
    yield* opening();
    yield { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } };
    yield { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } };
    yield { type: 'content_block_stop', index: 0 };
    yield* closing('end_turn', usage);
  };
}

/** A whole answer of one tool call. */
export function calls(id: string, name: string, input: object): Script {
  return async function* () {
    yield* opening();
    yield { type: 'content_block_start', index: 0, content_block: { type: 'tool_use', id, name, input: {} } };
    const partial_json = JSON.stringify(input);
    yield { type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json } };
    yield { type: 'content_block_stop', index: 0 };
    yield* closing('tool_use', {});
  };
}

/** Fails before it has accepted. */
export function refuses(fault: Fault, message = `It is ${fault}.`, more: object = {}): Script {
  // biome-ignore lint/correctness/useYield: it never gets that far
  return async function* () {
    throw new BackendError({ fault, backend: 'scripted', ...more }, message);
  };
}

/** Says something, then fails. */
export function breaksAfter(text: string, fault: Fault): Script {
  return async function* () {
    yield* opening();
    yield { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } };
    yield { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } };
    throw new BackendError({ fault, backend: 'scripted' }, `It is ${fault}.`);
  };
}

/** Accepts, then says nothing until the request is aborted. */
export function hangs(onOpen: () => void = () => {}): Script {
  return async function* (_request, signal) {
    yield { type: 'alive' };
    onOpen();
    await new Promise((_resolve, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  };
}

export function* opening(): Generator<Frame> {
  yield {
    type: 'message_start',
    message: {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'm',
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: 1, output_tokens: 0 },
    },
  };
}

export function* closing(stop_reason: StopReason, usage: Omit<UsageNote, 'type'>): Generator<StreamItem> {
  yield { type: 'usage', ...usage };
  yield { type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage: {} };
  yield { type: 'message_stop' };
}

// ---- Requests -----------------------------------------------------------------------------------------

export const SESSION = '00000000-0000-4000-8000-00000000000a';

/** A POST to /v1/messages as a client would send it. */
export function post(url: string, body: unknown, options: RequestInit = {}): Promise<Response> {
  return fetch(`${url}/v1/messages?beta=true`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...options,
    headers: { 'content-type': 'application/json', 'x-claude-code-session-id': SESSION, ...options.headers },
  });
}

export function ask(text: string, more: object = {}): object {
  return {
    model: 'claude-anyclaude',
    max_tokens: 64,
    stream: true,
    messages: [{ role: 'user', content: text }],
    ...more,
  };
}
