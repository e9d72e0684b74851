import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createTally } from '../../daemon/tally.ts';

const call = {
  type: 'content_block_start',
  index: 0,
  content_block: { type: 'tool_use', id: 'toolu_1', name: 'Read', input: {} },
} as const;

it('a tool call that comes whole was begun when the prompt had been read', () => {
  const tally = createTally();
  tally.see({ type: 'progress', processed: 3010, total: 3011 }, 1500);
  tally.see({ type: 'progress', processed: 3011, total: 3011 }, 1510);
  tally.see({ type: 'alive', generating: true }, 2400);
  tally.see(call, 2410);
  assert.deepEqual([tally.firstTokenAtMs, tally.firstContentAtMs], [1510, 2410]);
});

it('a tool call in fragments was begun with the first of them, where nothing tells of the prompt', () => {
  const tally = createTally();
  tally.see({ type: 'alive', generating: true }, 700);
  tally.see({ type: 'alive', generating: true }, 900);
  tally.see(call, 910);
  assert.equal(tally.firstTokenAtMs, 700);
});
