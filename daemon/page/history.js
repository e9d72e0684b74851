// The history, a page at a time.

import { getJson } from './api.js';
import { byId, el, fill, keyedList, write } from './dom.js';
import { createFilters } from './filters.js';
import { createRow, HEAD, time } from './history-rows.js';

/** @import { HistoryRow } from '../../store/history.ts' */
/** @typedef {{ rows: readonly HistoryRow[], next: string | null }} HistoryPage */

const ROWS = 25;

/** @param {{ loaded: (isEverEmpty: boolean) => void }} told `isEverEmpty`: nothing has been recorded at all. */
export function createHistoryView({ loaded }) {
  const view = layout();
  /** Where the pages before this one begin. @type {string[]} */
  let earlier = [];
  let before = '';
  let next = /** @type {string | null} */ (null);
  let asked = 0;

  const filters = createFilters(() => {
    earlier = [];
    before = '';
    void load();
  });

  async function load() {
    const mine = ++asked;
    const query = filters.query();
    const search = new URLSearchParams({ ...query, limit: String(ROWS), ...(before && { before }) });
    try {
      const page = /** @type {HistoryPage} */ (await getJson(`/api/requests?${search}`));
      if (mine !== asked) return;
      next = page.next;
      const isFiltered = Object.keys(query).length > 0 || before !== '';
      view.show(page.rows, isFiltered);
      loaded(page.rows.length === 0 && !isFiltered);
    } catch (error) {
      if (mine === asked) view.fail(error);
    }
    view.older.disabled = next === null;
    view.newer.disabled = before === '';
  }

  view.older.addEventListener('click', () => {
    if (next === null) return;
    earlier.push(before);
    before = next;
    void load();
  });
  view.newer.addEventListener('click', () => {
    before = earlier.pop() ?? '';
    void load();
  });

  return {
    load,
    /** Something has ended: the first page shows it at once, an older one stays as it is. */
    refresh() {
      if (before === '') void load();
    },
    filterBy: filters.set,
    offerBackends: filters.offerBackends,
  };
}

function layout() {
  const body = el('tbody');
  const head = el('tr', {}, ...HEAD.map(([name, style]) => el('th', { scope: 'col', class: style }, name)));
  const table = el(
    'table',
    {},
    el('caption', { class: 'unseen' }, 'Requests, the newest first'),
    el('thead', {}, head),
    body,
  );
  const none = el('p', { class: 'quiet', hidden: true });
  const older = el('button', { type: 'button', disabled: true }, 'Older');
  const newer = el('button', { type: 'button', disabled: true }, 'Newer');
  const tell = el('span', { class: 'quiet', 'aria-live': 'polite' });
  const scroll = el('div', { class: 'scroll' }, table);
  fill(byId('history'), [scroll, none, el('p', { class: 'paging' }, newer, older, tell)]);
  const rows = keyedList(body, { key: (/** @type {HistoryRow} */ row) => row.requestId, make: createRow });
  return {
    ...{ older, newer },
    /** @param {readonly HistoryRow[]} shown @param {boolean} isFiltered */
    show(shown, isFiltered) {
      rows.show(shown);
      scroll.hidden = shown.length === 0;
      none.hidden = shown.length > 0;
      none.classList.remove('problem');
      write(none, isFiltered ? 'No request fits these filters.' : 'Nothing has been recorded yet.');
      const first = shown[0];
      const last = shown.at(-1);
      write(tell, first && last ? `${shown.length} requests, ${time(last)} to ${time(first)}` : '');
    },
    /** @param {unknown} error */
    fail(error) {
      none.hidden = false;
      none.classList.add('problem');
      write(
        none,
        `The history cannot be read now: ${error instanceof Error ? error.message : String(error)}`,
      );
    },
  };
}
