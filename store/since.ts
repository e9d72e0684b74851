// The forms of `--since` and `--until`, on the command line and in a query.

const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
/** 100 years: what lies further back is a slip of the hand. */
const LONGEST_SPAN_MS = 36_525 * 86_400_000;
const FORMS = 'a span (15m, 24h, 7d), a day or time (2026-01-31, 2026-01-31T08:00) or today';

export type Since = { readonly sinceMs: number } | { readonly problem: string };

/** Days and times without a zone are local. The problem is a sentence that names the forms allowed. */
export function parseSince(text: string, nowMs: number, name = '--since'): Since {
  const sinceMs = momentOf(text.trim(), nowMs);
  if (sinceMs === undefined) return { problem: notUnderstood(name, text) };
  if (sinceMs > nowMs)
    return { problem: `${name} takes ${FORMS} in the past, and "${text}" is still to come.` };
  return { sinceMs };
}

export type Period =
  | { readonly range: { readonly sinceMs: number; readonly untilMs: number } }
  | { readonly problem: string };

/** What a period without a beginning begins with. */
const DEFAULT_SINCE = '24h';

/** A day that `until` names belongs to the period to its end. Without `until` it is now. */
export function parsePeriod(
  { since, until }: { readonly since?: string | undefined; readonly until?: string | undefined },
  nowMs: number,
): Period {
  const from = parseSince(since ?? DEFAULT_SINCE, nowMs);
  if ('problem' in from) return from;
  const untilMs = until === undefined ? nowMs : endOf(until.trim(), nowMs);
  if (untilMs === undefined) return { problem: notUnderstood('--until', until ?? '') };
  if (untilMs < from.sinceMs) {
    const begin = since === undefined ? `the default --since ${DEFAULT_SINCE}` : `--since "${since}"`;
    return { problem: `--until "${until}" lies before ${begin}: the period has to end after it.` };
  }
  return { range: { sinceMs: from.sinceMs, untilMs } };
}

function notUnderstood(name: string, text: string): string {
  const bound = /^[1-9]\d*[mhd]$/.test(text.trim()) ? ' A span is 100 years at most.' : '';
  return `${name} takes ${FORMS}, not "${text}".${bound}`;
}

function endOf(text: string, nowMs: number): number | undefined {
  const ms = momentOf(text, nowMs);
  if (ms === undefined || !/^(today|\d{4}-\d{2}-\d{2})$/.test(text)) return ms;
  return new Date(ms).setHours(24, 0, 0, 0) - 1;
}

function momentOf(text: string, nowMs: number): number | undefined {
  if (text === 'today') return new Date(nowMs).setHours(0, 0, 0, 0);
  const span = /^(\d{1,9})([mhd])$/.exec(text);
  if (span !== null) return spanStart(Number(span[1]), UNIT_MS[span[2] ?? ''], nowMs);
  const date = /^(\d{4}-\d{2}-\d{2})(T.+)?$/.exec(text);
  return date === null ? undefined : calendarMoment(date[1] ?? '', date[2] ?? 'T00:00');
}

function spanStart(n: number, unitMs: number | undefined, nowMs: number): number | undefined {
  if (n === 0 || unitMs === undefined || n * unitMs > LONGEST_SPAN_MS) return undefined;
  return nowMs - n * unitMs;
}

function calendarMoment(day: string, time: string): number | undefined {
  // JavaScript makes 2 March of 30 February: a day that does not survive the round trip does not exist.
  const isReal = new Date(`${day}T00:00Z`);
  if (Number.isNaN(isReal.getTime()) || isReal.toISOString().slice(0, 10) !== day) return undefined;
  const moment = new Date(day + time).getTime();
  return Number.isNaN(moment) ? undefined : moment;
}
