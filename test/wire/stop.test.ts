import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createStopMatcher } from '../../wire/stop.ts';

function run(pieces: readonly string[], sequences: readonly string[]): { text: string; hit?: string } {
  const matcher = createStopMatcher(sequences);
  let text = '';
  for (const piece of pieces) {
    const stopped = matcher.push(piece);
    text += stopped.text;
    if (stopped.hit !== undefined) return { text, hit: stopped.hit };
  }
  return { text: text + matcher.flush() };
}

test('however the text is cut, the same text goes out and the same sequence is met', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '😀'), maxLength: 14 });
  const sequences = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c', '😀'), maxLength: 4 }), {
    maxLength: 3,
  });
  fc.assert(
    fc.property(letters, sequences, fc.nat(14), (text, stops, at) => {
      const whole = run([text], stops);
      assert.deepEqual(run([text.slice(0, at), text.slice(at)], stops), whole);
      assert.deepEqual(run([...text], stops), whole);
      for (const stop of stops.filter((each) => each !== '')) assert.ok(!whole.text.includes(stop));
      if (whole.hit === undefined) assert.equal(whole.text, text);
    }),
    { numRuns: 2000 },
  );
});

test('only what could begin a sequence is held back', () => {
  const matcher = createStopMatcher(['</end>', '\n\nHuman:']);
  assert.deepEqual(matcher.push('a < b </e'), { text: 'a < b ' });
  assert.deepEqual(matcher.push('x\n'), { text: '</ex' });
  assert.equal(matcher.flush(), '\n');
});
