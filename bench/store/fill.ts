// Requests of the shape that a busy team sends, written by SQLite itself: a million of them by way of the recorder
// would take longer than all that is measured.

import Database from 'better-sqlite3';
import { SUM_COLUMNS } from '../../store/sums.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const REQUESTS_A_SESSION = 120;

export type Fill = { readonly requests: number; readonly days: number; readonly nowMs: number };

export function fillRequests(path: string, { requests, days, nowMs }: Fill): void {
  const sqlite = new Database(path);
  sqlite.pragma('synchronous = off');
  const insert = sqlite.prepare(INSERT);
  const sinceMs = nowMs - days * DAY_MS;
  const stepMs = (days * DAY_MS) / requests;
  for (let from = 0; from < requests; from += 50_000) {
    insert.run({
      from,
      until: Math.min(requests, from + 50_000),
      sinceMs,
      stepMs,
      perSession: REQUESTS_A_SESSION,
    });
  }
  sqlite.pragma('wal_checkpoint(truncate)');
  sqlite.close();
}

/**
 * The rolled-up hours again for each period before, as though their requests had been pruned since. Each period has
 * sessions of its own. Gives the number of rows.
 */
export async function repeatHours(
  path: string,
  { days, periods, nowMs }: Pick<Fill, 'days' | 'nowMs'> & { readonly periods: number },
): Promise<number> {
  const sqlite = new Database(path);
  sqlite.pragma('synchronous = off');
  const sinceMs = nowMs - days * DAY_MS;
  const firstMs = sinceMs - (sinceMs % HOUR_MS);
  const top = Number(sqlite.prepare('select max(group_id) from rollup_groups').pluck().get());
  for (let period = 1; period < periods; period += 1) {
    const shift = { ms: period * days * DAY_MS, groups: period * top, name: `-${period}`, top, firstMs };
    for (const statement of REPEAT) sqlite.prepare(statement).run(named(statement, shift));
  }
  sqlite.prepare('update rollup_state set pruned_until_ms = ?').run(firstMs);
  const rows = Number(sqlite.prepare('select count(*) from rollup_hours').pluck().get());
  sqlite.exec('vacuum');
  sqlite.pragma('wal_checkpoint(truncate)');
  sqlite.close();
  return rows;
}

/** Only what a statement names may be given to it. */
function named(statement: string, values: Readonly<Record<string, number | string>>) {
  return Object.fromEntries(Object.entries(values).filter(([name]) => statement.includes(`@${name}`)));
}

const columns = SUM_COLUMNS.join(', ');
/** Sessions end; all else goes on from period to period. */
const GROUP = `case when facet in ('session', 'here') then group_id + cast(@groups as integer) else group_id end`;
const EARLIER = 'hour_ms - cast(@ms as integer)';
const REPEAT = [
  `insert into rollup_groups select group_id + cast(@groups as integer), facet,
   last_hour_ms - cast(@ms as integer), task, backend, model, project, decision_reason, session_id || @name,
   break_cause from rollup_groups where facet in ('session', 'here') and group_id <= @top`,
  `insert into rollup_hours (facet, hour_ms, group_id, ${columns})
   select facet, ${EARLIER}, ${GROUP}, ${columns} from rollup_hours where hour_ms >= @firstMs`,
  `insert into rollup_buckets (facet, hour_ms, group_id, histogram, bucket, requests)
   select facet, ${EARLIER}, ${GROUP}, histogram, bucket, requests from rollup_buckets where hour_ms >= @firstMs`,
];

// Three questions to one edit; two thirds find their prompt cached. `mix` is the same for the same number.
const INSERT = `
with recursive numbers(n) as (select cast(@from as integer) union all select n + 1 from numbers where n + 1 < cast(@until as integer)),
drawn as (
  select n, (n * 2654435761) % 1000 as mix, n / (8 * cast(@perSession as integer)) as session from numbers
),
shaped as (
  select n, mix, session,
    mix % 4 = 0 as edits, mix % 3 <> 0 as hits, 2000 + (n * 7919) % 60000 as prompt,
    case when mix % 3 <> 0 then 300.0 + mix else 4000.0 + 25 * mix end as ttft
  from drawn
)
insert into requests (
  request_id, daemon_id, started_ms, ended_ms, result, kind, task, task_probability, classify_reason,
  decision_reason, decision_detail, backend, model, requested_model, stream, session_id, agent_id, turn_id,
  project, client_version, http_status, stop_reason, prompt_tokens, cached_tokens, output_tokens, cache_evidence,
  cache_result, queue_ms, overhead_ms, ttft_ms, first_token_ms, duration_ms, attempts, tool_calls, invalid_tool_calls, bytes_in,
  bytes_out, fault, phase, saved_seconds, saved_low_seconds, saved_high_seconds, saved_basis, break_cause,
  break_tokens
)
select
  'req_' || n, 'd-1', cast(@sinceMs + n * @stepMs as integer), cast(@sinceMs + n * @stepMs as integer) + 9000,
  case when mix < 15 then 'failed' else 'completed' end, 'main', iif(edits, 'edit', 'analysis'), 0.9,
  'question-words', case mix % 5 when 0 then 'sticky' when 1 then 'cheaper' else 'task' end, 'by the task',
  iif(edits, 'lmstudio', 'mlx-lm'), iif(edits, 'coder-test', 'qwen-test'), 'claude-anyclaude', 1,
  'session-' || (session * 8 + n % 8), null, 'turn-' || (n / 6), 'project-' || (session % 4), '2.1.330', 200,
  'end_turn', iif(edits, null, prompt), iif(edits, null, iif(hits, prompt * 9 / 10, 0)), 20 + mix,
  iif(edits, 'none', 'reported'), iif(edits, 'unknown', iif(hits, 'hit', 'miss')), 0.5, 1.5, ttft, ttft,
  ttft + 500 + 20 * mix, 0, iif(edits, 1, 0), 0, 90000, 4000,
  case when mix < 15 then 'reset' end, case when mix < 15 then 'mid-stream' end,
  case when hits and not edits then 12.5 end, case when hits and not edits then 9.0 end,
  case when hits and not edits then 16.0 end, case when hits and not edits then 'measured' end,
  case when mix % 50 = 3 then 'tools-added' end, case when mix % 50 = 3 then 900 end
from shaped`;
