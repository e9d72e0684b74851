// JSON of unknown shape, read field by field: nothing here throws, and what is not as expected is absent.

export type Fields = Readonly<Record<string, unknown>>;

/** The object in this text; undefined where the text is not JSON, or JSON of another kind. */
export function parseFields(text: string): Fields | undefined {
  try {
    return asFields(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Undefined where the value is not an object; an array is not one. */
export function asFields(value: unknown): Fields | undefined {
  const isFields = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isFields ? (value as Fields) : undefined;
}

export function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** More cached than there is prompt contradicts itself, like a negative count: then nothing is known of the cache. */
export function cachedPart(
  told: unknown,
  promptTokens: number | undefined,
): { readonly cachedTokens?: number; readonly impossibleCache?: true } {
  if (!isPresent(told)) return {};
  const cachedTokens = toCount(told);
  const isPossible = cachedTokens !== undefined && cachedTokens <= (promptTokens ?? cachedTokens);
  return isPossible ? { cachedTokens } : { impossibleCache: true };
}

/** A whole number that is not negative. */
export function toCount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined;
}
