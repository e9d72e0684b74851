// The composition root: configuration in, everything built, listening. Whoever calls it owns the signals.

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { DestinationStream } from 'pino';
import { createClaudeBackend } from '../backend/claude.ts';
import { SHIPPED } from '../router/classify.ts';
import { createGuardian } from '../router/guardian.ts';
import { createRecorder, type Recorder } from '../store/recorder.ts';
import { createReader } from './api/reader.ts';
import { createApp } from './app.ts';
import type { Config } from './config/config.ts';
import type { Deps } from './deps.ts';
import type { Clock } from './draft.ts';
import { endEach, type Part } from './end-each.ts';
import { createEventStreams } from './event-stream.ts';
import { createFleet, type Fleet } from './fleet.ts';
import { drain, listen, portOf, urlOf } from './http-server.ts';
import { openPauses, type PausesOptions } from './keeper/open.ts';
import { createPrompts } from './keeper/prompts.ts';
import { createTraffic } from './keeper/traffic.ts';
import { type Learned, loadLearned } from './learned.ts';
import { createLive } from './live.ts';
import { createLog, type Logger, logOutcome } from './log.ts';
import { createMembers } from './members.ts';
import type { Metrics } from './metrics/metrics.ts';
import { openMetrics } from './metrics/sources.ts';
import { createPersistence, noted } from './persistence.ts';
import { startSchedule } from './schedule.ts';
import { databasePath } from './state.ts';
import { editNotes, reportBackends, type StatusReport, storeNotes } from './status.ts';
import { createUpkeep, type Upkeep } from './upkeep.ts';

export type DaemonOptions = {
  readonly config: Config;
  readonly version: string;
  /** Where log lines go; stdout where absent. */
  readonly logStream?: DestinationStream;
  /** For tests and measurements: what a pause is, and what the machine runs on. */
  readonly pauses?: Pick<PausesOptions, 'power' | 'settleMs' | 'stepSeconds'>;
};

export type RunningDaemon = {
  readonly url: string;
  /** Resolves once everything has ended. */
  readonly closed: Promise<void>;
  /** Drains: nothing new is taken, streams get `drainMs`, then they are cut. May be called twice. */
  close(reason?: string): Promise<void>;
  /** For who goes at once: what still runs is recorded as interrupted. The daemon is of no use after it. */
  abandon(): Promise<void>;
};

const CLAUDE = 'claude';
const clock: Clock = { now: () => performance.now(), wall: () => Date.now() };

/** Rejects with the error of `listen` where the port cannot be had; what was built until then is ended. */
export async function startDaemon(options: DaemonOptions): Promise<RunningDaemon> {
  const daemon = assemble(options, await loadLearned(options.config.home));
  const { server, config, log, fleet } = daemon;
  try {
    await listen(server, config);
  } catch (error) {
    await end(daemon);
    throw error;
  }
  const schedule = startSchedule({
    fleet,
    upkeep: daemon.upkeep,
    saveLearned: () => daemon.learned.save(daemon.recorder, clock.wall()),
    memory: daemon.deps.memory,
    persistence: daemon.persistence,
    pauses: daemon.pauses,
    onError: (error) => log.warn({ err: error }, 'what the clock asked for failed'),
  });
  restoreKept(daemon).catch((error: unknown) => {
    log.warn({ err: error }, 'what was kept of the former day could not be restored');
  });
  for (const sentence of classifierNotes()) log.warn(sentence);
  log.info({ url: urlOf(server), mode: config.mode, version: options.version }, 'listening');

  const closed = Promise.withResolvers<void>();
  async function close(): Promise<void> {
    if (daemon.state.draining) return closed.promise;
    daemon.state.draining = true;
    daemon.events.close();
    // What runs in a pause ends now, not behind the streams.
    await Promise.all([
      endAll(daemon, [['the pauses', () => daemon.pauses.stop()]]),
      endAll(daemon, [['the open requests', () => drain(server, daemon.stopping, config.drainMs)]]),
    ]);
    await endAll(daemon, [['the clock', () => schedule.stop()]]);
    await end(daemon);
    log.info('stopped');
    closed.resolve();
  }
  return { url: urlOf(server), closed: closed.promise, close, abandon: () => daemon.recorder.close() };
}

type Daemon = ReturnType<typeof assemble>;

/** What cannot be given back now, for a server is not up yet, the clock will see to. */
async function restoreKept({ fleet, persistence, pauses, deps }: Daemon): Promise<void> {
  await fleet.probeIdle();
  for (const { name } of fleet.members) deps.memory.met(name, fleet.status(name), clock.wall());
  await persistence.restore(deps.prompts.know);
  await pauses.tick();
}

