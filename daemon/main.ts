// The composition root: configuration in, everything built, listening. Whoever calls it owns the signals.

import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { DestinationStream } from 'pino';
import { createClaudeBackend } from '../backend/claude.ts';
import { SHIPPED } from '../router/classify.ts';
import { openDatabase } from '../store/database.ts';
import { createRecorder, type Recorder } from '../store/recorder.ts';
import { createApp } from './app.ts';
import type { Config } from './config.ts';
import type { Deps } from './deps.ts';
import type { Clock } from './draft.ts';
import { createFleet, type Fleet } from './fleet.ts';
import { loadLearned, saveLearned } from './learned.ts';
import { createLog, type Logger, logOutcome } from './log.ts';
import { createMembers } from './members.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { startSchedule } from './schedule.ts';
import { databasePath } from './state.ts';
import { reportBackends, type StatusReport } from './status.ts';

export type DaemonOptions = {
  readonly config: Config;
  readonly version: string;
  /** Where log lines go; stdout where absent. */
  readonly logStream?: DestinationStream;
};

export type RunningDaemon = {
  readonly url: string;
  /** Resolves once everything has ended. */
  readonly closed: Promise<void>;
  /** Drains: nothing new is taken, streams get `drainMs`, then they are cut. May be called twice. */
  close(reason?: string): Promise<void>;
};

const CLAUDE = 'claude';
const clock: Clock = { now: () => performance.now(), wall: () => Date.now() };

/** Rejects with the error of `listen` where the port cannot be had: nothing else has been started then. */
export async function startDaemon({ config, version, logStream }: DaemonOptions): Promise<RunningDaemon> {
  const log = createLog(config.logLevel, logStream);
  const stopping = new AbortController();
  let draining = false;
  const startedAtMs = clock.wall();
  const recorder = openRecorder({ config, version, log, startedAtMs });
  const fleet: Fleet = createFleet(
    createMembers(config, (name) => fleet.status(name)),
    clock.wall,
  );
  const metrics = openMetrics({ config, version, fleet, recorder });
  const learned = loadLearned(config.home);
  const { memory, estimator } = learned;
  const notes = new Set<string>();
  const deps: Deps = {
    config,
    clock,
    newRequestId: () => `req_${randomUUID().replaceAll('-', '')}`,
    fleet,
    claude: createClaudeBackend({ name: CLAUDE, baseUrl: config.claude.baseUrl, ownToken: config.token }),
    memory,
    estimator,
    stopping: stopping.signal,
    draining: () => draining,
    begin: (started) => recorder.begin(started),
    record: (outcome) => {
      recorder.end(outcome);
      metrics.observe(outcome);
      memory.observeOutcome(outcome, clock.wall());
      logOutcome(log, outcome);
    },
    note: (sentence) => {
      if (!notes.has(sentence)) log.warn(sentence);
      notes.add(sentence);
    },
    logError: (error, requestId) => log.error({ requestId, err: error }, 'a bug in anyclaude'),
  };

  const server = createServer();
  const port = () => (server.address() as AddressInfo).port;
  const guard = { allowedHosts: config.allowedHosts, port, ...(config.token && { token: config.token }) };
  const status = (): StatusReport => ({
    running: true,
    pid: process.pid,
    url: urlOf(server),
    version,
    mode: config.mode,
    uptimeS: Math.round((clock.wall() - startedAtMs) / 1000),
    draining,
    backends: reportBackends(fleet),
    store: {
      queued: recorder.health.queued,
      dropped: recorder.health.dropped,
      lastError: recorder.health.lastError ?? null,
    },
    notes: [...notes, ...classifierNotes(), ...storeNotes(recorder)],
  });
  server.on('request', createApp({ deps, guard, metrics, status }));
  await listen(server, config);

  const schedule = startSchedule(fleet, (error) => log.warn({ err: error }, 'a probe failed'));
  void fleet.probeIdle();
  for (const sentence of classifierNotes()) log.warn(sentence);
  log.info({ url: urlOf(server), mode: config.mode, version }, 'listening');

  const closed = Promise.withResolvers<void>();
  async function close(): Promise<void> {
    if (draining) return closed.promise;
    draining = true;
    await drain(server, stopping, config.drainMs);
    await schedule.stop();
    await Promise.all([fleet.close(), deps.claude.close()]);
    await recorder.close();
    try {
      saveLearned(config.home, learned);
    } catch (error) {
      log.warn({ err: error }, 'what was learned of tokens and speeds could not be kept');
    }
    log.info('stopped');
    closed.resolve();
  }
  return { url: urlOf(server), closed: closed.promise, close };
}

function openRecorder({
  config,
  version,
  log,
  startedAtMs,
}: {
  config: Config;
  version: string;
  log: Logger;
  startedAtMs: number;
}): Recorder {
  const path = databasePath(config.home);
  return createRecorder({
    open: () => openDatabase({ path, mode: 'write', nowMs: clock.wall() }),
    daemon: { daemonId: randomUUID(), pid: process.pid, startedAtMs, version },
    clock: clock.wall,
    onDrop: (requestId, reason) => log.warn({ requestId, reason }, 'an outcome could not be stored'),
  });
}

function classifierNotes(): readonly string[] {
  return 'refused' in SHIPPED ? [SHIPPED.refused] : [];
}

function storeNotes({ health }: Recorder): readonly string[] {
  if (health.movedAside === undefined) return [];
  return [`The database was damaged and has been moved to ${health.movedAside}; a fresh one is used.`];
}

function openMetrics({
  config,
  version,
  fleet,
  recorder,
}: {
  config: Config;
  version: string;
  fleet: Fleet;
  recorder: Recorder;
}): Metrics {
  return createMetrics({
    version,
    backends: Object.keys(config.backends),
    claudeBackend: CLAUDE,
    classifier: 'model' in SHIPPED ? 'trained' : 'rules',
    gauges: () =>
      reportBackends(fleet).map(({ name, state, inFlight, queued }) => ({
        name,
        up: state === 'unknown' ? undefined : state === 'up',
        inFlight,
        queued,
      })),
    store: () => recorder.health,
  });
}

/** A model's first token may take minutes, so only the receiving of a request is timed. */
function listen(server: Server, { host, port }: Config): Promise<void> {
  server.headersTimeout = 10_000;
  server.requestTimeout = 60_000;
  server.keepAliveTimeout = 75_000;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  return `http://${family === 'IPv6' ? `[${host}]` : host}:${port}`;
}

/** Resolves when every connection has ended: by itself within `drainMs`, else cut with an error event. */
async function drain(server: Server, stopping: AbortController, drainMs: number): Promise<void> {
  const ended = new Promise<void>((resolve) => server.close(() => resolve()));
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const cut = setTimeout(() => stopping.abort(new Error('The daemon stops.')), drainMs);
  const force = setTimeout(() => server.closeAllConnections(), drainMs + 1_000);
  await ended;
  clearInterval(idle);
  clearTimeout(cut);
  clearTimeout(force);
}
