// What runs right now, each request with the clock of its prefill. One that has ended stays for a few seconds, so that
// a person sees what came of it.

import { byId, el, fill, keyedList, write } from './dom.js';
import { clock, isKnown, percent } from './format.js';
import { stateOf, whoOf } from './live-words.js';

/** @import { LiveRequest } from '../live.ts' */

const STAYS_MS = 6_000;
const TICK_MS = 100;

/** @typedef {{ request: LiveRequest, endedAtMs?: number }} Shown */

export function createLiveView() {
  /** @type {Map<string, Shown>} */
  const shown = new Map();
  const cards = keyedList(byId('live'), {
    key: (/** @type {Shown} */ { request }) => request.requestId,
    make: () => createCard(() => now()),
  });
  let offsetMs = 0;
  let isFrozen = false;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let ticking;

  const now = () => Date.now() + offsetMs;

  function draw() {
    for (const [id, { endedAtMs }] of shown) {
      if (endedAtMs !== undefined && now() - endedAtMs > STAYS_MS) shown.delete(id);
    }
    const all = [...shown.values()];
    cards.show(all);
    const running = all.filter(({ endedAtMs }) => endedAtMs === undefined).length;
    write(byId('live-count'), running === 0 ? '' : String(running));
    byId('live-none').hidden = all.length > 0;
    if (all.length === 0) stop();
    else ticking ??= setInterval(() => isFrozen || draw(), TICK_MS);
  }

  function stop() {
    clearInterval(ticking);
    ticking = undefined;
  }

  return {
    /** @param {readonly LiveRequest[]} requests @param {number} serverNowMs */
    reset(requests, serverNowMs) {
      offsetMs = serverNowMs - Date.now();
      isFrozen = false;
      shown.clear();
      for (const request of requests) shown.set(request.requestId, { request });
      draw();
    },
    /** @param {LiveRequest} request @returns {'new' | 'known'} */
    update(request) {
      const hasEnded = request.phase === 'ended';
      const news = shown.has(request.requestId) ? 'known' : 'new';
      // What the daemon answers itself is over before it can be seen, and the history has it.
      if (hasEnded && news === 'new' && request.backend === 'daemon') return news;
      shown.set(request.requestId, { request, ...(hasEnded && { endedAtMs: now() }) });
      draw();
      return news;
    },
    /** The clocks stand still while nobody tells how the requests fare. */
    freeze() {
      isFrozen = true;
    },
    /** One that runs. @param {string} requestId */
    find(requestId) {
      const found = shown.get(requestId);
      return found?.endedAtMs === undefined ? found?.request : undefined;
    },
    now,
  };
}

/** @param {() => number} now */
function createCard(now) {
  const route = el('p', { class: 'route' });
  const time = el('span', { class: 'clock' });
  const bar = el('progress', { 'aria-label': 'Prefill' });
  const state = el('p', { class: 'state' });
  const why = el('p', { class: 'why' });
  const who = el('p', { class: 'who' });
  const element = el(
    'li',
    { class: 'card request' },
    el('div', { class: 'line' }, route, time),
    bar,
    state,
    why,
    who,
  );
  let written = '';
  return {
    element,
    /** @param {Shown} shown */
    update({ request }) {
      const elapsedMs = request.durationMs ?? now() - request.startedAtMs;
      write(time, clock(elapsedMs));
      drawProgress(bar, request, elapsedMs);
      write(state, stateOf(request, elapsedMs));
      const text = JSON.stringify(request);
      if (text === written) return;
      written = text;
      element.dataset['phase'] = request.phase;
      element.dataset['result'] = request.result ?? '';
      fill(route, routeOf(request));
      fill(why, whyOf(request));
      write(who, whoOf(request));
    },
  };
}

/** @param {LiveRequest} request */
function routeOf({ task, taskProbability, backend, model, kind }) {
  const sure = isKnown(taskProbability) ? ` ${percent(100 * taskProbability)}` : '';
  return [
    el(
      'span',
      { class: `tag ${task ?? ''}`, title: 'What it was taken for, and how sure that is' },
      `${task ?? kind}${sure}`,
    ),
    el('span', { 'aria-hidden': 'true' }, ' → '),
    el('strong', {}, backend ?? 'undecided'),
    model !== undefined && model !== backend && el('span', { class: 'model' }, ` ${model}`),
  ];
}

/** @param {LiveRequest} request */
function whyOf({ requestId, reason, detail, cacheBreak, attempts = [] }) {
  const left = attempts.map(({ backend, fault }) => `${backend} was left (${fault})`).join(', ');
  return [
    reason !== undefined && el('code', {}, reason),
    detail !== undefined && ` ${detail}`,
    left !== '' && el('span', { class: 'bad' }, ` · ${left}`),
    cacheBreak !== undefined &&
      el('span', { class: 'bad' }, ` · the cache broke (${cacheBreak.cause}): ${cacheBreak.detail}`),
    ' ',
    el('a', { href: `#request/${requestId}` }, 'explain'),
  ];
}

/**
 * Full once the first token is there; before it by the backend's own count, else by the prediction.
 * @param {HTMLProgressElement} bar
 * @param {LiveRequest} request
 * @param {number} elapsedMs
 */
function drawProgress(bar, request, elapsedMs) {
  const { phase, processedTokens = 0, totalTokens = 0, predictedTtftMs } = request;
  const isPrefill = phase === 'prefill' || phase === 'queued';
  // A server's first word of it is often "1 of many", long before it has counted on.
  const isCounted = processedTokens > 1 && totalTokens > 0;
  bar.dataset['basis'] = isCounted ? 'counted' : 'predicted';
  if (!isPrefill) bar.value = 1;
  else if (isCounted) bar.value = processedTokens / totalTokens;
  else if (isKnown(predictedTtftMs)) bar.value = Math.min(0.98, elapsedMs / Math.max(1, predictedTtftMs));
  else bar.removeAttribute('value');
}
