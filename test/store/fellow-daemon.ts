// A daemon's recorder in a process of its own: writes requests of the last days, the old ones late, and says how it went.

import { setTimeout as delay } from 'node:timers/promises';
import { openDatabase } from '../../store/database.ts';
import { createRecorder } from '../../store/recorder.ts';
import { NOW_MS, outcome } from './sample.ts';

const [, , path = '', name = '', count = '0'] = process.argv;
const HOUR_MS = 3_600_000;
const recorder = createRecorder({
  open: () => openDatabase({ path, mode: 'write', nowMs: NOW_MS }),
  daemon: { daemonId: name, pid: process.pid, startedAtMs: NOW_MS, version: '0.0.0' },
  clock: () => NOW_MS,
  flushAfterMs: 5,
  closeWithinMs: 60_000,
});

for (let n = 0; n < Number(count); n += 1) {
  const startedAtMs = NOW_MS - 1 - (n % 30) * HOUR_MS;
  recorder.begin({ requestId: `${name}-${n}`, startedAtMs });
  await delay(2);
  recorder.end(outcome(`${name}-${n}`, { startedAtMs }));
}
await recorder.close();
const { written, dropped } = recorder.health;
process.stdout.write(JSON.stringify({ written, dropped }));
