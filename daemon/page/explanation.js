// Why one request went where it went, and what then happened: a panel with an address of its own.

import { getJson } from './api.js';
import { byId, el, fill } from './dom.js';
import { count, exactTime, isKnown, percent, seconds, share, UNKNOWN } from './format.js';

/** @import { Explained } from '../../store/explained.ts' */
/** @import { Child } from './dom.js' */

const HASH = /^#request\/([\w-]{1,100})$/;

export function createExplanation() {
  const panel = /** @type {HTMLDialogElement} */ (byId('explanation'));
  let asked = 0;

  async function follow() {
    const id = HASH.exec(location.hash)?.[1];
    const mine = ++asked;
    if (id === undefined) {
      if (panel.open) panel.close();
      return;
    }
    show([title('Request'), el('p', { class: 'quiet' }, 'Reading the record …')]);
    if (!panel.open) panel.showModal();
    try {
      const explained = /** @type {Explained} */ (await getJson(`/api/requests/${id}`));
      if (mine === asked) show(contentOf(explained));
    } catch (error) {
      if (mine === asked)
        show([
          title('Request'),
          el('p', { class: 'problem' }, error instanceof Error ? error.message : String(error)),
        ]);
    }
  }

  /** @param {readonly Child[]} content */
  function show(content) {
    const close = el('button', { type: 'button', class: 'close', 'aria-label': 'Close' }, '×');
    close.addEventListener('click', () => panel.close());
    const hadFocus = panel.contains(document.activeElement);
    fill(panel, [close, ...content]);
    if (hadFocus) close.focus();
  }

  panel.addEventListener('close', () => {
    if (HASH.test(location.hash)) history.replaceState(null, '', location.pathname + location.search);
  });
  // A click beside the panel closes it.
  panel.addEventListener('click', (event) => {
    if (event.target === panel) panel.close();
  });
  addEventListener('hashchange', () => void follow());
  void follow();
  return {
    /** The request may have ended since it was shown. @param {string} requestId */
    ended(requestId) {
      if (location.hash === `#request/${requestId}`) void follow();
    },
  };
}

/** @param {string} text */
function title(text) {
  return el('h2', { id: 'explanation-title' }, text);
}

/** @param {Explained} explained @returns {readonly Child[]} */
function contentOf(explained) {
  const { task, decision, outcome } = explained;
  return [
    title(`${explained.kind ?? 'request'}, ${exactTime(Date.parse(explained.startedAt))}`),
    el('p', { class: 'quiet id' }, explained.requestId),
    explained.session !== null && el('p', { class: 'quiet id' }, 'session ', sessionLink(explained.session)),
    ...section('Task', taskOf(task)),
    ...section('Decision', decisionOf(decision, outcome)),
    decision && decision.costs.length > 0 && costTable(decision),
    ...section('What happened', [outcomeOf(outcome)]),
  ];
}

/** @param {string} session */
function sessionLink(session) {
  const button = el(
    'button',
    { type: 'button', class: 'link', title: 'Show this session in the history' },
    session,
  );
  button.addEventListener('click', () => {
    byIdDialog().close();
    dispatchEvent(new CustomEvent('filter', { detail: { name: 'session', value: session } }));
    byId('history-title').focus();
  });
  return button;
}

function byIdDialog() {
  return /** @type {HTMLDialogElement} */ (byId('explanation'));
}

/** @param {string} name @param {readonly Child[]} content @returns {readonly Child[]} */
function section(name, content) {
  return [el('h3', {}, name), ...content];
}

/** @param {Explained['task']} task @returns {readonly Child[]} */
function taskOf(task) {
  if (task === null)
    return [
      el('p', { class: 'quiet' }, 'No task was looked for: the daemon answered or passed it on as it is.'),
    ];
  const strongest = Math.max(0.1, ...task.signals.map(({ value }) => Math.abs(value)));
  return [
    el(
      'p',
      {},
      el('span', { class: `tag ${task.name}` }, task.name),
      isKnown(task.probability) && ` ${percent(100 * task.probability)} sure`,
      task.reason !== null && [' · '].join(''),
      task.reason !== null && el('code', {}, task.reason),
    ),
    task.signals.length > 0 &&
      el(
        'table',
        { class: 'signals' },
        el('caption', {}, 'What spoke for it, in log-odds: right for edit, left for analysis'),
        el('tbody', {}, ...task.signals.map((signal) => signalRow(signal, strongest))),
      ),
  ];
}

