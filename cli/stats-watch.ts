// The terminal of `stats --watch`: a screen of its own, every frame of the size that the terminal has by then.

import { openFullScreen, type Terminal } from './full-screen.ts';
import { screenOf } from './screen.ts';
import type { StatsWatch } from './stats.ts';

const REDRAW_MS = 2000;
const SIGNALS = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const;

type WatchIo = Terminal & { readonly env: Readonly<Record<string, string | undefined>> };

/** Ends at q, Ctrl-C and the signals that end a program. */
export function openStatsWatch({ stdin, stdout, env }: WatchIo): StatsWatch {
  let picture: Parameters<StatsWatch['show']>[0] = () => [];
  const ended = Promise.withResolvers<undefined>();
  const quit = () => ended.resolve(undefined);
  const draw = () => screen.draw(picture({ ...screenOf(stdout, env), rows: stdout.rows }));
  const screen = openFullScreen({ stdin, stdout }, { quit, resized: draw });
  for (const signal of SIGNALS) process.once(signal, quit);
  return {
    show(next) {
      picture = next;
      draw();
    },
    async nextMs() {
      const waited = Promise.withResolvers<number>();
      const timer = setTimeout(() => waited.resolve(Date.now()), REDRAW_MS);
      try {
        return await Promise.race([waited.promise, ended.promise]);
      } finally {
        clearTimeout(timer);
      }
    },
    close() {
      for (const signal of SIGNALS) process.off(signal, quit);
      screen.close();
    },
  };
}
