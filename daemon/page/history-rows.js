// A row of the history for each request.

import { el, fill } from './dom.js';
import { count, folder, isKnown, moment, percent, seconds, share, tokens, UNKNOWN } from './format.js';

/** @import { HistoryRow } from '../../store/history.ts' */

/** Names of the columns and their classes. */
export const HEAD = [
  ['time', ''],
  ['kind', 'wide'],
  ['project', 'wide'],
  ['route', ''],
  ['reason', 'wide'],
  ['prompt', 'number wide'],
  ['cached', 'number'],
  ['first content', 'number'],
  ['predicted', 'number wide'],
  ['output', 'number wide'],
  ['result', ''],
];

/** @param {HistoryRow} row */
export function time({ startedAtMs }) {
  return moment(startedAtMs, Date.now());
}

export function createRow() {
  const element = el('tr');
  let written = '';
  return {
    element,
    /** @param {HistoryRow} row */
    update(row) {
      const text = JSON.stringify([row, time(row)]);
      if (text === written) return;
      written = text;
      element.dataset['result'] = row.result;
      const cells = cellsOf(row).map((cell, at) =>
        el(at === 0 ? 'th' : 'td', { class: HEAD[at]?.[1], ...(at === 0 && { scope: 'row' }) }, cell),
      );
      // The link that may have the focus stays the very link.
      const link = element.querySelector('a');
      const made = cells[0]?.querySelector('a');
      if (link && made) made.replaceWith(link);
      fill(element, cells);
    },
  };
}

/** @param {HistoryRow} row @returns {readonly import('./dom.js').Child[]} */
function cellsOf(row) {
  return [
    el('a', { href: `#request/${row.requestId}`, title: 'Explain this request' }, time(row)),
    row.kind ?? UNKNOWN,
    el('span', { title: row.project }, folder(row.project) ?? UNKNOWN),
    routeOf(row),
    row.reason ?? UNKNOWN,
    tokens(row.promptTokens),
    cachedOf(row),
    seconds(row.ttftMs),
    seconds(row.predictedTtftMs),
    tokens(row.outputTokens),
    resultOf(row),
  ];
}

/** @param {HistoryRow} row */
function routeOf({ task, taskProbability, backend, model }) {
  const sure = isKnown(taskProbability) ? `, ${percent(100 * taskProbability)} sure` : '';
  return el(
    'span',
    { title: `${task ?? 'no task'}${sure}${model ? `, model ${model}` : ''}` },
    task !== null && el('span', { class: `tag ${task}` }, task),
    ` ${backend ?? UNKNOWN}`,
  );
}

/** @param {HistoryRow} row */
function cachedOf({ cache, cacheEvidence, cachedTokens, promptTokens }) {
  const inferred = cacheEvidence === 'inferred' ? '≈ ' : '';
  const title =
    cache === 'unknown'
      ? 'Nobody told'
      : `${count(cachedTokens)} of ${count(promptTokens)} tokens (${cacheEvidence})`;
  return el('span', { class: `cache ${cache}`, title }, `${inferred}${share(cachedTokens, promptTokens)}`);
}

/** @param {HistoryRow} row */
function resultOf({ result, fault, message }) {
  if (result === 'completed') return el('span', { class: 'ok' }, 'ok');
  if (result === 'running') return el('span', { class: 'quiet' }, 'running');
  return el('span', { class: 'bad', title: message }, fault === null ? result : `${result}: ${fault}`);
}
