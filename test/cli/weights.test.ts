// Weights that do not fit, in a copy of the program: nothing but its own file can bring them in.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { it } from 'node:test';
import { freePort, newPlace } from './anyclaude.ts';

const ROOT = join(import.meta.dirname, '../..');
const FOLDERS = ['wire', 'router', 'backend', 'store', 'migrations', 'daemon', 'cli'];
const WHY = /The classifier's weights were trained for features 0-\S+, .* the fixed rules decide instead/;

it('weights that do not fit are refused in status, metric and log, and the fixed rules decide', async () => {
  const place = newPlace({ ANYCLAUDE_PORT: String(await freePort()) });
  const tree = join(dirname(place.home), 'program');
  try {
    copyProgram(tree);
    const args = [join(tree, 'cli', 'main.ts'), 'start', '--foreground'];
    const daemon = spawn(process.execPath, args, { env: place.env });
    let said = '';
    const url = await new Promise<string>((resolve, reject) => {
      const hear = (chunk: Buffer) => {
        said += chunk;
        const found = /listens at (http:\S+)/.exec(said)?.[1];
        if (found !== undefined) resolve(found);
      };
      daemon.stdout.on('data', hear);
      daemon.stderr.on('data', hear);
      daemon.once('exit', () => reject(new Error(said)));
    });
    try {
      const status = await (await fetch(`${url}/status`)).json();
      assert.match(JSON.stringify((status as { readonly notes: readonly string[] }).notes), WHY);
      const metrics = await (await fetch(`${url}/metrics`)).text();
      assert.match(metrics, /^anyclaude_classifier_fallback 1$/m);
    } finally {
      daemon.kill('SIGTERM');
      await once(daemon, 'close');
    }
    assert.match(said, WHY, 'the log, which a daemon in the foreground shows');
  } finally {
    place.remove();
  }
});

function copyProgram(tree: string): void {
  mkdirSync(tree);
  for (const folder of FOLDERS) cpSync(join(ROOT, folder), join(tree, folder), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(tree, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'));
  const file = join(tree, 'router', 'classifier-weights.ts');
  const text = readFileSync(file, 'utf8');
  rmSync(file);
  writeFileSync(file, text.replace('"features":"1-', '"features":"0-'));
}
