// `anyclaude ps`: what is in flight at this moment.

import { askDaemon } from '../daemon/alive.ts';
import type { LiveSnapshot } from '../daemon/live.ts';
import { type DaemonState, daemonUrl } from '../daemon/state.ts';
import { layOut } from './columns.ts';
import { IN_FLIGHT_COLUMNS, type InFlight, inFlight } from './in-flight.ts';
import { penOf, type Screen } from './screen.ts';

export type PsIo = {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly screen: Screen;
  /** Undefined where none runs. */
  readonly daemon: DaemonState | undefined;
};

/** Resolves with the exit code: 0, 1 where the daemon does not tell, 3 where none runs. */
export async function runPs(options: { readonly json?: boolean | undefined }, io: PsIo): Promise<number> {
  if (io.daemon === undefined) return fail(io, 3, 'anyclaude is not running. Start it with: anyclaude start');
  const snapshot = await readLive(io.daemon);
  if (snapshot === undefined) {
    return fail(
      io,
      1,
      `The daemon at ${daemonUrl(io.daemon)} runs but does not tell what it does: see anyclaude logs.`,
    );
  }
  const flights = snapshot.requests.map((request) => inFlight(request, snapshot.now));
  io.stdout.write(options.json === true ? toJson(flights, snapshot.now) : render(flights, io.screen));
  return 0;
}

function render(flights: readonly InFlight[], screen: Screen): string {
  if (flights.length === 0) return 'Nothing is in flight.\n';
  const { titles, lines } = layOut(IN_FLIGHT_COLUMNS, flights, screen, penOf(screen));
  return `${[titles, ...lines].join('\n')}\n`;
}

/** As docs/json.md tells. */
function toJson(flights: readonly InFlight[], nowMs: number): string {
  const requests = flights.map(({ startedAtMs, ...rest }) => ({ startedAt: iso(startedAtMs), ...rest }));
  return `${JSON.stringify({ schema: 1, generatedAt: iso(nowMs), requests }, threeDecimals, 2)}\n`;
}

function threeDecimals(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toFixed(3)) : value;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

async function readLive(daemon: DaemonState): Promise<LiveSnapshot | undefined> {
  try {
    const reply = await askDaemon(`${daemonUrl(daemon)}/api/live`, daemon.token);
    return isSnapshot(reply) ? reply : undefined;
  } catch {
    return undefined;
  }
}

/** The daemon that answered is this package's own, so its shape is checked no further than its frame. */
function isSnapshot(value: unknown): value is LiveSnapshot {
  return typeof value === 'object' && value !== null && 'requests' in value && Array.isArray(value.requests);
}

function fail(io: PsIo, exitCode: number, message: string): number {
  io.stderr.write(`${message}\n`);
  return exitCode;
}
