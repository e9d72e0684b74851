// What each choice was expected to cost, by part: the backends side by side.

import { el } from './dom.js';
import { count, percent } from './format.js';

/** @import { CostParts } from '../../router/cost.ts' */
/** @import { Explained } from '../../store/explained.ts' */

/** @type {readonly (readonly [key: keyof CostParts, name: string])[]} */
const PARTS = [
  ['queue', 'waiting its turn'],
  ['load', 'loading the model'],
  ['prefill', 'prefill'],
  ['decode', 'writing'],
  ['quality', 'redoing failed edits'],
  ['preference', 'not the task’s own'],
  ['future', 'later turns'],
];

/** @param {NonNullable<Explained['decision']>} decision */
export function costTable({ backend, costs }) {
  const row = (
    /** @type {string} */ name,
    /** @type {(cost: typeof costs[number]) => string} */ cell,
    style = '',
  ) =>
    el(
      'tr',
      { class: style },
      el('th', { scope: 'row' }, name),
      ...costs.map((cost) => el('td', { class: 'number' }, cell(cost))),
    );
  const s = (/** @type {number} */ value) =>
    Math.abs(value) < 0.005 ? '0' : value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
  return el(
    'div',
    { class: 'scroll', tabindex: 0 },
    el(
      'table',
      { class: 'costs' },
      el('caption', {}, 'Predicted seconds of each choice'),
      el(
        'thead',
        {},
        el(
          'tr',
          {},
          el('td'),
          ...costs.map((cost) =>
            el(
              'th',
              { scope: 'col', class: 'number' },
              cost.backend,
              cost.backend === backend && el('span', { class: 'chosen' }, ' chosen'),
            ),
          ),
        ),
      ),
      el(
        'tbody',
        {},
        ...PARTS.map(([key, name]) => row(name, ({ parts }) => s(parts[key]))),
        // Before a backend has been measured, the doubt is larger than the figure.
        row(
          'in all',
          ({ seconds: all, sigma }) => (sigma > all ? `${s(all)}, a guess` : `${s(all)} ± ${s(sigma)}`),
          'total',
        ),
        row('first token after', ({ ttftSeconds }) => s(ttftSeconds)),
        row('believed warm', ({ matchedTokens, warm }) =>
          matchedTokens === 0
            ? 'nothing'
            : `${count(Math.round(matchedTokens))} tokens, ${percent(100 * warm)} sure`,
        ),
      ),
    ),
  );
}
