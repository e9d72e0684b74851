// What `stats` says in sentences, under its table.

import type { StatsReport } from '../store/report.ts';
import type { ClaudeBill } from '../store/stats-document.ts';
import { type Pen, safe } from './screen.ts';
import { orInferred, plural, shownShare, shownSpan, shownTokens } from './shown.ts';

export function summary({ totals, kvCache, pauses }: StatsReport, pen: Pen): readonly string[] {
  const { saved, breaks } = kvCache;
  const prompt = `Prompt tokens: ${shownTokens(totals.promptTokens, pen)}${cachedPart(totals, pen)}.`;
  return [
    prompt,
    ...(saved === null || saved.seconds <= 0 ? [] : [savedLine(saved, pen)]),
    ...(breaks.count === 0 ? [] : [breaksLine(breaks, pen)]),
    ...(pauses === null ? [] : [pausesLine(pauses, pen)]),
  ];
}

function savedLine(saved: NonNullable<StatsReport['kvCache']['saved']>, pen: Pen): string {
  const span = (seconds: number) => shownSpan(seconds * 1000, pen);
  const measured = saved.requests - saved.predictedRequests;
  const basis =
    measured > 0 && saved.predictedRequests > 0
      ? `${measured} by a measured wait, ${saved.predictedRequests} by a predicted one`
      : `by a ${measured > 0 ? 'measured' : 'predicted'} wait`;
  const from = Object.entries(saved.byEvidence).flatMap(([name, seconds]) => (seconds > 0 ? [name] : []));
  const evidence = from.length === 0 ? '' : `; cached tokens ${from.join(', ')}`;
  const between = `between ${span(saved.lowSeconds)} and ${span(saved.highSeconds)}`;
  return `Time saved by the cache, an estimate: ${span(saved.seconds)}, ${between} (${plural(saved.requests, 'request')}: ${basis}${evidence}).`;
}

function breaksLine(breaks: StatsReport['kvCache']['breaks'], pen: Pen): string {
  const causes = breaks.causes
    .map(({ cause, count }) => `${count === breaks.count ? 'all' : count} ${safe(cause, pen)}`)
    .join(', ');
  const time = breaks.seconds === null ? '' : `, ${shownSpan(breaks.seconds * 1000, pen)}`;
  return `Cache breaks: ${breaks.count} (${causes}); ${shownTokens(breaks.tokens, pen)} tokens computed again${time}.`;
}

function pausesLine(pauses: NonNullable<StatsReport['pauses']>, pen: Pen): string {
  const { runs, seconds, computedTokens, usedTokens, wastedTokens, savedSeconds } = pauses;
  const tokens = (count: number) => shownTokens(count, pen);
  const took = `${tokens(computedTokens)} tokens read ahead in ${shownSpan(seconds * 1000, pen)} (${plural(runs, 'run')})`;
  const had = `${tokens(usedTokens)} used, which saved ${shownSpan(savedSeconds * 1000, pen)}`;
  return `In pauses: ${took}; ${had}; ${tokens(wastedTokens)} wasted.`;
}

function cachedPart(totals: StatsReport['totals'], pen: Pen): string {
  const { cacheKnownRequests, cacheUnknownRequests, cacheInferredRequests } = totals;
  const { cachedTokens, cacheKnownPromptTokens: known } = totals;
  const whole = known === totals.promptTokens ? 'them' : `the ${shownTokens(known, pen)} told of`;
  const share = shownShare(cachedTokens, known, pen);
  const part = `${shownTokens(cachedTokens, pen)} of ${whole} (${share}%) from the cache`;
  const cached = orInferred(part, { inferred: cacheInferredRequests > 0 });
  return [
    ...(cacheKnownRequests === 0 ? [] : [`, ${cached}`]),
    ...(cacheUnknownRequests === 0
      ? []
      : [`; ${plural(cacheUnknownRequests, 'request')} without a cache report`]),
  ].join('');
}

/** They are among the rows and totals, too, and here by themselves: they cost money. */
export function claudeLines({ models, currency, pricesAsOf }: ClaudeBill, pen: Pen): readonly string[] {
  return models.map((each) => {
    const tokens = [
      `${shownTokens(each.inputTokens, pen)} in`,
      `${shownTokens(each.cacheReadTokens, pen)} read from its cache`,
      `${shownTokens(each.cacheWriteTokens, pen)} written to it`,
      `${shownTokens(each.outputTokens, pen)} out`,
    ].join(', ');
    const price =
      each.price === null
        ? `price ${pen.unknown}`
        : `${shownPrice(each.price)} ${currency} by the prices of ${pricesAsOf}`;
    const model = safe(each.model ?? pen.unknown, pen).slice(0, 60);
    return `Claude API, ${model}: ${plural(each.requests, 'request')}; tokens: ${tokens}; ${price}.`;
  });
}

function shownPrice(price: number): string {
  return price > 0 && price < 0.01 ? 'less than 0.01' : price.toFixed(2);
}
