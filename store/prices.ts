// What the tokens that went to the Claude API cost, by a table that the user keeps: prices change, and none is known
// unless somebody wrote it down.

import type { ClaudeTokens } from './caches.ts';

/** Prices of one day, for a million tokens of each sort. */
export type PriceTable = {
  /** YYYY-MM-DD. */
  readonly asOf: string;
  readonly currency: string;
  readonly perMillionTokens: Readonly<Record<string, ModelPrices>>;
};

export type ModelPrices = {
  readonly input: number;
  readonly output: number;
  readonly cacheWrite?: number;
  readonly cacheRead?: number;
};

/** Null where the model, or a sort of token that it used, is not in the table. */
export function priceOf(tokens: ClaudeTokens, table: PriceTable | undefined): number | null {
  const prices = table && pricesOf(tokens.model, table);
  if (prices === undefined || (tokens.inputTokens === null && tokens.outputTokens === null)) return null;
  const parts = [
    part(tokens.inputTokens, prices.input),
    part(tokens.cacheWriteTokens, prices.cacheWrite),
    part(tokens.cacheReadTokens, prices.cacheRead),
    part(tokens.outputTokens, prices.output),
  ];
  return parts.reduce<number | null>((sum, each) => (sum === null || each === null ? null : sum + each), 0);
}

/** By its own name, or without the date that names one version of a model: `…-20260131`. */
function pricesOf(model: string | null, { perMillionTokens }: PriceTable): ModelPrices | undefined {
  if (model === null) return undefined;
  const known = new Map(Object.entries(perMillionTokens));
  return known.get(model) ?? known.get(model.replace(/-\d{8}$/, ''));
}

/** Tokens that nobody counted are taken for none: the API counts all that it sells. */
function part(tokens: number | null, perMillion: number | undefined): number | null {
  if (tokens === null || tokens === 0) return 0;
  return perMillion === undefined ? null : (tokens * perMillion) / 1e6;
}
