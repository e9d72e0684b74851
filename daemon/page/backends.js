// Each backend as the daemon knows it: whether it is there, what it serves, what runs on it and what it has warm.

import { byId, el, fill, keyedList } from './dom.js';
import { count, moment, tokens, UNKNOWN } from './format.js';

/** @import { BackendReport } from '../status.ts' */

const STATES = { up: 'up', down: 'down', loading: 'loading its model', unknown: 'not asked yet' };

export function createBackendView() {
  const list = keyedList(byId('backends'), {
    key: (/** @type {{ backend: BackendReport, nowMs: number }} */ { backend }) => backend.name,
    make: createCard,
  });
  return {
    /** @param {readonly BackendReport[]} backends @param {number} nowMs */
    show: (backends, nowMs) => list.show(backends.map((backend) => ({ backend, nowMs }))),
  };
}

function createCard() {
  const element = el('li', { class: 'card backend' });
  let written = '';
  return {
    element,
    /** @param {{ backend: BackendReport, nowMs: number }} shown */
    update({ backend, nowMs }) {
      const lines = linesOf(backend, nowMs);
      const text = JSON.stringify([backend.name, backend.state, lines, backend.lastError]);
      if (text === written) return;
      written = text;
      element.dataset['state'] = backend.state;
      const facts = lines.map(([name, value, title]) => [el('dt', {}, name), el('dd', { title }, value)]);
      fill(element, [
        el(
          'h3',
          {},
          backend.name,
          ' ',
          el('span', { class: `state-pill ${backend.state}` }, STATES[backend.state]),
        ),
        el('dl', {}, ...facts.flat()),
        backend.state === 'down' && downOf(backend),
        backend.state !== 'down' &&
          backend.lastError !== null &&
          el('p', { class: 'problem' }, backend.lastError),
      ]);
    },
  };
}

/**
 * @param {BackendReport} backend
 * @param {number} nowMs
 * @returns {readonly [name: string, value: string, title?: string][]}
 */
function linesOf(
  { model, contextWindow, contextWindowSource, inFlight, queued, maxConcurrent, warm },
  nowMs,
) {
  const assumed = contextWindowSource === 'assumed' ? '≈ ' : '';
  const waiting = queued > 0 ? `, ${queued} waiting` : '';
  return [
    ['model', model ?? UNKNOWN],
    ['window', contextWindow === null ? UNKNOWN : `${assumed}${count(contextWindow)} tokens`],
    ['load', `${inFlight} of ${maxConcurrent}${waiting}`],
    ['warm', warmOf(warm, nowMs), 'What its prompt cache is believed to hold: no server can be asked'],
  ];
}

/** @param {BackendReport['warm']} warm @param {number} nowMs */
function warmOf(warm, nowMs) {
  if (!warm) return UNKNOWN;
  const { conversations, tokens: held, usedAtMs } = warm;
  return `≈ ${tokens(held)} tokens of ${conversations} conversation${conversations === 1 ? '' : 's'}, last used ${moment(usedAtMs, nowMs)}`;
}

/** @param {BackendReport} backend */
function downOf({ url, lastError, startCommand }) {
  return el(
    'div',
    { class: 'down' },
    el('p', { class: 'problem' }, lastError ?? `Nothing answers at ${url}.`),
    startCommand !== null && el('p', {}, 'Start it with ', el('code', {}, startCommand)),
  );
}
