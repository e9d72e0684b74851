#!/usr/bin/env node
// `npm start` and `npm test` begin here, on whatever Node the machine has (20 or newer) and before anything is
// installed: so this file is plain JavaScript without a dependency. It installs what is missing and goes on
// under the project's own Node 24.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const ownNode = join(root, 'node_modules', 'node', 'bin', 'node');
/** What makes `node` mean Node 24 in every npm script. */
const linkedNode = join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'node.cmd' : 'node');
const installed = join(root, 'node_modules', '.package-lock.json');

const [command, ...rest] = process.argv.slice(2);
if (command !== 'start' && command !== 'test' && command !== 'install') {
  fail(`bootstrap.mjs takes start, test or install, not ${command ?? 'nothing'}.`);
}
install();
if (command === 'start') run(['scripts/start.ts', ...rest]);
if (command === 'test') run(['--test', '--test-timeout=600000', ...(rest.length > 0 ? rest : testFiles())]);

function install() {
  if (isInstalled()) return;
  note('Installing the packages of package-lock.json (once) …');
  // No install script runs but the one that package.json allows by name: it puts Node 24 in place.
  npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
  note('Installing Node 24 beside them …');
  npm(['rebuild', 'node', '--ignore-scripts=false', '--loglevel=error']);
  if (!hasNode()) fail('The package node@24 brought no binary for this machine.');
}

/** npm writes its own copy of the lockfile at the end of an install. */
function isInstalled() {
  if (!hasNode() || !existsSync(installed)) return false;
  return statSync(installed).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs;
}

function hasNode() {
  return existsSync(ownNode) && existsSync(linkedNode);
}

function testFiles() {
  const below = (folder) =>
    readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return below(path);
      return entry.name.endsWith('.test.ts') ? [path] : [];
    });
  return below('test').sort();
}

function npm(args) {
  exec(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, root);
}

function exec(file, args, cwd) {
  const { status, error } = spawnSync(file, args, { cwd, stdio: ['ignore', 2, 2] });
  if (status !== 0) fail(`${file} ${args[0]} failed${error ? `: ${error.message}` : ''}.`);
}

/** Signals go to the child alone: it has things to end in order. npm hands no SIGTERM on, it only ends. */
function run(args) {
  const child = spawn(ownNode, args, { cwd: root, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  const parent = process.ppid;
  const orphaned = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(orphaned);
    child.kill('SIGTERM');
  }, 500);
  orphaned.unref();
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143);
  });
}

function note(line) {
  process.stderr.write(`${line}\n`);
}

function fail(line) {
  note(line);
  process.exit(1);
}
