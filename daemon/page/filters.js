// The filters of the history. They live in the address, so that a reload and a link keep them.

import { byId, el, fill } from './dom.js';

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

/** @param {() => void} changed */
export function createFilters(changed) {
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
  return {
    query,
    /** This filter alone. @param {string} only @param {string} value */
    set(only, value) {
      for (const [name, field] of fields) choose(field, name === only ? value : '');
      keep();
    },
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
