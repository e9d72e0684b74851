import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createPrefixFlights } from '../../backend/prefix-flights.ts';

const never = new AbortController().signal;

/** Whether it has happened once everything that is due has been done. */
async function hasSettled(promise: Promise<unknown>): Promise<boolean> {
  return Promise.race([
    promise.then(() => true),
    new Promise<false>((resolve) => setImmediate(resolve, false)),
  ]);
}

describe('two cold requests that begin alike', () => {
  it('are read one after the other, and those that waited together all at once', async () => {
    const flights = createPrefixFlights();
    const read = await flights.enter('front', never);
    const second = flights.enter('front', never);
    const third = flights.enter('front', never);
    assert.equal(await hasSettled(second), false);
    read();
    assert.equal(await hasSettled(Promise.all([second, third])), true);
  });

  it('do not wait for one that begins otherwise, nor for one that has been read', async () => {
    const flights = createPrefixFlights();
    const read = await flights.enter('front', never);
    assert.equal(await hasSettled(flights.enter('another', never)), true);
    read();
    read();
    assert.equal(await hasSettled(flights.enter('front', never)), true);
  });

  it('wait no longer than their client, and no longer than they have patience', async () => {
    const flights = createPrefixFlights({ patienceMs: 5 });
    await flights.enter('front', never);
    const client = new AbortController();
    const reason = new Error('left');
    const second = flights.enter('front', client.signal);
    client.abort(reason);
    await assert.rejects(second, reason);
    await assert.rejects(flights.enter('front', AbortSignal.abort(reason)), reason);
    await flights.enter('front', never);
  });

  it('go on at once where too many wait already', async () => {
    const flights = createPrefixFlights({ maxWaiting: 1 });
    const read = await flights.enter('front', never);
    const second = flights.enter('front', never);
    assert.equal(await hasSettled(flights.enter('front', never)), true);
    assert.equal(await hasSettled(second), false);
    // Its patience would hold the process for minutes.
    read();
    await second;
  });
});
