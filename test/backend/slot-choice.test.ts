// Which slot of a llama.cpp server a side request is read in. What the server itself would choose: test/engine/pauses.test.ts.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createPlaces } from '../../backend/slot-choice.ts';
import type { Slot } from '../../backend/slots.ts';

const slot = (id: number, more: Partial<Slot> = {}): Slot => ({ id, isBusy: false, ...more });
const side = (name: string) => ({ name, part: 'side' }) as const;
const ahead = (name: string) => ({ name, part: 'ahead' }) as const;
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
      assert.notEqual(places.choose(side('a'), slots), main);
      assert.notEqual(places.choose(side('b'), slots), main);
      assert.notEqual(places.choose(side('c'), slots), main, 'rather a place with another one');
    }
  });

  it('keeps its slot, until a main conversation is there', () => {
    const places = createPlaces();
    const empty = [slot(0), slot(1), slot(2)];
    const first = places.choose(side('a'), empty);
    assert.equal(places.choose(side('a'), empty), first);
    assert.notEqual(places.choose(side('b'), empty), first);
    assert.equal(places.choose(side('a'), undefined), first, 'also where the server is too busy to tell');
    places.read('main', MAIN);
    const moved = empty.map((one) => (one.id === first ? { ...one, promptTokens: 103 } : one));
    assert.notEqual(places.choose(side('a'), moved), first);
  });

  it('waits for another one rather than take what a conversation goes on with', () => {
    const places = createPlaces();
    places.read('main', MAIN);
    const main = slot(1, { promptTokens: 100, lastTask: 1 });
    assert.equal(places.choose(side('a'), [slot(0), main]), 0);
    assert.equal(places.choose(side('b'), [slot(0, { isBusy: true, lastTask: 2 }), main]), 0);
  });

  it('takes the conversation that rested longest where there is nothing else', () => {
    const places = createPlaces();
    places.read('one', MAIN);
    places.read('two', { least: 300, most: 300 });
    const slots = [slot(0, { promptTokens: 300, lastTask: 9 }), slot(1, { promptTokens: 110, lastTask: 4 })];
    assert.equal(places.choose(side('a'), slots), 1);
  });
});

describe('a prompt that is read ahead', () => {
  it('goes where its own conversation is', () => {
    const places = createPlaces();
    places.read('main', MAIN);
    assert.equal(places.choose(ahead('main'), [slot(0), slot(1, { promptTokens: 104 })]), 1);
  });

  it('is kept beside the other conversations, step by step in the same slot', () => {
    const places = createPlaces();
    places.read('other', MAIN);
    const other = slot(1, { promptTokens: 104, lastTask: 1 });
    assert.equal(places.choose(ahead('main'), [slot(0), other]), 0);
    places.read('main', { least: 60, most: 61 });
    assert.equal(places.choose(ahead('main'), [slot(0, { promptTokens: 60, lastTask: 2 }), other]), 0);
    assert.equal(
      places.choose(side('a'), [slot(0, { promptTokens: 60, lastTask: 2 }), other]),
      1,
      'both are mains',
    );
  });
});
