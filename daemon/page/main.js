// The page's one composition root: the live stream tells what happens, the record is asked for what happened.

import { hasToken, keepToken } from './api.js';
import { createBackendView } from './backends.js';
import { connect } from './connection.js';
import { byId, el, fill, write } from './dom.js';
import { createExplanation } from './explanation.js';
import { exactTime, moment } from './format.js';
import { createHistoryView } from './history.js';
import { createLiveView } from './live.js';
import { createPeriodView } from './period.js';
import { showWelcome } from './welcome.js';

/** @import { StatusReport } from '../status.ts' */
/** @import { ConnectionState } from './connection.js' */

const RECORDED_AFTER_MS = 400;

const live = createLiveView();
const backends = createBackendView();
const period = createPeriodView();
const explanation = createExplanation({
  liveOf: live.find,
  showSession(session) {
    history.filterBy('session', session);
    byId('history-title').focus();
  },
});
const history = createHistoryView({ loaded: (isNew) => showWelcome(isNew && !hasSeenRequest) });
let hasSeenRequest = false;
/** @type {string | undefined} */
let firstVersion;
/** @type {StatusReport | undefined} */
let status;
let lostSinceMs = 0;

const connection = connect({
  hello(hello) {
    live.reset(hello.requests, hello.now);
    document.body.dataset['seen'] = '';
    hasSeenRequest ||= hello.requests.length > 0;
    showStatus(hello.status);
    void history.load();
    void period.load();
    void explanation.begin();
  },
  request(request) {
    hasSeenRequest = true;
    showWelcome(false);
    const isNew = live.update(request) === 'new';
    const hasEnded = request.phase === 'ended';
    // The record is written a moment after the beginning, and after the end.
    if (isNew && !hasEnded) setTimeout(history.refresh, RECORDED_AFTER_MS);
    if (!hasEnded) return;
    setTimeout(() => {
      history.refresh();
      explanation.changed(request.requestId);
      period.soon();
    }, RECORDED_AFTER_MS);
  },
  status: showStatus,
  state: showConnection,
});

/** @param {StatusReport} next */
function showStatus(next) {
  status = next;
  firstVersion ??= next.version;
  backends.show(next.backends, live.now());
  write(byId('keeper'), keeperOf(next.keeper));
  history.offerBackends([...next.backends.map(({ name }) => name), 'claude', 'daemon']);
  const facts = [
    ['mode', next.mode],
    ['version', next.version],
    ['since', moment(live.now() - next.uptimeS * 1000, live.now())],
  ];
  fill(
    byId('daemon-facts'),
    facts.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))),
  );
  const notes = notesOf(next);
  byId('notes').hidden = notes.length === 0;
  fill(
    byId('notes'),
    notes.map((note) => el('li', {}, note)),
  );
}

/** What is done while nobody waits. @param {StatusReport['keeper'] | undefined} keeper */
function keeperOf(keeper) {
  if (keeper === undefined) return '';
  const what = { off: 'nothing is prefilled', idle: 'ready', running: 'now' }[keeper.state];
  return `In pauses: ${what}, ${keeper.detail}`;
}

/** @param {StatusReport} status */
function notesOf({ version, notes, backends: all }) {
  const allDown = all.length > 0 && all.every(({ state }) => state === 'down');
  return [
    ...(allDown ? ['No backend is there: requests are refused until one is.'] : []),
    ...(version === firstVersion ? [] : [`anyclaude is now version ${version}: reload this page.`]),
    ...notes,
  ];
}

/** @param {ConnectionState} state */
function showConnection(state) {
  document.body.dataset['connection'] = state.name;
  const banner = byId('banner');
  byId('token-form').hidden = state.name !== 'token';
  banner.hidden = state.name !== 'lost';
  if (state.name === 'open') lostSinceMs = 0;
  if (state.name === 'open') write(byId('daemon-state'), status?.draining ? 'shutting down' : 'running');
  if (state.name === 'connecting') write(byId('daemon-state'), 'Connecting …');
  if (state.name === 'token') askForToken();
  if (state.name === 'lost') showLoss(state.message);
}

/** @param {string} message */
function showLoss(message) {
  live.freeze();
  lostSinceMs ||= Date.now();
  write(byId('daemon-state'), 'not reached');
  const last = status === undefined ? '' : ` What you see is from ${exactTime(lostSinceMs).slice(11)}.`;
  const again = el('button', { type: 'button' }, 'Try now');
  again.addEventListener('click', () => connection.restart());
  const banner = byId('banner');
  const text = `${message}${last} It is tried again and again; anyclaude start starts it.`;
  if (banner.firstChild?.textContent === text) return;
  fill(banner, [el('span', {}, text), again]);
}

function askForToken() {
  write(byId('daemon-state'), 'asks for its token');
  write(byId('token-problem'), hasToken() ? 'That is not its token.' : '');
  byId('token').focus();
}

byId('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const field = /** @type {HTMLInputElement} */ (byId('token'));
  keepToken(field.value.trim());
  field.value = '';
  connection.restart();
});
