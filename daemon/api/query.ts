// The query of /api/…: every parameter known, each given once, each of a form that is allowed; else WireError 400 with
// one sentence that says what may be asked.

import { BREAK_CAUSES } from '../../router/breaks.ts';
import { CACHE_RESULTS } from '../../router/cache.ts';
import { DECISION_REASONS } from '../../router/decision.ts';
import { KINDS } from '../../router/outcome.ts';
import { type Cursor, type HistoryFilter, REQUEST_RESULTS } from '../../store/history.ts';
import type { SeriesRange } from '../../store/series.ts';
import type { SessionRange } from '../../store/sessions.ts';
import { parseSince } from '../../store/since.ts';
import { WireError } from '../../wire/error.ts';

const HISTORY_PARAMETERS = [
  ...['since', 'until', 'backend', 'model', 'task', 'kind', 'result', 'cache', 'reason', 'break'],
  ...['session', 'project', 'before', 'limit'],
];
const DEFAULT_LIMIT = 50;
const MOST_ROWS = 500;
const LONGEST_NAME = 300;
const MOST_STEPS = 60;

export function readHistoryFilter(search: URLSearchParams, nowMs: number): HistoryFilter {
  const query = readQuery(search, HISTORY_PARAMETERS);
  return {
    limit: limitOf(query.get('limit')),
    sinceMs: momentOf(query, 'since', nowMs),
    untilMs: momentOf(query, 'until', nowMs),
    backend: query.get('backend'),
    model: query.get('model'),
    task: oneOf(query, 'task', ['analysis', 'edit'] as const),
    kind: oneOf(query, 'kind', KINDS),
    result: oneOf(query, 'result', REQUEST_RESULTS),
    cache: oneOf(query, 'cache', CACHE_RESULTS),
    reason: oneOf(query, 'reason', DECISION_REASONS),
    break: oneOf(query, 'break', ['any', ...BREAK_CAUSES] as const),
    session: query.get('session'),
    project: query.get('project'),
    before: cursorOf(query.get('before')),
  };
}

/** `since` and `until`, cut into steps of a length that a person would choose. */
export function readSeriesRange(search: URLSearchParams, nowMs: number): SeriesRange {
  const query = readQuery(search, ['since', 'until']);
  const untilMs = momentOf(query, 'until', nowMs) ?? nowMs;
  const sinceMs = momentOf(query, 'since', nowMs) ?? untilMs - DAY_MS;
  if (sinceMs >= untilMs) throw wrong('since', 'must lie before until.');
  const stepMs =
    STEPS_MS.find((step) => (untilMs - sinceMs) / step <= MOST_STEPS) ?? (untilMs - sinceMs) / MOST_STEPS;
  return { sinceMs: Math.floor(sinceMs / stepMs) * stepMs, untilMs, stepMs };
}

/** Sessions of the last so many, those since 7 days ago where nothing is said. */
export function readSessionRange(search: URLSearchParams, nowMs: number): SessionRange {
  const query = readQuery(search, ['since', 'limit']);
  const sinceMs = momentOf(query, 'since', nowMs) ?? nowMs - 7 * DAY_MS;
  return { sinceMs, limit: limitOf(query.get('limit')) };
}

/** The range of `stats`, since 24 h ago where nothing is said. */
export function readRange(search: URLSearchParams, nowMs: number): { sinceMs: number; untilMs: number } {
  const query = readQuery(search, ['since']);
  return { sinceMs: momentOf(query, 'since', nowMs) ?? nowMs - DAY_MS, untilMs: nowMs };
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const STEPS_MS = [
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE_MS),
  ...[1, 2, 4, 6, 12].map((hours) => hours * HOUR_MS),
  ...[1, 2, 7, 14, 28].map((days) => days * DAY_MS),
];

function readQuery(search: URLSearchParams, known: readonly string[]): ReadonlyMap<string, string> {
  const query = new Map<string, string>();
  for (const [name, value] of search) {
    if (!known.includes(name)) {
      const others = known.length === 1 ? `there is ${known[0]} alone` : `there are ${known.join(', ')}`;
      throw wrong(name.slice(0, 40), `is not known here: ${others}.`);
    }
    if (query.has(name)) throw wrong(name, 'is given twice.');
    if (value.length > LONGEST_NAME) throw wrong(name, `is longer than ${LONGEST_NAME} characters.`);
    if (value !== '') query.set(name, value);
  }
  return query;
}

/** A moment in one of the forms of `--since`, or Unix epoch milliseconds. */
function momentOf(query: ReadonlyMap<string, string>, name: string, nowMs: number): number | undefined {
  const text = query.get(name);
  if (text === undefined) return undefined;
  if (/^\d{12,14}$/.test(text)) return Number(text);
  const moment = parseSince(text, nowMs, name);
  if ('problem' in moment) throw new WireError(moment.problem, 400);
  return moment.sinceMs;
}

function oneOf<Value extends string>(
  query: ReadonlyMap<string, string>,
  name: string,
  allowed: readonly Value[],
): Value | undefined {
  const text = query.get(name);
  if (text === undefined) return undefined;
  const value = allowed.find((each) => each === text);
  if (value === undefined)
    throw wrong(name, `is ${JSON.stringify(text)}, but it must be one of: ${allowed.join(', ')}.`);
  return value;
}

function limitOf(text = String(DEFAULT_LIMIT)): number {
  const limit = Number(text);
  if (/^\d{1,4}$/.test(text) && limit >= 1 && limit <= MOST_ROWS) return limit;
  throw wrong('limit', `is ${JSON.stringify(text)}, but it must be a number from 1 to ${MOST_ROWS}.`);
}

function cursorOf(text: string | undefined): Cursor | undefined {
  if (text === undefined) return undefined;
  const parts = /^(\d{1,16})\.(\d{1,16})$/.exec(text);
  if (parts === null) throw wrong('before', 'must be the `next` of an earlier answer.');
  return { startedMs: Number(parts[1]), id: Number(parts[2]) };
}

function wrong(name: string, what: string): WireError {
  return new WireError(`The parameter ${JSON.stringify(name)} ${what}`, 400);
}
