// How figures are written for people. What nobody told is a dash, never 0.

import type { Pen } from './screen.ts';

type Known = number | null | undefined;

/** 31.2k, 1.4M, 2.15G. */
export function shownTokens(value: Known, pen: Pen): string {
  if (value === null || value === undefined) return pen.unknown;
  if (value < 10_000) return String(Math.round(value));
  if (value < 999_500) return `${(value / 1000).toPrecision(3)}k`;
  return value < 999_950_000 ? `${(value / 1e6).toFixed(1)}M` : `${(value / 1e9).toFixed(2)}G`;
}

/** Without its unit: it stands in the title. */
export function shownSeconds(ms: Known, pen: Pen): string {
  if (ms === null || ms === undefined) return pen.unknown;
  const decimals = ms < 10_000 ? 2 : ms < 100_000 ? 1 : 0;
  return (ms / 1000).toFixed(decimals);
}

/** 4.2 s, 3 min 10 s, 2 h 5 min, 3 d 4 h. */
export function shownSpan(ms: Known, pen: Pen): string {
  if (ms === null || ms === undefined) return pen.unknown;
  const whole = Math.round(ms / 1000);
  if (whole < 60) return `${(ms / 1000).toFixed(1)} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const hours = Math.floor(whole / 3600);
  if (hours < 48) return `${hours} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `part` of `whole` in percent: 99.6 % is not all of them, only a true 100 may read so. */
export function shownShare(part: Known, whole: Known, pen: Pen): string {
  if (part === null || part === undefined || !whole) return pen.unknown;
  return part === whole ? '100' : String(Math.min(99, Math.round((100 * part) / whole)));
}

/** What was derived, not told, says so. */
export function orInferred(cell: string, isInferred: { readonly inferred: boolean }): string {
  return isInferred.inferred && /\d/.test(cell) ? `~${cell}` : cell;
}

export function plural(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

/** The last part of a path; anything else as it is. */
export function lastName(path: string): string {
  return path.split(/[/\\]/).findLast((part) => part !== '') ?? path;
}

export function shownDay(ms: number): string {
  const at = new Date(ms);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** HH:MM:SS of this machine's zone. */
export function shownClock(ms: number): string {
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
