// Lines are gathered before they are written: none may be lost on the way out, and nobody has to read them.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';

const log = JSON.stringify(join(import.meta.dirname, '../../daemon/log.ts'));

function run(program: string) {
  const source = `import { createLog } from ${log}; const log = createLog('info'); ${program}`;
  return spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

const lines = (output: string) => output.trim().split('\n');

test('a process that ends at once has written every line', async () => {
  const child = run(`for (let at = 0; at < 500; at += 1) log.info({ at }, 'line'); process.exit(0);`);
  const written = lines(await text(child.stdout));
  assert.equal(written.length, 500);
  assert.equal(JSON.parse(written.at(-1) ?? '').at, 499);
});

test('a line comes while the process goes on', async () => {
  const child = run(`log.info('first'); setTimeout(() => {}, 60_000);`);
  const [part] = await once(child.stdout, 'data');
  assert.match(String(part), /"first"/);
  child.kill();
});

test('a reader that has gone ends nothing', async () => {
  const child = run(
    `log.info('first'); setInterval(() => log.info('more'), 5); setTimeout(() => process.exit(7), 400);`,
  );
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const [code] = await once(child, 'exit');
  assert.equal(code, 7, await text(child.stderr));
});
