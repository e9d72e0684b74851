// Puts the real Claude Code into a folder of its own under the cache: once per machine and version, and without
// running an install script. Its platform package holds a native binary, so no Node version matters to it.

import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { makeOnce, type Progress } from '../engine/once.ts';

const PACKAGE = '@anthropic-ai/claude-code';
const PINNED = '2.1.330';
const BINARY = `node_modules/${PACKAGE}-*/claude`;
const NPM_BUDGET_MS = 240_000;

export type ClaudeCode = { readonly version: string; readonly binary: string };

/** `ANYCLAUDE_E2E_VERSION` (a version or a tag such as `latest`) replaces the pinned one. Rejects in one sentence. */
export async function installClaudeCode(progress: Progress = () => {}): Promise<ClaudeCode> {
  const version = await exactVersion(process.env['ANYCLAUDE_E2E_VERSION'] || PINNED);
  const folder = join(cacheFolder(), version);
  await makeOnce({
    folder,
    proof: 'installed',
    progress,
    build: async (to) => {
      progress(`installing Claude Code ${version} (about 400 MB, once per machine)`);
      await install(version, to);
    },
  });
  return { version, binary: findBinary(folder) };
}

/** Why the tests on the real client cannot run here. In CI a missing client is an error, never a skip. */
export async function claudeCodeOr(skip: (why: string) => void): Promise<ClaudeCode | undefined> {
  try {
    return await installClaudeCode((line) => process.stderr.write(`${line}\n`));
  } catch (error) {
    if (process.env['CI'] === 'true') throw error;
    skip(`Claude Code cannot be had here: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** `ANYCLAUDE_E2E_CACHE`, else `anyclaude/claude-code` in the user's cache folder. */
function cacheFolder(): string {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return process.env['ANYCLAUDE_E2E_CACHE'] || join(cache, 'anyclaude', 'claude-code');
}

async function exactVersion(asked: string): Promise<string> {
  if (/^\d+\.\d+\.\d+$/.test(asked)) return asked;
  const version = (await npm(['view', `${PACKAGE}@${asked}`, 'version', '--loglevel=error'])).trim();
  if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`npm knows no version "${asked}" of ${PACKAGE}.`);
  return version;
}

async function install(version: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "private": true }\n');
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  await npm(['install', '--prefix', folder, ...quiet, '--save-exact', `${PACKAGE}@${version}`]);
  findBinary(folder);
  await writeFile(join(folder, 'installed'), `${version}\n`);
}

function findBinary(folder: string): string {
  const [binary] = globSync(BINARY, { cwd: folder });
  if (binary === undefined)
    throw new Error(`${PACKAGE} has no binary for ${process.platform}-${process.arch}.`);
  return join(folder, binary);
}

function npm(args: readonly string[]): Promise<string> {
  const child = spawn('npm', args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: NPM_BUDGET_MS });
  let out = '';
  let told = '';
  child.stdout.on('data', (part) => {
    out += part;
  });
  child.stderr.on('data', (part) => {
    told += part;
  });
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`npm could not be started: ${error.message}`)));
    child.once('close', (code, signal) => {
      if (code === 0) resolve(out);
      else reject(new Error(`npm ${args[0]} ended with ${signal ?? code}: ${told.trim().slice(-500)}`));
    });
  });
}
