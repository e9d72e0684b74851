// What `stats --json` prints and `/api/stats` answers: docs/stats-json.md, a test holds the two together.

import type { ClaudeTokens } from './caches.ts';
import { type PriceTable, priceOf } from './prices.ts';
import type { StatsReport } from './report.ts';

/** Grows when a key goes or changes its meaning; new keys may come without it. */
const SCHEMA = 3;

/** Ready for JSON: times are ISO 8601 in UTC, fractions have three decimals. Without `prices` none is known. */
export function statsDocument(report: StatsReport, generatedAtMs: number, prices?: PriceTable) {
  const { range, by, percentiles, totals, answeredHere, rows, timeline, kvCache, pauses } = report;
  return rounded({
    schema: SCHEMA,
    generatedAt: isoTime(generatedAtMs),
    range: { since: isoTime(range.sinceMs), until: isoTime(range.untilMs) },
    by,
    percentiles,
    totals,
    answeredHere,
    rows,
    timeline: {
      stepSeconds: timeline.stepMs / 1000,
      points: timeline.points.map(({ startMs, requests }) => ({ start: isoTime(startMs), requests })),
    },
    kvCache,
    pauses,
    claudeApi: claudeApi(report.claudeApi, prices),
  });
}

export type ClaudeBill = {
  /** Of all models together; null where one of them has no known price. */
  readonly price: number | null;
  readonly currency: string | null;
  /** The day of the prices. */
  readonly pricesAsOf: string | null;
  readonly models: readonly (ClaudeTokens & { readonly price: number | null })[];
};

export function claudeApi(tokens: readonly ClaudeTokens[], prices: PriceTable | undefined): ClaudeBill {
  const models = tokens.map((each) => ({ ...each, price: priceOf(each, prices) }));
  const price = models.reduce<number | null>(
    (sum, each) => (sum === null || each.price === null ? null : sum + each.price),
    0,
  );
  return {
    price: models.length === 0 ? null : price,
    currency: prices?.currency ?? null,
    pricesAsOf: prices?.asOf ?? null,
    models,
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** The types stay: a number is a number before and after. */
function rounded<Document>(document: Document): Document {
  return JSON.parse(
    JSON.stringify(document, (_key, value: unknown) =>
      typeof value === 'number' && !Number.isInteger(value) ? Number(value.toFixed(3)) : value,
    ),
  ) as Document;
}
