// Which Python has mlx-lm: the one that a person named, the one that the `mlx_lm.server` on the PATH runs with, or
// simply `python3`. Each is asked, for only it knows what it can import.

import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import type { Config, Environment } from '../daemon/config/config.ts';

export type MlxPython = { readonly python: string; readonly mlxVersion: string };

/** The program that `serve-mlx` runs: beside the sources, and outside dist/ in the package. */
export const LAUNCHER =
  [join(import.meta.dirname, 'serve-mlx.py'), join(import.meta.dirname, '../../cli/serve-mlx.py')].find(
    (path) => existsSync(path),
  ) ?? 'serve-mlx.py';

const ASK_MS = 20_000;
const run = promisify(execFile);

/** One sentence, with what to do, where there is none. */
export async function findMlxPython(
  { serveMlx: { python: named } }: Pick<Config, 'serveMlx'>,
  env: Environment,
): Promise<MlxPython | string> {
  for (const python of named === undefined ? onPath(env) : [named]) {
    const mlxVersion = await mlxOf(python, env);
    if (mlxVersion !== undefined) return { python, mlxVersion };
  }
  if (named !== undefined) {
    return `serveMlx.python is ${named}, but that is no Python with mlx-lm. Install it there: ${named} -m pip install mlx-lm`;
  }
  return (
    'No Python with mlx-lm was found on the PATH. Install it with: pip install mlx-lm, or name a Python that has it in ' +
    'ANYCLAUDE_MLX_PYTHON or "serveMlx": {"python": …} in config.json.'
  );
}

function onPath(env: Environment): readonly string[] {
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const first = (name: string) =>
    folders.map((folder) => join(folder, name)).filter((path) => existsSync(path));
  const scripts = first('mlx_lm.server').flatMap(interpreterOf);
  return [...new Set([...scripts, ...first('python3').slice(0, 1), ...first('python').slice(0, 1)])];
}

/** Of an entry script: in its first line or, where the path is long or has blanks, behind `exec` in its second. */
function interpreterOf(script: string): readonly string[] {
  const head = firstChars(script);
  const found =
    /^#!\s*(\/\S*python[\d.]*)\s*$/m.exec(head) ??
    /^'''exec' ["']?(\/[^"'\n]*?python[\d.]*)["']? /m.exec(head);
  return found?.[1] === undefined ? [] : [found[1]];
}

function firstChars(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(0, 1000);
  } catch {
    return '';
  }
}

async function mlxOf(python: string, env: Environment): Promise<string | undefined> {
  try {
    const { stdout } = await run(python, [LAUNCHER, '--which'], { env, timeout: ASK_MS });
    return /"mlx_lm": "([^"]+)"/.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}
