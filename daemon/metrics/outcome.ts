// What one outcome does to the metrics.

import { cacheResult } from '../../router/cache.ts';
import type { Classification } from '../../router/decision.ts';
import { decodeOfOutcome, tokensPerSecond } from '../../router/decode.ts';
import { type CacheReport, type Ending, forecastOf, type Outcome } from '../../router/outcome.ts';
import type { Fault } from '../../wire/error.ts';
import type { Catalogue } from './catalogue.ts';
import { fallbackReason } from './fallback-reason.ts';
import { codeLabel, type LabelSources, type OutcomeLabel, type RouteLabel, type Side } from './labels.ts';

/** From this probability on a second look at the words would hardly change the task. */
const HIGH_CONFIDENCE = 0.75;

type Labels = Pick<LabelSources, 'claudeBackend' | 'models'>;

export function observeOutcome(catalogue: Catalogue, outcome: Outcome, labels: Labels): void {
  const { claudeBackend, models } = labels;
  const backend = outcome.answeredBy;
  const model = models.of(backend, outcome.model);
  const route = routeLabel(outcome, claudeBackend);
  const label = outcomeLabel(outcome.ending);
  catalogue.requests.inc({ route, backend, model, outcome: label });
  // How long a failure took tells nothing of how long an answer takes; the store has it.
  if (label === 'ok') catalogue.duration.observe({ route, backend }, outcome.durationMs / 1000);
  observeOverhead(catalogue, outcome);
  observeRouting(catalogue, outcome);
  if (backend === 'daemon') return;
  observeBackend(catalogue, backend, outcome);
  // The Claude API has no gate.
  if (backend !== claudeBackend && outcome.queueMs !== undefined) {
    catalogue.queueWait.observe({ backend }, outcome.queueMs / 1000);
  }
  observeResponses(catalogue, outcome, claudeBackend);
  observeSpeed(catalogue, { route, backend }, outcome);
  observePrediction(catalogue, outcome);
  observeTokens(catalogue, { backend, model }, outcome);
  observeCacheWorth(catalogue, backend, outcome);
}

function observeRouting(catalogue: Catalogue, outcome: Outcome): void {
  const { classification, decision, attempts, answeredBy } = outcome;
  if (classification) catalogue.classifications.inc(classificationLabels(classification));
  if (decision) {
    catalogue.decisions.inc({ backend: decision.targets[0].backend, reason: decision.reason });
  }
  const [first] = attempts;
  if (first === undefined || first.backend === answeredBy) return;
  catalogue.fallbacks.inc({ from: first.backend, to: answeredBy, reason: fallbackReason(first.fault) });
}

/** Neither classified nor translated is what goes to the Claude API as it came. */
function observeOverhead({ overhead }: Catalogue, { overheadMs, classifyMs, translateMs }: Outcome): void {
  if (overheadMs !== undefined) overhead.observe({ phase: 'total' }, overheadMs / 1000);
  if (classifyMs !== undefined) overhead.observe({ phase: 'classify' }, classifyMs / 1000);
  if (translateMs !== undefined) overhead.observe({ phase: 'translate' }, translateMs / 1000);
}

function classificationLabels({ task, reason, probability }: Classification) {
  return { route: task, rule: reason, confidence: probability >= HIGH_CONFIDENCE ? 'high' : 'low' };
}

function observeBackend(catalogue: Catalogue, backend: string, outcome: Outcome): void {
  const { toolCalls, invalidToolCalls, cache, ending } = outcome;
  catalogue.toolCalls.inc({ backend, result: 'valid' }, toolCalls.length);
  catalogue.toolCalls.inc({ backend, result: 'invalid' }, invalidToolCalls);
  catalogue.cacheRequests.inc({ backend, result: cacheResult(cache), evidence: cache.evidence });
  const side = interruptedBy(ending);
  if (side) catalogue.interruptions.inc({ backend, side });
}

function observePrediction(catalogue: Catalogue, outcome: Outcome): void {
  const { answeredBy: backend, firstTokenMs } = outcome;
  const predicted = forecastOf(outcome);
  if (predicted === undefined || !firstTokenMs) return;
  catalogue.ttftError.observe({ backend }, (predicted.ttftSeconds * 1000) / firstTokenMs);
  catalogue.ttftExpected.inc({ backend }, predicted.ttftSeconds);
  catalogue.ttftActual.inc({ backend }, firstTokenMs / 1000);
}

