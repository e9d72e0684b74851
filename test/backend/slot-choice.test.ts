// Which slot of a llama.cpp server a side request is read in. What the server itself would choose: test/engine/pauses.test.ts.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createPlaces } from '../../backend/slot-choice.ts';
import type { Slot } from '../../backend/slots.ts';

const slot = (id: number, more: Partial<Slot> = {}): Slot => ({ id, isBusy: false, ...more });
/** Of 100 tokens and an answer of some ten. */
const MAIN = { least: 100, most: 110 };

describe('a side request', () => {
  it('is read beside the main conversation, wherever the server has put that', () => {
    for (const main of [0, 1, 2]) {
      const places = createPlaces();
      places.read('main', MAIN);
      const slots = [0, 1, 2].map((id) =>
        slot(id, id === main ? { promptTokens: 105, lastTask: 1 } : { promptTokens: 50, lastTask: 5 + id }),
      );
      assert.notEqual(places.choose('a', slots), main);
      assert.notEqual(places.choose('b', slots), main);
      assert.notEqual(places.choose('c', slots), main, 'rather a place with another one');
    }
  });

  it('keeps its slot, until a main conversation is there', () => {
    const places = createPlaces();
    const empty = [slot(0), slot(1), slot(2)];
    const first = places.choose('a', empty);
    assert.equal(places.choose('a', empty), first);
    assert.notEqual(places.choose('b', empty), first);
    assert.equal(places.choose('a', undefined), first, 'also where the server is too busy to tell');
    places.read('main', MAIN);
    const moved = empty.map((one) => (one.id === first ? { ...one, promptTokens: 103 } : one));
    assert.notEqual(places.choose('a', moved), first);
  });

  it('waits for another one rather than take what a conversation goes on with', () => {
    const places = createPlaces();
    places.read('main', MAIN);
    const main = slot(1, { promptTokens: 100, lastTask: 1 });
    assert.equal(places.choose('a', [slot(0), main]), 0);
    assert.equal(places.choose('b', [slot(0, { isBusy: true, lastTask: 2 }), main]), 0);
  });

  it('takes the conversation that rested longest where there is nothing else', () => {
    const places = createPlaces();
    places.read('one', MAIN);
    places.read('two', { least: 300, most: 300 });
    const slots = [slot(0, { promptTokens: 300, lastTask: 9 }), slot(1, { promptTokens: 110, lastTask: 4 })];
    assert.equal(places.choose('a', slots), 1);
  });
});
