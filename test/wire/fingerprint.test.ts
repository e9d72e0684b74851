import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Segment, segments } from '../../wire/fingerprint.ts';
import { normalise } from '../../wire/normalise.ts';
import { parseRequest } from '../../wire/parse.ts';
import { type RequestBody, Session } from '../fixture/session.ts';

test('the chain holds the system prompt, the tools, the parts of the opening and then message after message', () => {
  const chain = chainOf(new Session().answer().ask('More?').body());
  assert.deepEqual(
    chain.map(({ kind }) => kind),
    ['system', 'tools', ...Array.from({ length: 5 + 2 }, () => 'message')],
  );
  for (const { hash } of chain) assert.match(hash, /^[0-9a-f]{32}$/);
  assert.equal(new Set(chain.map(({ hash }) => hash)).size, chain.length);
});

test('a change breaks the chain at its place and behind it, not before', () => {
  const sent = new Session().answer().ask('More?').body();
  const chain = chainOf(sent);
  const changes: readonly (readonly [number, (body: RequestBody) => void])[] = [
    [0, (body) => body.system?.push({ type: 'text', text: 'More rules.' })],
    [1, (body) => body.tools?.pop()],
    [7, (body) => body.messages.splice(1, 0, { role: 'user', content: 'Quick.' })],
    [8, (body) => body.messages.push({ role: 'user', content: 'Quick.' })],
  ];
  for (const [place, change] of changes) {
    const body = structuredClone(sent);
    change(body);
    const changed = new Set(chainOf(body).map(({ hash }) => hash));
    const kept = chain.map(({ hash }) => changed.has(hash));
    assert.deepEqual(
      kept,
      chain.map((_, at) => at < place),
    );
  }
});

test('another image is another prompt, though its text is the same', () => {
  const [one, same, other] = ['AAAA', 'AAAA', 'BBBB'].map((data) =>
    chainOf(new Session().answer().showImage(data, 'Look.').body()),
  );
  assert.deepEqual(one, same);
  assert.notEqual(one?.at(-1)?.hash, other?.at(-1)?.hash);
  assert.equal(one?.at(-1)?.text, other?.at(-1)?.text);
});

test('the same words in another role, or from another tool, are another prompt', () => {
  const last = (message: RequestBody['messages'][number]) => {
    return chainOf({ model: 'm', messages: [{ role: 'user', content: 'Go' }, message] }).at(-1)?.hash;
  };
  const call = (name: string) => ({ type: 'tool_use', id: 'a', name, input: {} });
  const hashes = [
    last({ role: 'user', content: 'Yes.' }),
    last({ role: 'assistant', content: 'Yes.' }),
    last({ role: 'assistant', content: [call('Read')] }),
    last({ role: 'assistant', content: [call('Edit')] }),
  ];
  assert.equal(new Set(hashes).size, hashes.length);
});

function chainOf(body: RequestBody): readonly Segment[] {
  return segments(normalise(parseRequest(body)));
}