/** One count an attempt that reached for the backend; what waited at its gate in vain did not. */
function observeResponses(catalogue: Catalogue, outcome: Outcome, claudeBackend: string): void {
  for (const { backend, fault, httpStatus } of outcome.attempts) {
    if (neverAsked(fault)) continue;
    catalogue.responses.inc({ backend, code: codeLabel(httpStatus) });
  }
  const { answeredBy: backend, ending } = outcome;
  const isRelayed = backend === claudeBackend && outcome.attempts.length === 0;
  if (ending.result === 'completed' || (ending.result === 'cancelled' && ending.phase === 'mid-stream')) {
    catalogue.responses.inc({ backend, code: codeLabel(isRelayed ? outcome.httpStatus : 200) });
  } else if (ending.result === 'failed' && isRelayed && !neverAsked(ending.fault)) {
    const status = isStatusFault(ending.fault) ? outcome.httpStatus : undefined;
    catalogue.responses.inc({ backend, code: codeLabel(status) });
  }
}

function observeSpeed(
  catalogue: Catalogue,
  labels: { route: RouteLabel; backend: string },
  outcome: Outcome,
): void {
  const { requestId, cache, ttftMs } = outcome;
  if (ttftMs === undefined) return;
  const ttftLabels = { backend: labels.backend, cache: cacheResult(cache) };
  catalogue.observeTtft(ttftLabels, ttftMs / 1000, requestId);
  const decode = decodeOfOutcome(outcome);
  if (decode) catalogue.tokenTime.observe(labels, 1 / tokensPerSecond(decode));
}

function observeCacheWorth(catalogue: Catalogue, backend: string, outcome: Outcome): void {
  const { cacheBreak, saved, cache } = outcome;
  if (cacheBreak) {
    catalogue.cacheBreaks.inc({ backend, cause: cacheBreak.cause });
    catalogue.cacheBreakTokens.inc({ backend }, cacheBreak.lostTokens ?? 0);
    catalogue.cacheBreakSeconds.inc({ backend }, cacheBreak.lostSeconds ?? 0);
  }
  if (saved && cache.evidence !== 'none') {
    catalogue.savedSeconds.inc({ backend, evidence: cache.evidence }, saved.seconds);
  }
}

type Asked = { readonly backend: string; readonly model: string };

function observeTokens(catalogue: Catalogue, asked: Asked, { outputTokens, cache }: Outcome): void {
  if (outputTokens !== undefined) catalogue.outputTokens.inc(asked, outputTokens);
  if (cache.evidence !== 'none') observePrompt(catalogue, asked, cache);
  else if (cache.promptTokens !== undefined) {
    catalogue.inputTokens.inc({ ...asked, cache: 'unknown' }, cache.promptTokens);
  }
}

type Known = Exclude<CacheReport, { readonly evidence: 'none' }>;

function observePrompt(catalogue: Catalogue, asked: Asked, cache: Known): void {
  const written = cache.writtenTokens ?? 0;
  const computed = Math.max(0, cache.promptTokens - cache.cachedTokens - written);
  catalogue.inputTokens.inc({ ...asked, cache: 'read' }, cache.cachedTokens);
  catalogue.inputTokens.inc({ ...asked, cache: 'write' }, written);
  catalogue.inputTokens.inc({ ...asked, cache: 'none' }, computed);
  catalogue.uncachedPrompt.observe({ backend: asked.backend }, cache.promptTokens - cache.cachedTokens);
}

function routeLabel(outcome: Outcome, claudeBackend: string): RouteLabel {
  if (outcome.answeredBy === claudeBackend) return 'passthrough';
  return outcome.classification?.task ?? 'daemon';
}

function outcomeLabel(ending: Ending): OutcomeLabel {
  switch (ending.result) {
    case 'completed':
      return 'ok';
    case 'cancelled':
      return 'client_abort';
    case 'refused':
      return ending.refusal === 'no-backend' ? 'upstream_error' : 'invalid_request';
    case 'failed':
      if (ending.fault === 'stalled') return 'timeout';
      if (ending.fault === 'overflow' || ending.fault === 'rejected') return 'invalid_request';
      if (ending.fault === 'queue-full' || ending.fault === 'draining') return 'overloaded';
      return 'upstream_error';
    default:
      return ending satisfies never;
  }
}

function interruptedBy(ending: Ending): Side | undefined {
  if (ending.result === 'completed' || ending.result === 'refused' || ending.phase !== 'mid-stream') {
    return undefined;
  }
  if (ending.result === 'cancelled') return 'client';
  if (ending.fault === 'stalled') return 'idle';
  return ending.fault === 'draining' || ending.fault === 'internal' ? 'daemon' : 'upstream';
}

function neverAsked(fault: Fault): boolean {
  return fault === 'queue-full' || fault === 'draining' || fault === 'internal';
}

function isStatusFault(fault: Fault): boolean {
  return ['rejected', 'unauthorised', 'rate-limited', 'overloaded', 'status'].includes(fault);
}
