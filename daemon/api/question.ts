// What the page may ask of the record of requests, and how it is answered: JSON documents with a schema number that
// grows when a key changes its meaning or goes; new keys may come.

import type { Kysely } from 'kysely';
import { explainedDocument } from '../../store/explained.ts';
import { type HistoryFilter, requestHistory } from '../../store/history.ts';
import type { PriceTable } from '../../store/prices.ts';
import { emptyReport, type StatsRange, statsReport } from '../../store/report.ts';
import { findRequest } from '../../store/request.ts';
import type { Schema } from '../../store/schema.ts';
import { requestSeries, type SeriesRange } from '../../store/series.ts';
import { sessionsDocument } from '../../store/session-document.ts';
import { listSessions, type SessionRange } from '../../store/sessions.ts';
import { statsDocument } from '../../store/stats-document.ts';

export type Question =
  | { readonly about: 'history'; readonly filter: HistoryFilter }
  | { readonly about: 'request'; readonly id: string }
  | { readonly about: 'series'; readonly range: SeriesRange }
  | {
      readonly about: 'stats';
      readonly range: StatsRange;
      readonly nowMs: number;
      readonly prices?: PriceTable;
    }
  | { readonly about: 'sessions'; readonly range: SessionRange; readonly nowMs: number };

/** Undefined where what was asked for does not exist. Rejects with the database's error. */
export async function answerFrom(db: Kysely<Schema>, question: Question): Promise<object | undefined> {
  switch (question.about) {
    case 'history': {
      const { rows, next } = await requestHistory(db, question.filter);
      return { schema: 1, rows, next: next === undefined ? null : `${next.startedMs}.${next.id}` };
    }
    case 'request': {
      const found = await findRequest(db, question.id);
      return found && explainedDocument(found);
    }
    case 'series':
      return { schema: 1, range: question.range, ...(await requestSeries(db, question.range)) };
    case 'stats':
      return statsDocument(await statsReport(db, question.range, 'route'), question.nowMs, question.prices);
    case 'sessions':
      return sessionsDocument(await listSessions(db, question.range), until(question));
    default:
      return question satisfies never;
  }
}

/** What is answered before the first request has been recorded. */
export function answerFromNothing(question: Question): object | undefined {
  switch (question.about) {
    case 'history':
      return { schema: 1, rows: [], next: null };
    case 'request':
      return undefined;
    case 'series':
      return { schema: 1, range: question.range, percentiles: 'exact', points: [] };
    case 'stats':
      return statsDocument(emptyReport(question.range, 'route'), question.nowMs, question.prices);
    case 'sessions':
      return sessionsDocument({ sessions: [], more: 0, requestsWithoutSession: 0 }, until(question));
    default:
      return question satisfies never;
  }
}

function until({ range, nowMs }: { readonly range: SessionRange; readonly nowMs: number }) {
  return { sinceMs: range.sinceMs, untilMs: nowMs };
}
