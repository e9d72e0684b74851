import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Backend, BackendStatus } from '../../backend/backend.ts';
import { createFleet, type Fleet, type Member } from '../../daemon/fleet.ts';

type Bench = {
  readonly fleet: Fleet;
  seen: BackendStatus;
  probes: number;
  proofs: number;
  canProve: boolean;
  nowMs: number;
  /** How long a probe takes. */
  tookMs: number;
  /** What is seen from the next probe on. */
  next: BackendStatus | undefined;
  readonly gate: { idle: boolean; inFlight: number; queued: number };
};

function bench(seen: BackendStatus = { state: 'up' }, more: object = {}): Bench {
  const state = {
    seen,
    probes: 0,
    proofs: 0,
    canProve: true,
    nowMs: 1_000_000,
    tookMs: 1,
    next: undefined as BackendStatus | undefined,
    gate: { idle: true, inFlight: 0, queued: 0 },
  };
  const member: Member = {
    name: 'a',
    config: {
      url: 'http://127.0.0.1:1',
      dialect: 'auto',
      maxConcurrent: 1,
      queueLength: 1,
      ...more,
    } as Member['config'],
    backend: { name: 'a', close: async () => {} } as unknown as Backend,
    gate: state.gate,
    probe: async () => {
      state.probes += 1;
      state.nowMs += state.tookMs;
      const { seen } = state;
      if (state.next !== undefined) state.seen = state.next;
      return seen;
    },
    proveAlive: async () => {
      state.proofs += 1;
      if (!state.canProve) throw new Error('no token came');
    },
    model: () => 'm',
  };
  return Object.assign(state, { fleet: createFleet([member], () => state.nowMs) });
}

test('nothing is known of a backend before it was asked', () => {
  assert.deepEqual(bench().fleet.status('a'), { state: 'unknown' });
});

test('a window from the settings counts until the server tells its own', async () => {
  const b = bench(
    { state: 'up', contextWindow: 8192, contextWindowSource: 'server' },
    { contextWindow: 4096 },
  );
  assert.equal(b.fleet.status('a').contextWindow, 4096);
  assert.equal(b.fleet.status('a').contextWindowSource, 'setting');
  await b.fleet.probeIdle();
  assert.equal(b.fleet.status('a').contextWindow, 8192);
});

test('a refused connection takes a backend down at once, and a probe a second later brings it back', async () => {
  const b = bench();
  b.fleet.failed('a', 'connect', 'refused');
  assert.equal(b.fleet.status('a').state, 'down');
  await b.fleet.recheckDown();
  assert.equal(b.probes, 0, 'it was asked less than a second ago');
  b.nowMs += 1_001;
  await b.fleet.recheckDown();
  assert.equal(b.fleet.status('a').state, 'up');
});

test('a request that is wrong or too large says nothing of the backend', () => {
  const b = bench();
  for (const fault of ['overflow', 'rejected', 'bad-tool-call', 'queue-full'] as const) {
    for (let i = 0; i < 10; i += 1) b.fleet.failed('a', fault, 'x');
  }
  assert.deepEqual(b.fleet.status('a'), { state: 'unknown' });
});

test('a backend whose generation died is believed again only after it generated a token', async () => {
  const b = bench();
  b.fleet.failed('a', 'dead', 'generation thread died');
  b.canProve = false;
  await b.fleet.probeIdle();
  assert.equal(b.fleet.status('a').state, 'down');
  assert.equal(b.fleet.status('a').lastError, 'no token came');
  b.canProve = true;
  await b.fleet.probeIdle();
  assert.equal(b.fleet.status('a').state, 'up');
  assert.equal(b.proofs, 2);
  await b.fleet.probeIdle();
  assert.equal(b.proofs, 2, 'once proved, a plain probe is enough');
});

test('three broken streams in a row are not believed to be chance; a success in between is', () => {
  const b = bench();
  b.fleet.failed('a', 'reset', 'x');
  b.fleet.failed('a', 'truncated', 'x');
  b.fleet.succeeded('a');
  b.fleet.failed('a', 'reset', 'x');
  b.fleet.failed('a', 'reset', 'x');
  assert.notEqual(b.fleet.status('a').state, 'down');
  b.fleet.failed('a', 'empty', 'x');
  assert.equal(b.fleet.status('a').state, 'down');
});

test('a backend that was up is asked a second time before its silence counts', async () => {
  const b = bench();
  await b.fleet.probeIdle();
  const probes = b.probes;
  b.seen = { state: 'down', lastError: 'It gave no answer.' };
  b.tookMs = 1500;
  b.next = { state: 'up' };
  await b.fleet.probeIdle();
  assert.deepEqual([b.fleet.status('a').state, b.probes - probes], ['up', 2]);
  b.seen = { state: 'down', lastError: 'It gave no answer.' };
  b.next = undefined;
  await b.fleet.probeIdle();
  assert.deepEqual([b.fleet.status('a').state, b.probes - probes], ['down', 4]);
});

test('a refusal is believed at once', async () => {
  const b = bench();
  await b.fleet.probeIdle();
  const probes = b.probes;
  b.seen = { state: 'down', lastError: 'Nothing answers there.' };
  await b.fleet.probeIdle();
  assert.deepEqual([b.fleet.status('a').state, b.probes - probes], ['down', 1]);
});

test('a busy backend is not probed, and one too busy to answer a probe is not down', async () => {
  const b = bench();
  await b.fleet.probeIdle();
  b.gate.idle = false;
  await b.fleet.probeIdle();
  assert.equal(b.probes, 1);

  b.gate.idle = true;
  b.gate.inFlight = 1; // a request has come in while the probe was under way
  b.seen = { state: 'down', lastError: 'no answer in time' };
  await b.fleet.probeIdle();
  assert.equal(b.fleet.status('a').state, 'up');
});

test('a completed request counts as proof for a minute, then an idle backend is asked for one token', async () => {
  const b = bench();
  await b.fleet.probeIdle();
  b.fleet.succeeded('a');
  assert.equal(await b.fleet.ready(), true);
  assert.equal(b.proofs, 0);
  b.nowMs += 60_001;
  assert.equal(await b.fleet.ready(), true);
  assert.equal(b.proofs, 1);
  b.nowMs += 60_001;
  b.gate.idle = false;
  assert.equal(await b.fleet.ready(), false, 'a busy backend is not asked');
  assert.equal(b.proofs, 1);
});
