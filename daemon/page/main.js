// The page's one composition root: the live stream tells what happens, the record is asked for what happened.

import { getJson, hasToken, keepToken } from './api.js';
import { createBackendView } from './backends.js';
import { createCharts } from './charts.js';
import { connect } from './connection.js';
import { byId, el, fill, write } from './dom.js';
import { createExplanation } from './explanation.js';
import { showFigures } from './figures.js';
import { exactTime, span } from './format.js';
import { createHistoryView } from './history.js';
import { createLiveView } from './live.js';
import { showWelcome } from './welcome.js';

/** @import { StatusReport } from '../status.ts' */
/** @import { ConnectionState } from './connection.js' */

/** How often the figures of a period are asked for anew, at most, while requests end. */
const REFRESH_MS = { '1h': 5_000, '24h': 15_000, '7d': 60_000, '30d': 120_000 };
/** @typedef {keyof typeof REFRESH_MS} Period */

const live = createLiveView();
const backends = createBackendView();
const charts = createCharts();
const explanation = createExplanation();
const history = createHistoryView({ loaded: (isNew) => showWelcome(isNew && !hasSeenRequest) });
let hasSeenRequest = false;
/** @type {string | undefined} */
let firstVersion;
/** @type {StatusReport | undefined} */
let status;
let lostSinceMs = 0;

// ---- What happens --------------------------------------------------------------------------------------

const connection = connect({
  hello(hello) {
    live.reset(hello.requests, hello.now);
    hasSeenRequest ||= hello.requests.length > 0;
    showStatus(hello.status);
    void history.load();
    void figures.load();
  },
  request(request) {
    hasSeenRequest = true;
    showWelcome(false);
    live.update(request);
    if (request.phase !== 'ended') return;
    // The record is written a moment after the end.
    setTimeout(() => {
      history.refresh();
      explanation.ended(request.requestId);
      figures.soon();
    }, 400);
  },
  status: showStatus,
  state: showConnection,
});

/** @param {StatusReport} next */
function showStatus(next) {
  status = next;
  firstVersion ??= next.version;
  backends.show(next.backends, live.now());
  history.offerBackends([...next.backends.map(({ name }) => name), 'claude', 'daemon']);
  const facts = [
    ['mode', next.mode],
    ['version', next.version],
    ['up for', span(next.uptimeS * 1000)],
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

/** @param {StatusReport} status */
function notesOf({ version, notes, store, backends: all }) {
  const allDown = all.length > 0 && all.every(({ state }) => state === 'down');
  return [
    ...(allDown ? ['No backend is there: requests are refused until one is.'] : []),
    ...(version === firstVersion ? [] : [`anyclaude is now version ${version}: reload this page.`]),
    ...(store.lastError === null ? [] : [`Requests are not being recorded: ${store.lastError}`]),
    ...(store.dropped > 0 ? [`${store.dropped} records were dropped since the start.`] : []),
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

// ---- What happened -------------------------------------------------------------------------------------

const figures = createFigures();

function createFigures() {
  const radios = [...document.querySelectorAll('#period input')].filter(
    (each) => each instanceof HTMLInputElement,
  );
  const given = new URLSearchParams(location.search).get('since');
  for (const radio of radios) radio.checked = radio.value === (isPeriod(given) ? given : '24h');
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  let loadedMs = 0;
  let asked = 0;

  /** @returns {Period} */
  function period() {
    const value = radios.find(({ checked }) => checked)?.value ?? null;
    return isPeriod(value) ? value : '24h';
  }

  async function load() {
    clearTimeout(waiting);
    waiting = undefined;
    loadedMs = Date.now();
    const mine = ++asked;
    try {
      const [stats, series] = await Promise.all([
        getJson(`/api/stats?since=${period()}`),
        getJson(`/api/series?since=${period()}`),
      ]);
      if (mine !== asked) return;
      showFigures(stats);
      charts.show(series);
    } catch {
      // The history, which is asked with it, says what is wrong; the figures stay as they were.
    }
  }

  /** Not more often than is worth it: a long period changes slowly and costs more to read. */
  function soon() {
    if (document.visibilityState === 'hidden') {
      loadedMs = 0;
      return;
    }
    waiting ??= setTimeout(load, Math.max(300, loadedMs + REFRESH_MS[period()] - Date.now()));
  }

  byId('period').addEventListener('change', () => {
    const search = new URLSearchParams(location.search);
    search.set('since', period());
    window.history.replaceState(null, '', `${location.pathname}?${search}${location.hash}`);
    void load();
  });
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible' && loadedMs === 0) void load();
  });
  showFigures(undefined);
  return { load, soon };
}

/** @param {string | null} value @returns {value is Period} */
function isPeriod(value) {
  return value !== null && Object.hasOwn(REFRESH_MS, value);
}
