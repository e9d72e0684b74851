// The history, a page at a time, with filters that live in the address: a reload and a link keep them.

import { getJson } from './api.js';
import { byId, el, fill, keyedList, write } from './dom.js';
import { count, isKnown, moment, percent, seconds, share, tokens, UNKNOWN } from './format.js';

/** @import { HistoryRow } from '../../store/history.ts' */
/** @typedef {{ rows: readonly HistoryRow[], next: string | null }} HistoryPage */

const ROWS = 25;

/** @type {Readonly<Record<string, readonly string[]>>} */
const CHOICES = {
  task: ['analysis', 'edit'],
  backend: [],
  result: ['completed', 'failed', 'cancelled', 'refused', 'interrupted', 'running'],
  cache: ['hit', 'partial', 'miss', 'unknown'],
  kind: [
    'main',
    'subagent',
    'compact',
    'title',
    'plan-name',
    'web-search',
    'quota-probe',
    'probe',
    'safety-check',
  ],
};
const NAMED = ['project', 'session'];

const HEAD = [
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
    /** @param {readonly string[]} names */
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

/** @param {HistoryRow} row */
function time({ startedAtMs }) {
  return moment(startedAtMs, Date.now());
}

function createRow() {
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
    row.project ?? UNKNOWN,
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
  return el('span', { class: 'bad', title: message }, fault === null ? result : `${result}: ${fault}`);
}

/** @param {() => void} changed */
function createFilters(changed) {
  const form = byId('filters');
  const given = new URLSearchParams(location.search);
  /** @type {Map<string, HTMLSelectElement | HTMLInputElement>} */
  const fields = new Map();
  for (const [name, values] of Object.entries(CHOICES)) {
    fields.set(name, el('select', { name }, ...['', ...values].map((value) => option(value))));
  }
  for (const name of NAMED) {
    fields.set(
      name,
      el('input', {
        name,
        type: 'search',
        size: 14,
        maxlength: 300,
        spellcheck: 'false',
        autocomplete: 'off',
      }),
    );
  }
  const clear = el('button', { type: 'button' }, 'Clear');
  fill(form, [...[...fields].map(([name, field]) => el('label', {}, el('span', {}, name), field)), clear]);
  for (const [name, field] of fields) choose(field, given.get(name) ?? '');

  function query() {
    const set = [...fields]
      .map(([name, { value }]) => [name, value.trim()])
      .filter(([, value]) => value !== '');
    return /** @type {Record<string, string>} */ (Object.fromEntries(set));
  }

  function keep() {
    const search = new URLSearchParams(location.search);
    for (const name of fields.keys()) search.delete(name);
    for (const [name, value] of Object.entries(query())) search.set(name, value);
    const text = search.toString();
    history.replaceState(null, '', `${location.pathname}${text && `?${text}`}${location.hash}`);
    changed();
  }

  form.addEventListener('change', keep);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    keep();
  });
  clear.addEventListener('click', () => {
    for (const field of fields.values()) field.value = '';
    keep();
  });
  addEventListener('filter', (event) => {
    const { name, value } = /** @type {CustomEvent<{ name: string, value: string }>} */ (event).detail;
    for (const [each, field] of fields) choose(field, each === name ? value : '');
    keep();
  });
  return {
    query,
    /** @param {readonly string[]} names */
    offerBackends(names) {
      const field = fields.get('backend');
      if (!(field instanceof HTMLSelectElement)) return;
      for (const name of names) {
        if (![...field.options].some(({ value }) => value === name)) field.append(option(name));
      }
    },
  };
}

/** A value that a link names and the list does not is offered, too. @param {HTMLSelectElement | HTMLInputElement} field @param {string} value */
function choose(field, value) {
  if (field instanceof HTMLSelectElement && ![...field.options].some((each) => each.value === value)) {
    field.append(option(value));
  }
  field.value = value;
}

/** @param {string} value */
function option(value) {
  return el('option', { value }, value === '' ? 'all' : value);
}
