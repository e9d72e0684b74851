// A key called __proto__ in a request. JSON.parse makes a harmless own key of it, but the next program to copy the
// object may set a prototype with it, and no tool and no client has a use for it.

import { WireError } from './error.ts';

const KEY = '__proto__';
/** In clear, or with at least one of its characters written as an escape (5f, 70, 72, 6f, 74). */
const TRACES = [KEY, '\\u005', '\\u006', '\\u007'].map((trace) => Buffer.from(trace));
const MAX_SHOWN_CHARS = 100;

/**
 * Throws WireError 400 naming the place of the first such key. `value` is what `bytes` were parsed to, of bounded
 * depth; it is walked only where the bytes hold a trace of the key, for texts may mention it.
 */
export function refuseForbiddenKeys(bytes: Buffer, value: unknown): void {
  if (!TRACES.some((trace) => bytes.includes(trace))) return;
  const place = placeOfKey(value, '');
  if (place === undefined) return;
  // Quoted: what is between quotes is told to the client, but not kept.
  const shown = place === '' ? 'the request body' : JSON.stringify(place.slice(0, MAX_SHOWN_CHARS));
  throw new WireError(`The key "${KEY}" in ${shown} is not accepted; leave it out or give it another name.`);
}

/** Of the object that has the key: empty for the outermost, undefined where there is none. */
function placeOfKey(value: unknown, place: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Object.hasOwn(value, KEY)) return place;
  for (const [key, inner] of Object.entries(value)) {
    const step = Array.isArray(value) ? `[${key}]` : place === '' ? key : `.${key}`;
    const found = placeOfKey(inner, place + step);
    if (found !== undefined) return found;
  }
  return undefined;
}
