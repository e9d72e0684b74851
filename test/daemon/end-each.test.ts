import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endEach } from '../../daemon/end-each.ts';

test('a part that cannot be ended does not keep those after it from ending, and is told of', async () => {
  const ended: string[] = [];
  const told: string[] = [];
  await endEach(
    [
      ['the pauses', async () => void ended.push('pauses')],
      ['the slots', async () => Promise.reject(new Error('disk full'))],
      [
        'the fleet',
        () => {
          throw new Error('no fleet');
        },
      ],
      ['the record', async () => void ended.push('record')],
    ],
    (error, part) => told.push(`${part}: ${error}`),
  );
  assert.deepEqual(ended, ['pauses', 'record']);
  assert.deepEqual(told, ['the slots: Error: disk full', 'the fleet: Error: no fleet']);
});
