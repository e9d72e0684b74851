// The refusal of a request that no backend can take: which kind it is, and one sentence that names them all.

import type { Candidate } from './candidate.ts';
import type { PassedOver, Refusal } from './decision.ts';
import type { Wish } from './wish.ts';

type Asked = { readonly candidates: readonly Candidate[]; readonly needs: { readonly promptTokens: number } };

/** `barred` says of each candidate why it cannot serve. */
export function refuse({ candidates, needs }: Asked, wish: Wish, barred: readonly PassedOver[]): Refusal {
  const small = new Set(barred.flatMap(({ backend, why }) => (why === 'window' ? [backend] : [])));
  const windows = candidates.flatMap(({ name, contextWindow = 0 }) =>
    small.has(name) ? [contextWindow] : [],
  );
  if (windows.length > 0) {
    // The largest: the client compacts down to what it is told, and must not be told less than there is.
    const overflow = { promptTokens: needs.promptTokens, windowTokens: Math.max(...windows) };
    const detail = `prompt is too long: ${overflow.promptTokens} tokens > ${overflow.windowTokens} maximum`;
    return { refused: 'overflow', detail, passedOver: barred, overflow };
  }
  const relevant = barred.filter(({ why }) => why !== 'not-allowed');
  const isUnsupported = relevant.length > 0 && relevant.every(({ why }) => why === 'unsupported');
  const detail = `No backend can take this request: ${reasons(wish, barred).join('; ')}.`;
  return { refused: isUnsupported ? 'unsupported' : 'no-backend', detail, passedOver: barred };
}

// Where one backend alone may answer, the others' absence explains nothing.
function reasons(wish: Wish, barred: readonly PassedOver[]): readonly string[] {
  const named = barred.find(({ backend }) => backend === wish.backend);
  if (wish.others === 'may-answer') {
    return barred.length > 0 ? barred.map(({ detail }) => detail) : ['none is configured'];
  }
  return [wish.detail.replace(/\.$/, ''), named?.detail ?? `${wish.backend} is not configured`];
}
