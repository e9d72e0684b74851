import { isAlive } from '../daemon/alive.ts';
import { daemonUrl, findDaemon, homeFolder, readState } from '../daemon/state.ts';
import type { BackendReport, StatusReport } from '../daemon/status.ts';
import { withoutAddress } from '../router/candidate.ts';
import { readStatus } from './running.ts';
import { duration, EXIT, type ExitCode, note, print, printJson, table } from './terminal.ts';

/** Prints what runs. Exit code 3 where nothing does. */
export async function status({ json }: { readonly json?: boolean }): Promise<ExitCode> {
  const home = homeFolder(process.env);
  const state = await findDaemon(home);
  const report = state && (await readStatus(state));
  if (state && !report) {
    note(
      `The daemon at ${daemonUrl(state)} (pid ${state.pid}) runs but does not tell its status: see anyclaude logs.`,
    );
    return EXIT.failure;
  }
  // `schema` grows when a key changes its meaning or goes.
  if (json) printJson({ schema: 1, ...(report ?? { running: false }) });
  else if (report) print(describe(report));
  else note(whyNone(home));
  return report ? EXIT.ok : EXIT.notRunning;
}

function whyNone(home: string): string {
  const last = readState(home);
  if (last?.draining && isAlive(last.pid))
    return `anyclaude is stopping: requests still run (pid ${last.pid}).`;
  return 'anyclaude is not running. Start it with: anyclaude start';
}

function describe(report: StatusReport): string {
  const { url, version, pid, mode, uptimeS, draining, backends, keeper, notes } = report;
  const state = draining ? 'stopping, requests still run' : `up ${duration(uptimeS)}`;
  const rows = [
    ['BACKEND', 'STATE', 'MODEL', 'WINDOW', 'IN FLIGHT', 'QUEUED', 'URL'],
    ...backends.map(backendRow),
  ];
  const errors = backends.flatMap(({ name, lastError }) =>
    lastError === null ? [] : [`${name}: ${withoutAddress(lastError, name)}`],
  );
  return [
    `anyclaude ${version} at ${url}: ${state}, mode ${mode}, pid ${pid}`,
    '',
    table(rows),
    '',
    `In pauses: ${keeper.state}, ${keeper.detail}`,
    ...(errors.length + notes.length > 0 ? ['', ...errors, ...notes] : []),
  ].join('\n');
}

function backendRow(backend: BackendReport): readonly string[] {
  const { name, state, model, contextWindow, contextWindowSource, inFlight, queued, url } = backend;
  const assumed = contextWindowSource === 'assumed' ? ' (assumed)' : '';
  const window = contextWindow === null ? 'unknown' : `${contextWindow}${assumed}`;
  return [name, state, model ?? 'unknown', window, String(inFlight), String(queued), url];
}
