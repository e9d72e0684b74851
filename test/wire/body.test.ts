import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseJson } from '../../wire/body.ts';

const read = (text: string) => parseJson(Buffer.from(text));
/** Large enough to be remembered. */
const tools = (name: string, chars = 20_000) => [
  { name, description: `"] } \\ ÄÖ ${'x'.repeat(chars)}`, input_schema: { type: 'object', tools: [1] } },
];

test('tools that were read before are the same objects again, and the rest is read anew', () => {
  const asked = (prompt: string, list: object) =>
    read(JSON.stringify({ prompt, tools: list, max: 1 })) as Body;
  const [first, other, again] = [asked('a', tools('t')), asked('b', tools('u')), asked('c', tools('t'))];
  assert.deepEqual(first, { prompt: 'a', tools: tools('t'), max: 1 });
  assert.deepEqual(other, { prompt: 'b', tools: tools('u'), max: 1 });
  assert.deepEqual(again, { prompt: 'c', tools: tools('t'), max: 1 });
  assert.equal(again.tools, first.tools);
  assert.notEqual(other.tools, first.tools);
});

type Body = { readonly tools: unknown };

test('tools that only begin like known ones are read as they are', () => {
  const known = JSON.stringify(tools('grown'));
  read(`{"tools":${known}}`);
  const longer = [...tools('grown'), { name: 'more' }];
  assert.deepEqual(read(JSON.stringify({ tools: longer })), { tools: longer });
  assert.throws(() => read(`{"tools":${known.slice(0, -1)}`), /not valid JSON/);
});

test('of two keys `tools` the last counts, however they are written', () => {
  const [a, b] = [JSON.stringify(tools('a')), JSON.stringify(tools('b'))];
  for (const body of [
    `{"tools":${a},"tools":${b}}`,
    `{"tools":${a},"tools": ${b}}`,
    `{"tools" :${a},"tools":${b}}`,
    `{"tools":${a},"tools":null}`,
    `{"x":{"tools":${b}},"tools":${a}}`,
    `{"tools":${a},"x\\"tools":${b}}`,
    `["tools",{"tools":${a}}]`,
  ])
    for (const _again of [1, 2]) assert.deepEqual(read(body), JSON.parse(body), body.replace(/x{9,}/g, '…'));
});

test('a broken body is told with its place, known tools in it or not', () => {
  const body = `{"tools":${JSON.stringify(tools('whole'))},}`;
  for (const _again of [1, 2])
    assert.throws(() => read(body), {
      message: `The request body is not valid JSON (at position ${body.length - 1}).`,
    });
});

test('with known tools in it, a body too deep is refused all the same', () => {
  const list = JSON.stringify(tools('deep'));
  read(`{"tools":${list}}`);
  assert.throws(
    () => read(`{"tools":${list},"x":${'['.repeat(200)}${']'.repeat(200)}}`),
    /nested deeper than 200/,
  );
});

test('bodies with tools come out as JSON.parse reads them', () => {
  const list = fc.oneof(fc.jsonValue(), fc.constantFrom(tools('p'), tools('q'), tools('q', 30_000)));
  const body = fc.record({ a: fc.jsonValue(), tools: list, z: fc.jsonValue() }, { requiredKeys: [] });
  fc.assert(
    fc.property(body, (value) => {
      const text = JSON.stringify(value);
      assert.deepEqual(read(text), JSON.parse(text));
    }),
  );
});
