// Several daemons on one file: each a process of its own, one of which keeps the store up meanwhile.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { statsReport } from '../../store/report.ts';
import { keepUp } from '../../store/upkeep.ts';
import { writeMany } from './many-requests.ts';
import { NOW_MS, openedStore, temporaryFolder } from './sample.ts';

const HOUR_MS = 3_600_000;
const EACH = 60;

/** Resolves with what it says of itself once it has written everything. */
async function writerOf(t: TestContext, path: string, name: string) {
  const script = fileURLToPath(import.meta.resolve('./fellow-daemon.ts'));
  const child = spawn(process.execPath, [script, path, name, String(EACH)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  await once(child, 'close');
  return JSON.parse(printed) as { readonly written: number; readonly dropped: number };
}

test('two daemons write while a third rolls up and prunes: no record is lost, none is counted twice', async (t) => {
  const path = join(temporaryFolder(t), 'anyclaude.db');
  const store = await openedStore(t, path);
  const range = { sinceMs: NOW_MS - 32 * HOUR_MS, untilMs: NOW_MS };
  await writeMany(store, { count: 200, fromMs: range.sinceMs, untilMs: NOW_MS });
  const written = Promise.all([writerOf(t, path, 'one'), writerOf(t, path, 'two')]);
  let isWriting = true;
  const done = written.finally(() => {
    isWriting = false;
  });
  const retention = { requestDays: 1, rollupDays: 730 };
  let pruned = 0;
  while (isWriting) pruned += (await keepUp(store.db, { nowMs: NOW_MS, retention })).prunedHours;
  assert.deepEqual(await done, [
    { written: EACH, dropped: 0 },
    { written: EACH, dropped: 0 },
  ]);
  assert.ok(pruned > 5, String(pruned));
  for (const when of ['before the last upkeep', 'after it']) {
    const { totals } = await statsReport(store.db, range, 'route', { exactUpTo: 0 });
    assert.equal(totals.requests, 200 + 2 * EACH, when);
    await keepUp(store.db, { nowMs: NOW_MS, retention });
  }
});