/** @param {{ name: string, value: number }} signal @param {number} strongest */
function signalRow({ name, value }, strongest) {
  const size = Math.abs(value) / strongest;
  const bar = (/** @type {boolean} */ isSide) =>
    el('meter', { min: 0, max: 1, value: isSide ? size : 0, 'aria-hidden': 'true' });
  const left = el('td', { class: 'left' }, bar(value < 0));
  const right = el('td', { class: 'right' }, bar(value > 0));
  return el(
    'tr',
    {},
    el('th', { scope: 'row' }, name),
    left,
    right,
    el('td', { class: 'number' }, `${value > 0 ? '+' : '−'}${Math.abs(value).toFixed(2)}`),
  );
}

/** @param {Explained['decision']} decision @param {Explained['outcome']} outcome @returns {readonly Child[]} */
function decisionOf(decision, outcome) {
  if (decision === null) {
    const by =
      outcome.answeredBy === 'daemon'
        ? 'Nothing was decided: the daemon answered it.'
        : 'Nothing was decided: it was passed on as it came.';
    return [el('p', { class: 'quiet' }, by)];
  }
  return [
    el(
      'p',
      {},
      el('strong', {}, decision.backend || UNKNOWN),
      ' · ',
      el('code', {}, decision.reason),
      decision.detail !== null && ` ${decision.detail}`,
    ),
    decision.passedOver.length > 0 &&
      el(
        'ul',
        { class: 'plain' },
        ...decision.passedOver.map(({ backend, why, detail }) =>
          el('li', {}, el('strong', {}, backend), ` was passed over (${why}): ${detail}`),
        ),
      ),
    decision.shadow !== null &&
      el(
        'p',
        {},
        'auto would have chosen ',
        el('strong', {}, decision.shadow.backend),
        ' · ',
        el('code', {}, decision.shadow.reason),
        ` ${decision.shadow.detail}`,
      ),
  ];
}

/** @type {readonly (readonly [key: import('../../router/cost.ts').CostParts extends infer P ? keyof P : never, name: string])[]} */
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
function costTable({ backend, costs }) {
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
    Math.abs(value) < 0.005 ? '0' : value.toFixed(value < 10 ? 2 : 1);
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
              { scope: 'col' },
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
        row('in all', ({ seconds: all, sigma }) => `${s(all)} ± ${s(sigma)}`, 'total'),
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

/** @param {Explained['outcome']} outcome */
function outcomeOf(outcome) {
  const { ttftMs, promptTokens, cachedTokens, cacheEvidence } = outcome;
  const inferred = cacheEvidence === 'inferred' ? '≈ ' : '';
  const cached = isKnown(cachedTokens)
    ? `${inferred}${count(cachedTokens)} tokens, ${share(cachedTokens, promptTokens)} of the prompt (${cacheEvidence})`
    : `${UNKNOWN} (nobody told)`;
  /** @type {readonly (readonly [string, Child])[]} */
  const lines = [
    ['result', el('span', { class: outcome.result === 'completed' ? 'ok' : 'bad' }, outcome.result)],
    ['answered by', `${outcome.answeredBy ?? UNKNOWN}${outcome.model ? `, ${outcome.model}` : ''}`],
    [
      'first token',
      `${seconds(ttftMs.actual)}${isKnown(ttftMs.predicted) ? `, predicted ${seconds(ttftMs.predicted)}` : ''}`,
    ],
    ['in all', seconds(outcome.durationMs)],
    ['prompt', `${count(promptTokens)} tokens`],
    ['cached', cached],
    ['output', `${count(outcome.outputTokens)} tokens`],
    ...outcome.attempts.map(
      ({ backend, fault, message }) => /** @type {const} */ ([`left ${backend}`, `${fault}: ${message}`]),
    ),
    ...(outcome.message === null ? [] : [/** @type {const} */ (['message', outcome.message])]),
  ];
  return el(
    'dl',
    { class: 'outcome' },
    ...lines.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]),
  );
}
