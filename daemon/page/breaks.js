// What made caches miss in the chosen period, and what it cost: by cause, and the newest of them one by one.

import { getJson } from './api.js';
import { byId, el, fill } from './dom.js';
import { count, folder, isKnown, moment, seconds, tokens, UNKNOWN } from './format.js';

/** @import { HistoryRow } from '../../store/history.ts' */
/** @import { Stats } from './figures.js' */

const SHOWN = 6;

/** What a person may make of a cause. @type {Readonly<Record<string, string>>} */
const MEANING = {
  'system-changed': 'the system prompt changed',
  'tools-added': 'tools were added',
  'tools-removed': 'tools were removed',
  'tools-changed': 'tools changed',
  'history-compacted': 'the history was compacted',
  'history-rewritten': 'the history was rewritten',
  'model-changed': 'another model answers',
  'template-changed': 'the server lays the prompt out anew',
  'server-lost': 'the server no longer had it',
};

/** @param {string} since @returns {Promise<readonly HistoryRow[]>} */
export async function newestBreaks(since) {
  const page = /** @type {{ rows: readonly HistoryRow[] }} */ (
    await getJson(`/api/requests?break=any&since=${since}&limit=${SHOWN}`)
  );
  return page.rows;
}

/** @param {string} why */
export function clearBreaks(why) {
  fill(byId('breaks'), [el('p', { class: 'quiet' }, why)]);
}

/** @param {Stats['kvCache']['breaks']} breaks @param {readonly HistoryRow[]} newest */
export function showBreaks(breaks, newest) {
  const area = byId('breaks');
  if (breaks.count === 0) {
    fill(area, [
      el('p', { class: 'quiet' }, 'None in this period: each prompt began with the one before it.'),
    ]);
    return;
  }
  fill(area, [summary(breaks), table(newest)]);
}

/** @param {Stats['kvCache']['breaks']} breaks */
function summary({ count: all, tokens: lost, seconds: waited, causes }) {
  const cost = isKnown(waited) ? `, ${seconds(1000 * waited)} of waiting` : '';
  const parts = causes.map(({ cause, count: times }) => `${MEANING[cause] ?? cause} ${count(times)}×`);
  return el(
    'p',
    {},
    el('strong', {}, `${count(all)} break${all === 1 ? '' : 's'}`),
    `, ${tokens(lost)} tokens computed again${cost}: ${parts.join(', ')}.`,
  );
}

/** @param {readonly HistoryRow[]} rows */
function table(rows) {
  const head = ['time', 'project', 'backend', 'cause', 'tokens again', 'waited for it'];
  const styles = ['', 'wide', 'wide', '', 'number wide', 'number'];
  return el(
    'div',
    { class: 'scroll history' },
    el(
      'table',
      {},
      el('caption', { class: 'unseen' }, 'The newest cache breaks'),
      el(
        'thead',
        {},
        el('tr', {}, ...head.map((name, at) => el('th', { scope: 'col', class: styles[at] }, name))),
      ),
      el(
        'tbody',
        {},
        ...rows.map((row) =>
          el(
            'tr',
            {},
            ...cellsOf(row).map((cell, at) =>
              el(at === 0 ? 'th' : 'td', { class: styles[at], ...(at === 0 && { scope: 'row' }) }, cell),
            ),
          ),
        ),
      ),
    ),
  );
}

/** @param {HistoryRow} row @returns {readonly import('./dom.js').Child[]} */
function cellsOf({ requestId, startedAtMs, project, backend, break: broke }) {
  const inferred = broke?.secondsBasis === 'inferred' ? '≈ ' : '';
  const waited = isKnown(broke?.seconds) ? `${inferred}${seconds(1000 * broke.seconds)}` : UNKNOWN;
  return [
    el(
      'a',
      { href: `#request/${requestId}`, title: 'Explain this request' },
      moment(startedAtMs, Date.now()),
    ),
    el('span', { title: project }, folder(project) ?? UNKNOWN),
    backend ?? UNKNOWN,
    el('span', {}, el('code', {}, broke?.cause), broke?.detail ? ` ${broke.detail}` : ''),
    `${inferred}${tokens(broke?.tokens)}`,
    waited,
  ];
}
