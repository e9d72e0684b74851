// `anyclaude top`: what happens now, redrawn as it changes. q quits. Where stdout is no terminal: one picture, plain.

import type { DaemonState } from '../daemon/state.ts';
import { followDaemon } from './daemon-events.ts';
import { openFullScreen, type Terminal } from './full-screen.ts';
import { type LiveView, NOTHING_KNOWN, viewAfter } from './live-view.ts';
import { screenOf } from './screen.ts';
import { note } from './terminal.ts';
import { renderTop, type TopScreen } from './top-screen.ts';

export type TopIo = Terminal & {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** Undefined where none runs. */
  readonly daemon: DaemonState | undefined;
};

/** The clocks go on while nothing else changes. */
const TICK_MS = 250;

/** Resolves with the exit code when the person quits: 0, 1 where the daemon does not tell, 3 where none runs. */
export async function runTop(io: TopIo): Promise<number> {
  if (io.daemon === undefined) {
    note('anyclaude is not running. Start it with: anyclaude start');
    return 3;
  }
  const isLive = io.stdout.isTTY && io.env['TERM'] !== 'dumb';
  return isLive ? watch(io, io.daemon) : snapshot(io, io.daemon);
}

async function snapshot(io: TopIo, daemon: DaemonState): Promise<number> {
  const stopping = new AbortController();
  for await (const told of followDaemon(
    io.home,
    daemon,
    AbortSignal.any([stopping.signal, AbortSignal.timeout(5000)]),
  )) {
    const view = viewAfter(NOTHING_KNOWN, told, Date.now());
    const lines = renderTop(view, screenOf(io.stdout, io.env), Date.now());
    io.stdout.write(`${lines.join('\n')}\n`);
    stopping.abort();
    return 0;
  }
  note('The daemon runs but does not tell what it does: see anyclaude logs.');
  return 1;
}

async function watch(io: TopIo, daemon: DaemonState): Promise<number> {
  const stopping = new AbortController();
  const quit = () => stopping.abort();
  let view: LiveView = NOTHING_KNOWN;
  const draw = () => screen.draw(renderTop(view, sizeOf(io), Date.now()));
  const screen = openFullScreen(io, { quit, resized: draw });
  const signals = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const;
  for (const signal of signals) process.once(signal, quit);
  const tick = setInterval(draw, TICK_MS);
  try {
    draw();
    for await (const told of followDaemon(io.home, daemon, stopping.signal)) {
      view = viewAfter(view, told, Date.now());
      draw();
    }
  } finally {
    clearInterval(tick);
    for (const signal of signals) process.off(signal, quit);
    screen.close();
  }
  return 0;
}

function sizeOf({ stdout, env }: TopIo): TopScreen {
  return { ...screenOf(stdout, env), rows: stdout.rows };
}
