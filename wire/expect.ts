// Checks for the parser at the edge. Each throws WireError naming the key, what it was and what is allowed.

import { WireError } from './error.ts';
import { asFields, type Fields } from './fields.ts';

const MAX_SHOWN_CHARS = 40;

/** Ends the parsing: `allowed` completes the sentence "it must be …". */
export function unexpected(key: string, value: unknown, allowed: string): never {
  throw new WireError(`${key} is ${told(value)}; it must be ${allowed}.`);
}

export function expectObject(key: string, value: unknown): Fields {
  return asFields(value) ?? unexpected(key, value, 'an object');
}

export function expectArray(key: string, value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : unexpected(key, value, 'an array');
}

export function expectString(key: string, value: unknown): string {
  return typeof value === 'string' ? value : unexpected(key, value, 'a string');
}

export function expectFilled(key: string, value: unknown): string {
  return typeof value === 'string' && value !== ''
    ? value
    : unexpected(key, value, 'a string that is not empty');
}

export function expectOneOf<T extends string>(key: string, value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === value);
  return found ?? unexpected(key, value, `one of ${allowed.map((each) => `"${each}"`).join(', ')}`);
}

/** A key that may be left out; some clients write null instead. */
export function optional<T>(
  key: string,
  value: unknown,
  expect: (key: string, value: unknown) => T,
): T | undefined {
  return value === undefined || value === null ? undefined : expect(key, value);
}

export function expectBoolean(key: string, value: unknown): boolean {
  return typeof value === 'boolean' ? value : unexpected(key, value, 'true or false');
}

export function expectNumber(key: string, value: unknown): number {
  // JSON's 1e999 is Infinity here, which would be written as null again.
  return typeof value === 'number' && Number.isFinite(value) ? value : unexpected(key, value, 'a number');
}

export function expectWhole(key: string, value: unknown): number {
  return Number.isSafeInteger(value) ? expectNumber(key, value) : unexpected(key, value, 'a whole number');
}

export function expectPositive(key: string, value: unknown): number {
  const number = expectWhole(key, value);
  return number >= 1 ? number : unexpected(key, value, 'a whole number of at least 1');
}

function told(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  const shown = JSON.stringify(value) ?? 'unknown';
  return shown.length > MAX_SHOWN_CHARS ? `${shown.slice(0, MAX_SHOWN_CHARS)}…` : shown;
}
