// mlx_lm.server as it is, started so that what its prompt cache holds outlives it (serve-mlx.py).

import { rm } from 'node:fs/promises';
import { type Config, type ConfigFlags, isLoopback, readConfig } from '../daemon/config/config.ts';
import { mlxCacheFolder } from '../daemon/persistence.ts';
import { openHome } from '../daemon/state.ts';
import { runInPlace } from './child.ts';
import { findMlxPython, LAUNCHER } from './mlx-python.ts';
import { EXIT, type ExitCode, note } from './terminal.ts';

/** Ends when the server ends, with its exit code. */
export async function serveMlx(given: readonly string[], flags: ConfigFlags): Promise<ExitCode> {
  const { env } = process;
  const config = readConfig({ flags, env });
  const found = await findMlxPython(config, env);
  if (typeof found === 'string') {
    note(`anyclaude: ${found}`);
    return EXIT.failure;
  }
  openHome(config.home);
  const { saveEverySeconds } = config.serveMlx;
  const keepBytes = config.persistPrefixes ? config.serveMlx.keepBytes : 0;
  const folder = mlxCacheFolder(config.home);
  // Where a person wants nothing kept, what was kept before goes, too.
  if (keepBytes === 0) await rm(folder, { recursive: true, force: true });
  const settings = [folder, String(keepBytes), String(saveEverySeconds)];
  const args = given[0] === '--' ? given.slice(1) : given;
  return runInPlace(found.python, [LAUNCHER, ...settings, ...args, ...ownPort(args, config)], env);
}

/** Where the daemon looks for it, unless a port is named. */
function ownPort(args: readonly string[], { backends }: Config): readonly string[] {
  const isNamed = args.some((arg) => arg === '--port' || arg.startsWith('--port='));
  const url = backends['mlx-lm'] && new URL(backends['mlx-lm'].url);
  return isNamed || !url?.port || !isLoopback(url.hostname) ? [] : ['--port', url.port];
}
