import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { loadConfig } from '../../daemon/config/config.ts';
import { createEventStreams, type EventStreams } from '../../daemon/event-stream.ts';
import type { Live, LiveRequest, Watcher } from '../../daemon/live.ts';
import { startDaemon } from '../../daemon/main.ts';
import { openHome } from '../../daemon/state.ts';
import type { StatusReport } from '../../daemon/status.ts';
import { listen } from './listen.ts';

const server = createServer();
let streams: EventStreams;
let tell: Watcher | undefined;
let opened: ServerResponse[];

const live: Pick<Live, 'snapshot' | 'watch'> = {
  snapshot: () => ({ now: 0, requests: [], recent: [] }),
  watch(watcher) {
    tell = watcher;
    return () => {
      tell = undefined;
    };
  },
};

beforeEach(async () => {
  opened = [];
  streams = createEventStreams({
    live,
    status: () => ({ running: true }) as StatusReport,
    timing: { pingEveryMs: 20, stuckAfterMs: 100 },
  });
  server.removeAllListeners('request').on('request', (_request, response) => {
    opened.push(response);
    streams.open(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** A client that has read the beginning of the stream and then reads no more until it is asked to. */
async function deafClient() {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write('GET /api/events HTTP/1.1\r\nHost: h\r\n\r\n');
  let text = '';
  socket.setEncoding('utf8').on('data', (data) => {
    text += data;
  });
  while (!text.includes('event: hello')) await setImmediate();
  socket.pause();
  return { socket, text: () => text };
}

function request(requestId: string): LiveRequest {
  return { requestId, kind: 'main', requestedModel: 'm'.repeat(1000), startedAtMs: 0, phase: 'ended' };
}

/** Tells of requests until the one client has stopped taking them; resolves with the number told. */
async function tellUntilBehind(): Promise<number> {
  for (let told = 0; ; told += 100) {
    if (opened[0]?.writableNeedDrain) return told;
    assert.ok(told < 100_000, 'the client took everything');
    tell?.(Array.from({ length: 100 }, (_, i) => request(`req_${told + i}`)));
    await setImmediate();
  }
}

test('nothing is held for a listener that does not read, and one fresh picture replaces what it missed', async () => {
  streams = createEventStreams({ live, status: () => ({ running: true }) as StatusReport });
  const { socket, text } = await deafClient();
  await tellUntilBehind();
  const heldBytes = opened[0]?.writableLength ?? 0;
  for (let i = 0; i < 100; i += 1) tell?.([request(`req_missed_${i}`)]);
  assert.equal(opened[0]?.writableLength, heldBytes, 'nothing is added to what it has not read');

  socket.resume();
  while (text().lastIndexOf('event: hello') === text().indexOf('event: hello')) await setImmediate();
  assert.doesNotMatch(text(), /req_missed_/);
  tell?.([request('req_next')]);
  while (!text().includes('req_next')) await setImmediate();
  socket.destroy();
});

test('a listener that reads nothing for long is let go', async () => {
  const { socket } = await deafClient();
  await tellUntilBehind();
  const gone = new Promise((resolve) => opened[0]?.once('close', resolve));
  await gone;
  assert.equal(streams.listeners, 0);
  socket.destroy();
});

test('with nobody listening nothing is watched', async () => {
  const { socket } = await deafClient();
  assert.ok(tell);
  socket.destroy();
  while (streams.listeners > 0) await setImmediate();
  assert.equal(tell, undefined);
});

test('silence is broken by pings, so that a client can tell a quiet daemon from a lost one', async () => {
  const { socket, text } = await deafClient();
  socket.resume();
  while (!text().includes(': ping\n\n')) await setImmediate();
  socket.destroy();
});

test('an open page, even one that reads nothing, does not hold up the end of the daemon', async () => {
  const home = await mkdtemp(join(tmpdir(), 'anyclaude-events-'));
  const file = { path: 'config.json', text: JSON.stringify({ port: 0, drainMs: 600_000 }) };
  const config = loadConfig({ flags: {}, env: { HOME: home, ANYCLAUDE_HOME: home }, file });
  openHome(home);
  const daemon = await startDaemon({ config, version: '0.0.0', logStream: { write: () => {} } });
  const page = await listen(daemon.url);
  await page.until(({ event }) => event === 'hello');
  const { port, host } = new URL(daemon.url);
  const deaf = connect(Number(port), '127.0.0.1');
  deaf.write(`GET /api/events HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  await new Promise((resolve) => deaf.once('readable', resolve));
  // Ten minutes are what it would have for a stream that matters; the test would time out long before.
  await daemon.close();
  await page.ended;
  deaf.destroy();
  await rm(home, { recursive: true, force: true });
});
