// The live stream, kept alive: it comes back after a restart of the daemon, after a sleep of the machine and after a
// connection that died without a word, and begins each time with a fresh picture.

import { ApiError, open } from './api.js';
import { readEvents } from './sse.js';

/** @import { LiveSnapshot, LiveRequest } from '../live.ts' */
/** @import { StatusReport } from '../status.ts' */

/**
 * @typedef {object} Told
 * @property {(hello: LiveSnapshot & { status: StatusReport }) => void} hello
 * @property {(request: LiveRequest) => void} request
 * @property {(status: StatusReport) => void} status
 * @property {(state: ConnectionState) => void} state
 */

/**
 * @typedef {{ name: 'connecting' } | { name: 'open' } | { name: 'token' }
 *   | { name: 'lost', message: string, retryAtMs: number }} ConnectionState
 */

/** The daemon pings every 15 s: a stream that was silent for longer has died without a word, as in a sleep. */
const SILENT_TOO_LONG_MS = 25_000;
const LOOK_EVERY_MS = 5_000;
const LONGEST_PAUSE_MS = 15_000;

/** @param {Told} told */
export function connect(told) {
  let attempt = new AbortController();
  let lastHeardMs = 0;
  let failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let retry;
  /** @type {ConnectionState['name']} */
  let state = 'connecting';

  /** @param {ConnectionState} next */
  function become(next) {
    state = next.name;
    told.state(next);
  }

  function restart() {
    clearTimeout(retry);
    attempt.abort();
    attempt = new AbortController();
    void follow(attempt.signal);
  }

  /** @param {AbortSignal} signal */
  async function follow(signal) {
    if (state !== 'lost') become({ name: 'connecting' });
    try {
      const reply = await open('/api/events', signal);
      if (reply.body === null) throw new Error('The answer has no body');
      lastHeardMs = Date.now();
      await readEvents(reply.body, { heard, event: (event) => !signal.aborted && tell(event) });
      throw new Error('The daemon has ended the stream');
    } catch (error) {
      if (!signal.aborted) lose(error);
    }
  }

  function heard() {
    lastHeardMs = Date.now();
  }

  /** @param {import('./sse.js').ServerEvent} event */
  function tell({ name, data }) {
    const value = JSON.parse(data);
    if (name === 'hello') {
      failures = 0;
      told.hello(value);
      become({ name: 'open' });
    } else if (name === 'request') told.request(value);
    else if (name === 'status') told.status(value);
  }

  /** @param {unknown} error */
  function lose(error) {
    if (error instanceof ApiError && error.status === 403) return become({ name: 'token' });
    failures += 1;
    // Not all open pages at the same moment.
    const pauseMs = Math.min(LONGEST_PAUSE_MS, 500 * 2 ** (failures - 1)) * (0.75 + Math.random() / 2);
    retry = setTimeout(restart, pauseMs);
    const message = error instanceof ApiError ? error.message : 'anyclaude does not answer.';
    become({ name: 'lost', message, retryAtMs: Date.now() + pauseMs });
  }

  function look() {
    if (state === 'open' && Date.now() - lastHeardMs > SILENT_TOO_LONG_MS) restart();
  }

  function wake() {
    if (document.visibilityState === 'hidden') return;
    if (state === 'lost') restart();
    else look();
  }

  setInterval(look, LOOK_EVERY_MS);
  document.addEventListener('visibilitychange', wake);
  addEventListener('online', wake);
  addEventListener('pageshow', (event) => event.persisted && restart());
  restart();
  return { restart };
}
