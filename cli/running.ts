// The daemon that runs, as the commands see it.

import { askDaemon } from '../daemon/alive.ts';
import type { Config } from '../daemon/config/config.ts';
import { type DaemonState, daemonUrl } from '../daemon/state.ts';
import type { StatusReport } from '../daemon/status.ts';

/** What the daemon says of itself; undefined where it does not answer. */
export async function readStatus(state: DaemonState): Promise<StatusReport | undefined> {
  try {
    const reply = await askDaemon(`${daemonUrl(state)}/status`, state.token);
    return isStatusReport(reply) ? reply : undefined;
  } catch {
    return undefined;
  }
}

/** As long as it starts, the daemon has not met all of its backends yet: waits up to 5 s until it has. */
export async function readSettledStatus(state: DaemonState): Promise<StatusReport | undefined> {
  const deadlineMs = Date.now() + 5000;
  for (;;) {
    const report = await readStatus(state);
    const settled = report?.backends.every((backend) => backend.state !== 'unknown') ?? true;
    if (settled || Date.now() > deadlineMs) return report;
    await pause(100);
  }
}

/** The configuration of this shell, with what the daemon was really started with where the client depends on it. */
export function asRunning(config: Config, state?: DaemonState, status?: StatusReport): Config {
  return {
    ...config,
    ...(status === undefined ? {} : { mode: status.mode }),
    ...(state?.token === undefined ? {} : { token: state.token }),
  };
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The daemon that answered is this package's own, so its shape is checked no further than its frame. */
function isStatusReport(value: unknown): value is StatusReport {
  return (
    typeof value === 'object' &&
    value !== null &&
    'running' in value &&
    value.running === true &&
    'backends' in value &&
    Array.isArray(value.backends)
  );
}
