// What a former process has saved, read field by field: nothing here throws, and what is not as expected is absent.

/** The fields of an object; none where the value is no object. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

export function isFiniteNumber(value: unknown): value is number {
  return Number.isFinite(value);
}

export function isPositive(value: unknown): value is number {
  return isFiniteNumber(value) && value > 0;
}
