// A daemon's recorder in a process of its own: prints each request id once it is written, until it is killed.

import { openDatabase } from '../../store/database.ts';
import { createRecorder } from '../../store/recorder.ts';
import { NOW_MS, outcome } from './sample.ts';

const path = process.argv[2] ?? '';
const recorder = createRecorder({
  open: () => openDatabase({ path, mode: 'write', nowMs: NOW_MS }),
  daemon: { daemonId: 'killed', pid: process.pid, startedAtMs: NOW_MS, version: '0.0.0' },
  clock: () => NOW_MS,
});

recorder.begin({ requestId: 'in-flight', startedAtMs: NOW_MS });
for (let n = 0; n < 5_000; n += 1) {
  recorder.begin({ requestId: `r-${n}`, startedAtMs: NOW_MS });
  recorder.end(outcome(`r-${n}`));
  await recorder.flush();
  process.stdout.write(`r-${n}\n`);
}
