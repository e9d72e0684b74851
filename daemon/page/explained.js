// What is known of one request, as a person reads it: what it was taken for, where it went and why, what happened.

import { costTable } from './cost-table.js';
import { el } from './dom.js';
import { outcomeOf } from './explained-outcome.js';
import { exactTime, isKnown, percent, seconds, UNKNOWN } from './format.js';

/** @import { LiveRequest } from '../live.ts' */
/** @import { Explained } from '../../store/explained.ts' */
/** @import { Child } from './dom.js' */

/** @param {Explained} explained @param {(session: string) => Child} linkTo @returns {readonly Child[]} */
export function explainedParts(explained, linkTo) {
  const { task, decision, outcome } = explained;
  return [
    title(`${explained.kind ?? 'request'}, ${exactTime(Date.parse(explained.startedAt))}`),
    el('p', { class: 'quiet id' }, explained.requestId),
    explained.session !== null && el('p', { class: 'quiet id' }, 'session ', linkTo(explained.session)),
    ...section('Task', taskOf(task)),
    ...section('Decision', decisionOf(decision, outcome)),
    decision && decision.costs.length > 0 && costTable(decision),
    ...section('What happened', [outcomeOf(outcome)]),
  ];
}

/** Of one that still runs, what is decided by now. @param {LiveRequest} request @returns {readonly Child[]} */
export function runningParts({ requestId, kind, startedAtMs, sessionId, task, taskProbability, ...request }) {
  const { backend, model, reason, detail, predictedTtftMs } = request;
  return [
    title(`${kind}, ${exactTime(startedAtMs)}`),
    el('p', { class: 'quiet id' }, requestId),
    sessionId !== undefined && el('p', { class: 'quiet id' }, `session ${sessionId}`),
    el(
      'p',
      { class: 'quiet' },
      'It still runs. What spoke for its task, and what each choice was expected to cost, is shown when it has ended.',
    ),
    ...section('Task', [
      el(
        'p',
        {},
        el('span', { class: `tag ${task ?? ''}` }, task ?? UNKNOWN),
        isKnown(taskProbability) && ` ${percent(100 * taskProbability)} sure`,
      ),
    ]),
    ...section('Decision', [
      el(
        'p',
        {},
        el('strong', {}, backend ?? UNKNOWN),
        model !== undefined && ` ${model}`,
        reason !== undefined && ' · ',
        reason !== undefined && el('code', {}, reason),
        detail !== undefined && ` ${detail}`,
      ),
    ]),
    ...section('Prediction', [
      el(
        'p',
        {},
        isKnown(predictedTtftMs) ? `First token after ${seconds(predictedTtftMs)}.` : 'None was made.',
      ),
    ]),
  ];
}

/** @param {string} text */
export function title(text) {
  return el('h2', { id: 'explanation-title' }, text);
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
      task.reason !== null && ' · ',
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
