// What is said of a request that runs, and of one that has just ended.

import { clock, folder, isKnown, rate, seconds, share, tokens } from './format.js';

/** @import { LiveRequest } from '../live.ts' */

/** @param {LiveRequest} request */
export function whoOf({ kind, project, promptTokens, promptTokensBasis, cachedTokens }) {
  const estimated = promptTokensBasis === 'estimated' ? '≈ ' : '';
  return [
    kind,
    folder(project),
    isKnown(promptTokens) && `${estimated}${tokens(promptTokens)} prompt tokens`,
    isKnown(cachedTokens) && `${tokens(cachedTokens)} cached`,
  ]
    .filter(Boolean)
    .join(' · ');
}

/**
 * @param {LiveRequest} request
 * @param {number} elapsedMs
 */
export function stateOf(request, elapsedMs) {
  const { phase, predictedTtftMs, processedTokens, totalTokens } = request;
  const predicted = isKnown(predictedTtftMs) ? `first token predicted after ${seconds(predictedTtftMs)}` : '';
  const late = isKnown(predictedTtftMs) && elapsedMs > predictedTtftMs ? ', later than predicted' : '';
  if (phase === 'ended') return endOf(request);
  if (phase === 'queued') return joined('waiting for its turn', predicted);
  if (phase === 'prefill') {
    const counted = isKnown(totalTokens) && `${tokens(processedTokens)} of ${tokens(totalTokens)} tokens`;
    return joined('prefill', counted, predicted + late);
  }
  const first = request.firstTokenMs ?? request.ttftMs;
  const compared = isKnown(predictedTtftMs) ? ` (predicted ${seconds(predictedTtftMs)})` : '';
  return isKnown(first)
    ? joined(`writing for ${clock(elapsedMs - first)}`, `first token after ${seconds(first)}${compared}`)
    : 'writing';
}

/** @param {LiveRequest} request */
function endOf({
  result,
  fault,
  ttftMs,
  firstTokenMs,
  predictedTtftMs,
  promptTokens,
  cachedTokens,
  cacheEvidence,
  decodeTokensPerSecond,
}) {
  if (result !== 'completed') return joined(result ?? 'ended', fault);
  const first = firstTokenMs ?? ttftMs;
  const compared = isKnown(predictedTtftMs) ? ` (predicted ${seconds(predictedTtftMs)})` : '';
  return joined(
    'done',
    isKnown(first) && `first token after ${seconds(first)}${compared}`,
    isKnown(cachedTokens) &&
      `${cacheEvidence === 'inferred' ? '≈ ' : ''}${share(cachedTokens, promptTokens)} cached`,
    isKnown(decodeTokensPerSecond) && rate(decodeTokensPerSecond),
  );
}

/** @param {...(string | false | undefined)} parts */
function joined(...parts) {
  return parts.filter(Boolean).join(' · ');
}
