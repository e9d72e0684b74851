// Prompts of a recorded session as chains of segments. The recording knows only how long each prompt was, so a
// segment is what a prompt has grown by.

import type { Chain, ChainLink } from '../../router/observation.ts';
import type { Step } from './step.ts';

/** One chain a step; `session` must tell the sessions of all files apart. */
export function chainsOf(session: string, steps: readonly Step[]): readonly Chain[] {
  let links: readonly ChainLink[] = [];
  return steps.map(({ promptTokens, compacted }, index) => {
    const kept = compacted ? [] : within(links, promptTokens);
    const rest = promptTokens - kept.reduce((sum, { tokens }) => sum + tokens, 0);
    links = rest > 0 ? [...kept, { hash: `${session}/${index}`, tokens: rest }] : kept;
    return links;
  });
}

// A history that was taken back is cut where its segments end.
function within(links: readonly ChainLink[], tokens: number): readonly ChainLink[] {
  let sum = 0;
  const end = links.findIndex((link) => {
    sum += link.tokens;
    return sum > tokens;
  });
  return end < 0 ? links : links.slice(0, end);
}
