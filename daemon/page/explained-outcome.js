// What came of one request, as a person reads it.

import { el } from './dom.js';
import { count, isKnown, seconds, share, UNKNOWN } from './format.js';

/** @import { Explained } from '../../store/explained.ts' */
/** @import { Child } from './dom.js' */

/** @param {Explained['outcome']} outcome */
export function outcomeOf(outcome) {
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
    ...(outcome.saved === null
      ? []
      : [/** @type {const} */ (['saved by the cache', savedOf(outcome.saved)])]),
    ...(outcome.readAhead === null
      ? []
      : [/** @type {const} */ (['read in a pause', readAheadOf(outcome.readAhead)])]),
    ...(outcome.cacheBreak === null
      ? []
      : [/** @type {const} */ (['cache break', breakOf(outcome.cacheBreak)])]),
    ...(outcome.coldLoad === true ? [/** @type {const} */ (['model', 'had to be loaded first'])] : []),
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

/** @param {NonNullable<Explained['outcome']['saved']>} saved */
function savedOf({ seconds: s, lowSeconds, highSeconds, basis }) {
  const bounds =
    isKnown(lowSeconds) && isKnown(highSeconds)
      ? `, ${seconds(1000 * lowSeconds)} to ${seconds(1000 * highSeconds)}`
      : '';
  return `≈ ${seconds(1000 * s)}${bounds} (${basis ?? 'estimate'})`;
}

/** @param {NonNullable<Explained['outcome']['readAhead']>} found */
function readAheadOf({ tokens, savedSeconds }) {
  return `${count(tokens)} tokens, ≈ ${seconds(1000 * savedSeconds)} sooner`;
}

/** @param {NonNullable<Explained['outcome']['cacheBreak']>} found */
function breakOf({ cause, detail, lostTokens, lostSeconds, lostSecondsBasis }) {
  const inferred = lostSecondsBasis === 'inferred' ? '≈ ' : '';
  const cost = [
    isKnown(lostTokens) && `${inferred}${count(lostTokens)} tokens computed again`,
    isKnown(lostSeconds) && `${inferred}${seconds(1000 * lostSeconds)} of waiting`,
  ].filter(Boolean);
  return el(
    'span',
    {},
    el('code', {}, cause),
    detail === null ? '' : ` ${detail}`,
    cost.length > 0 && ` (${cost.join(', ')})`,
  );
}