/** Everything built and wired, nothing listening yet. */
function assemble({ config, version, logStream, pauses: pauseOptions }: DaemonOptions, learned: Learned) {
  const log = createLog(config.logLevel, logStream);
  const stopping = new AbortController();
  const state = { draining: false, startedAtMs: clock.wall(), notes: new Set<string>() };
  const recorder = openRecorder({
    config,
    version,
    log,
    startedAtMs: state.startedAtMs,
    onFlush: (durationMs) => metrics.storeFlushed(durationMs),
  });
  const fleet: Fleet = createFleet(
    createMembers(config, (name) => fleet.status(name)),
    clock.wall,
  );
  const metrics: Metrics = openMetrics({ config, version, claudeBackend: CLAUDE, fleet, recorder });
  const { memory, estimator } = learned;
  const upkeep = openUpkeep({ config, recorder, log });
  const live = createLive(clock);
  const persistence = createPersistence({ config, fleet, log, wall: clock.wall });
  const deps: Deps = {
    config,
    clock,
    newRequestId: () => `req_${randomUUID().replaceAll('-', '')}`,
    fleet,
    claude: createClaudeBackend({ name: CLAUDE, baseUrl: config.claude.baseUrl, ownToken: config.token }),
    memory,
    guardian: createGuardian(),
    estimator,
    prompts: noted(createPrompts(), persistence),
    traffic: createTraffic(),
    stopping: stopping.signal,
    draining: () => state.draining,
    live,
    begin: (started) => recorder.begin(started),
    record: (outcome) => {
      recorder.end(outcome);
      metrics.observe(outcome);
      memory.observeOutcome(outcome, clock.wall());
      pauses.served(outcome);
      live.ended(outcome);
      logOutcome(log, outcome);
    },
    note: (sentence) => {
      if (!state.notes.has(sentence)) log.warn(sentence);
      state.notes.add(sentence);
    },
    logError: (error, requestId) => log.error({ requestId, err: error }, 'a bug in anyclaude'),
  };
  const pauses = openPauses({
    ...{ deps, recorder, metrics, ...pauseOptions },
    isRestored: persistence.isRestored,
  });
  const server = createServer();
  const events = createEventStreams({ live, status: () => statusOf(daemon) });
  const reader = createReader({ path: databasePath(config.home), wall: clock.wall });
  const stored = { recorder, learned, upkeep, reader, persistence };
  const daemon = { config, version, log, server, stopping, state, fleet, deps, events, pauses, ...stored };
  const guard = {
    allowedHosts: config.allowedHosts,
    port: () => portOf(server),
    ...(config.token && { token: config.token }),
  };
  const warm = () => pauses.keeper.warm();
  const status = () => statusOf(daemon);
  server.on('request', createApp({ deps, guard, metrics, status, events, reader, warm }));
  return daemon;
}

function statusOf(daemon: Daemon): StatusReport {
  const { config, version, server, state, recorder, fleet, deps, pauses, persistence } = daemon;
  const { queued, dropped, lastError } = recorder.health;
  return {
    running: true,
    pid: process.pid,
    url: urlOf(server),
    version,
    mode: config.mode,
    uptimeS: Math.round((clock.wall() - state.startedAtMs) / 1000),
    draining: state.draining,
    backends: reportBackends(fleet, deps.memory),
    store: { queued, dropped, lastError: lastError ?? null },
    keeper: pauses.keeper.status,
    notes: [
      ...state.notes,
      ...classifierNotes(),
      ...storeNotes(recorder.health),
      ...persistence.problems,
      ...editNotes(fleet, deps.memory, clock.wall()),
    ],
  };
}

async function end(daemon: Daemon): Promise<void> {
  const { fleet, deps, recorder, learned, reader, pauses, persistence } = daemon;
  await endAll(daemon, [
    ['the pauses', () => pauses.stop()],
    ['what is kept on disk', () => persistence.close()],
    ['the connections', () => Promise.all([fleet.close(), deps.claude.close(), reader.close()])],
    ['what was learned of tokens and speeds', () => learned.save(recorder, clock.wall())],
    ['the record', () => recorder.close()],
  ]);
}

function endAll({ log }: Pick<Daemon, 'log'>, parts: readonly Part[]): Promise<void> {
  return endEach(parts, (error, part) => log.warn({ err: error, part }, 'a part did not end as it should'));
}

function openUpkeep({ config, recorder, log }: Pick<Daemon, 'config' | 'recorder' | 'log'>): Upkeep {
  return createUpkeep({
    ...{ recorder, retention: config.retention, wall: clock.wall },
    onDone: (report) => log.info(report, 'the store was kept up'),
  });
}

function openRecorder({
  config,
  version,
  log,
  startedAtMs,
  onFlush,
}: {
  config: Config;
  version: string;
  log: Logger;
  startedAtMs: number;
  onFlush: (durationMs: number) => void;
}): Recorder {
  const path = databasePath(config.home);
  return createRecorder({
    // Loaded once the daemon listens: Kysely is a quarter of the time that a start takes.
    open: async (found) => {
      const { openDatabase } = await import('../store/database.ts');
      return openDatabase({ path, mode: 'write', nowMs: clock.wall(), isDamaged: found === 'damaged' });
    },
    openAfterMs: 300,
    daemon: { daemonId: randomUUID(), pid: process.pid, startedAtMs, version },
    clock: clock.wall,
    onFlush,
    onDrop: (requestId, reason) => log.warn({ requestId, reason }, 'an outcome could not be stored'),
  });
}

function classifierNotes(): readonly string[] {
  return 'refused' in SHIPPED ? [SHIPPED.refused] : [];
}
