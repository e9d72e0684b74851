// What a person sees before the first request: how to connect Claude Code.

import { byId, el, fill } from './dom.js';

/** @param {boolean} isNew Nothing has ever been asked. */
export function showWelcome(isNew) {
  const section = byId('welcome');
  section.hidden = !isNew;
  if (!isNew || section.childElementCount > 0) return;
  fill(section, [
    el('h2', { id: 'welcome-title' }, 'Ready, and nothing has been asked yet'),
    el(
      'p',
      {},
      'Connect Claude Code in a project of yours, ask it something, and this page fills by itself:',
    ),
    el('pre', {}, el('code', {}, 'anyclaude run')),
    el(
      'p',
      {},
      'From a clone it is ',
      el('code', {}, 'bin/anyclaude run'),
      ', with the path of the clone before it. A client that you start yourself takes the settings that ',
      el('code', {}, 'anyclaude env'),
      ' prints, the first of them:',
    ),
    el('pre', {}, el('code', {}, `ANTHROPIC_BASE_URL=${location.origin} claude`)),
  ]);
}
