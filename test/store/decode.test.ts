// One definition of the speed of writing, in TypeScript and in SQL.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeOf, decodeOfOutcome, tokensPerSecond } from '../../router/decode.ts';
import type { Ending } from '../../router/outcome.ts';
import { requestHistory } from '../../store/history.ts';
import { statsReport } from '../../store/report.ts';
import { toEnded } from '../../store/row.ts';
import { readSessionLine } from '../../store/session-line.ts';
import { writeRecords } from '../../store/write.ts';
import { freshStore, NOW_MS, outcome } from './sample.ts';

const ENDINGS: readonly Ending[] = [
  { result: 'completed' },
  { result: 'cancelled', phase: 'mid-stream' },
  { result: 'failed', phase: 'mid-stream', fault: 'reset' },
];
const answers = fc.record(
  {
    outputTokens: fc.integer({ min: 0, max: 5 }),
    firstTokenMs: fc.integer({ min: 0, max: 120 }),
    durationMs: fc.integer({ min: 120, max: 170 }),
    ending: fc.constantFrom(...ENDINGS),
  },
  { requiredKeys: ['durationMs', 'ending'] },
);

test('the speed of an answer is the same in stats, the status line and the history', async (t) => {
  const drawn = fc.sample(answers, { numRuns: 300, seed: 6 });
  const store = await freshStore(t);
  const outcomes = drawn.map((changes, at) => {
    const {
      outputTokens: _o,
      firstTokenMs: _f,
      agentId: _a,
      ...rest
    } = outcome(`r-${at}`, { sessionId: `s-${at}` });
    return { ...rest, ...changes };
  });
  await writeRecords(
    store.db,
    outcomes.map((each) => toEnded(each, 'd-1')),
  );
  const range = { sinceMs: NOW_MS, untilMs: NOW_MS };
  const { rows } = await statsReport(store.db, range, 'session');
  const inStats = new Map(rows.map(({ session, outputTokensPerS }) => [session, outputTokensPerS]));
  const history = await requestHistory(store.db, { limit: 300 });
  const inHistory = new Map(history.rows.map((row) => [row.session, row]));
  let known = 0;
  for (const each of outcomes) {
    const { sessionId = '' } = each;
    const decode = decodeOfOutcome(each);
    const speed = decode === undefined ? null : tokensPerSecond(decode);
    known += Number(speed !== null);
    assert.equal(inStats.get(sessionId), speed);
    const line = await readSessionLine(store.path, sessionId);
    assert.equal(line?.outputTokensPerS, speed);
    const row = inHistory.get(sessionId);
    assert.deepEqual(row && decodeOf(row), decode);
  }
  assert.ok(known > 20 && known < 280, `${known} speeds`);
});
