// Every request of a period, a page at a time: whoever reads has never more than one page in memory, and the daemon's
// writing is held up by no long read.

import type { Kysely, Selectable } from 'kysely';
import type { AttemptsTable, RequestsTable, Schema } from './schema.ts';

/** What is written of a request, in this order: frozen (docs/json.md), whatever columns the file may get. */
export const EXPORTED_COLUMNS = [
  'id',
  'request_id',
  'daemon_id',
  'started_ms',
  'ended_ms',
  'result',
  'kind',
  'task',
  'task_probability',
  'classify_reason',
  'decision_reason',
  'decision_detail',
  'passed_over',
  'backend',
  'model',
  'requested_model',
  'stream',
  'session_id',
  'agent_id',
  'turn_id',
  'project',
  'client_version',
  'phase',
  'fault',
  'refusal',
  'http_status',
  'stop_reason',
  'prompt_tokens',
  'cached_tokens',
  'written_tokens',
  'output_tokens',
  'cache_evidence',
  'cache_result',
  'queue_ms',
  'overhead_ms',
  'ttft_ms',
  'duration_ms',
  'attempts',
  'tool_calls',
  'invalid_tool_calls',
  'bytes_in',
  'bytes_out',
  'message',
  'predicted_ttft_ms',
  'first_token_ms',
  'predicted',
  'alternatives',
  'shadow',
  'signals',
  'break_cause',
  'break_segment',
  'break_detail',
  'break_tokens',
  'break_seconds',
  'break_seconds_basis',
  'saved_seconds',
  'saved_low_seconds',
  'saved_high_seconds',
  'saved_basis',
  'saved_cold_samples',
  'server_version',
  'cold_load',
] as const satisfies readonly (keyof RequestsTable)[];

type ExportedColumns = Pick<Selectable<RequestsTable>, (typeof EXPORTED_COLUMNS)[number]>;
type ExportedRequest = ExportedColumns & { readonly failed_attempts: readonly AttemptsTable[] };

const ATTEMPT_COLUMNS = ['request_id', 'n', 'backend', 'fault', 'phase', 'message', 'duration_ms'] as const;

const PAGE = 500;

/** By the time they started; those that start at the same time in the order they came in. Both ends belong to it. */
export async function* exportPages(
  db: Kysely<Schema>,
  range: { readonly sinceMs: number; readonly untilMs: number },
): AsyncGenerator<readonly ExportedRequest[]> {
  let after = { started_ms: range.sinceMs, id: -1 };
  for (;;) {
    const page = await pageAfter(db, after, range.untilMs);
    const last = page.at(-1);
    if (last === undefined) return;
    yield await withAttempts(db, page);
    after = last;
  }
}

type Position = { readonly started_ms: number; readonly id: number };

function pageAfter(db: Kysely<Schema>, after: Position, untilMs: number) {
  return db
    .selectFrom('requests')
    .select(EXPORTED_COLUMNS)
    .where('started_ms', '<=', untilMs)
    .where((eb) => eb(eb.refTuple('started_ms', 'id'), '>', eb.tuple(after.started_ms, after.id)))
    .orderBy('started_ms')
    .orderBy('id')
    .limit(PAGE)
    .execute();
}

async function withAttempts(
  db: Kysely<Schema>,
  page: readonly ExportedColumns[],
): Promise<readonly ExportedRequest[]> {
  const ids = page.filter(({ attempts }) => attempts !== 0).map(({ request_id }) => request_id);
  const attempts = db
    .selectFrom('attempts')
    .select(ATTEMPT_COLUMNS)
    .where('request_id', 'in', ids)
    .orderBy('n');
  const rows = ids.length === 0 ? [] : await attempts.execute();
  const byRequest = Map.groupBy(rows, ({ request_id }) => request_id);
  return page.map((request) => ({ ...request, failed_attempts: byRequest.get(request.request_id) ?? [] }));
}
