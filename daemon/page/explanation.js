// Why one request went where it went, and what then happened: a panel with an address of its own.

import { getJson } from './api.js';
import { byId, el, fill } from './dom.js';
import { explainedParts, runningParts, title } from './explained.js';

/** @import { LiveRequest } from '../live.ts' */
/** @import { Explained } from '../../store/explained.ts' */
/** @import { Child } from './dom.js' */

const HASH = /^#request\/([\w-]{1,100})$/;

/**
 * @param {object} around
 * @param {(requestId: string) => LiveRequest | undefined} around.liveOf What is known of one that still runs.
 * @param {(session: string) => void} around.showSession
 */
export function createExplanation({ liveOf, showSession }) {
  const panel = /** @type {HTMLDialogElement} */ (byId('explanation'));
  const close = el('button', { type: 'button', class: 'close', 'aria-label': 'Close' }, '×');
  let shownId = '';
  let asked = 0;

  async function follow() {
    const id = idInAddress();
    const mine = ++asked;
    if (id === undefined) {
      panel.close();
      return;
    }
    if (!panel.open || shownId !== id)
      show([title('Request'), el('p', { class: 'quiet' }, 'Reading the record …')]);
    shownId = id;
    if (!panel.open) panel.showModal();
    const parts = await partsOf(id);
    if (mine === asked) show(parts);
  }

  /** @param {string} id @returns {Promise<readonly Child[]>} */
  async function partsOf(id) {
    const running = liveOf(id);
    if (running !== undefined) return runningParts(running);
    try {
      return explainedParts(/** @type {Explained} */ (await getJson(`/api/requests/${id}`)), sessionLink);
    } catch (error) {
      return [
        title('Request'),
        el('p', { class: 'problem' }, error instanceof Error ? error.message : String(error)),
      ];
    }
  }

  /** @param {readonly Child[]} content */
  function show(content) {
    fill(panel, [close, ...content]);
  }

  /** @param {string} session */
  function sessionLink(session) {
    const button = el(
      'button',
      { type: 'button', class: 'link', title: 'Show this session in the history' },
      session,
    );
    button.addEventListener('click', () => {
      panel.close();
      showSession(session);
    });
    return button;
  }

  close.addEventListener('click', () => panel.close());
  panel.addEventListener('close', () => {
    if (idInAddress() !== undefined) history.replaceState(null, '', location.pathname + location.search);
  });
  // A click beside the panel closes it.
  panel.addEventListener('click', (event) => {
    if (event.target === panel) panel.close();
  });
  addEventListener('hashchange', () => void follow());
  return {
    /** Shows what the address names, from now on. */
    begin: follow,
    /** The request is not as it was when it was shown. @param {string} requestId */
    changed(requestId) {
      if (panel.open && idInAddress() === requestId) void follow();
    },
  };
}

function idInAddress() {
  return HASH.exec(location.hash)?.[1];
}
