import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireError } from '../../wire/error.ts';
import { createSseReader, type SseEvent } from '../../wire/sse.ts';
import { CHAT_STREAMS, everyCut } from './streams.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const eventsOf = (slices: Iterable<Uint8Array>): SseEvent[] => {
  const reader = createSseReader();
  return [...slices].flatMap((slice) => [...reader.push(slice)]);
};

const MIXED = [
  '\uFEFFdata: first\n\n',
  ': a comment 漢\n\n',
  'event: error\ndata: one\ndata:two é😀\n\n',
  'id: 7\nretry: 10\nunknown: x\nnonsense\n\n',
  'data\n\n',
  'data: last, never closed\n',
].join('');

test('events are the same wherever the bytes are cut, with LF, CRLF and lone CR', () => {
  for (const ending of ['\n', '\r\n', '\r']) {
    const stream = MIXED.replaceAll('\n', ending);
    const expected: SseEvent[] = [
      { kind: 'event', data: 'first' },
      { kind: 'comment', text: 'a comment 漢' },
      { kind: 'event', event: 'error', data: 'one\ntwo é😀' },
      { kind: 'event', data: '' },
    ];
    for (const cut of everyCut(stream)) assert.deepEqual(eventsOf(cut), expected);
  }
});

test('any cutting of a real stream gives the events of the whole', () => {
  for (const stream of Object.values(CHAT_STREAMS)) {
    const bytes = bytesOf(stream);
    const whole = eventsOf([bytes]);
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 30 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const slices = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
        assert.deepEqual(eventsOf(slices), whole);
      }),
      { numRuns: 60 },
    );
  }
});

test('bytes that are no UTF-8 become replacement characters and do not end the stream', () => {
  const bytes = Uint8Array.from([...bytesOf('data: a'), 0xff, ...bytesOf('b\n\ndata: c\n\n')]);
  assert.deepEqual(eventsOf([bytes]), [
    { kind: 'event', data: 'a\uFFFDb' },
    { kind: 'event', data: 'c' },
  ]);
});

test('an event over the bound is refused, in one piece and in many', () => {
  const stream = `data: ${'x'.repeat(200)}\n\n`;
  const tooLarge = (error: unknown): boolean =>
    error instanceof WireError && /more than 100/.test(error.message);
  for (const size of [1, 7, stream.length]) {
    const reader = createSseReader({ maxEventChars: 100 });
    const bytes = bytesOf(stream);
    assert.throws(() => {
      for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
    }, tooLarge);
  }
  const many = createSseReader({ maxEventChars: 100 });
  assert.throws(() => many.push(bytesOf(`data: ${'y'.repeat(40)}\n`.repeat(5))), tooLarge);
  assert.equal(createSseReader({ maxEventChars: 200 }).push(bytesOf(stream)).length, 1);
});
