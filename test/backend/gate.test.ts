import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { faultOf, gateOf, never } from './setup.ts';

test('requests are let through in the order in which they came', async () => {
  const gate = gateOf(1);
  const order: number[] = [];
  const first = await gate.acquire(never());
  const rest = [1, 2, 3].map(async (turn) => {
    const release = await gate.acquire(never());
    order.push(turn);
    release();
  });
  assert.equal(gate.queued, 3);
  first();
  await Promise.all(rest);
  assert.deepEqual(order, [1, 2, 3]);
  assert.equal(gate.idle, true);
});

test('who stops waiting leaves the queue at once, with the reason of the signal', async () => {
  const gate = gateOf(1);
  const release = await gate.acquire(never());
  const client = new AbortController();
  const waiting = gate.acquire(client.signal);
  const behind = gate.acquire(never());
  const reason = new Error('the client has left');
  client.abort(reason);
  assert.equal(gate.queued, 1);
  await assert.rejects(waiting, reason);
  release();
  (await behind)();
  assert.equal(gate.idle, true);
});

test('a signal that has aborted already is not let in', async () => {
  const gate = gateOf(1);
  const reason = new Error('gone');
  await assert.rejects(gate.acquire(AbortSignal.abort(reason)), reason);
  assert.equal(gate.idle, true);
});

test('the queue is bounded', async () => {
  const gate = gateOf(1, 1);
  const release = await gate.acquire(never());
  const waiting = gate.acquire(never());
  await faultOf(gate.acquire(never()), 'queue-full');
  assert.equal(gate.queued, 1);
  release();
  (await waiting)();
});

test('a place that is given back twice is given back once', async () => {
  const gate = gateOf(1);
  const release = await gate.acquire(never());
  const held = gate.acquire(never());
  release();
  release();
  const next = await held;
  assert.equal(gate.inFlight, 1);
  next();
  assert.equal(gate.inFlight, 0);
});

test('whatever happens, never more run than may, and in the end nothing runs or waits', async () => {
  const steps = fc.array(fc.record({ leave: fc.boolean(), pauses: fc.nat(3) }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 3 }), steps, async (maxConcurrent, asked) => {
      const gate = gateOf(maxConcurrent, 100);
      let running = 0;
      const use = async ({ leave, pauses }: { leave: boolean; pauses: number }) => {
        const client = new AbortController();
        const acquired = gate.acquire(client.signal);
        if (leave) client.abort(new Error('left'));
        const release = await acquired.catch(() => undefined);
        if (!release) return;
        running += 1;
        assert.ok(running <= maxConcurrent && gate.inFlight <= maxConcurrent);
        for (let pause = 0; pause < pauses; pause++) await undefined;
        running -= 1;
        release();
      };
      await Promise.all(asked.map(use));
      assert.equal(gate.idle, true);
    }),
    { numRuns: 200 },
  );
});
