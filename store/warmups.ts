// Warmup → row. One row a run, written when it has ended and once more when it is known who used it.

import type { Insertable, Kysely } from 'kysely';
import type { Warmup, WarmupUse } from '../router/warmup.ts';
import type { Schema, WarmupsTable } from './schema.ts';

export type WarmupRow = Insertable<WarmupsTable>;

export function toWarmupRow(warmup: Warmup, daemonId: string): WarmupRow {
  const started_ms = Math.round(warmup.startedAtMs);
  return {
    warmup_id: warmup.warmupId,
    daemon_id: daemonId,
    purpose: warmup.purpose,
    backend: warmup.backend,
    model: warmup.model,
    session_id: warmup.sessionId ?? null,
    project: warmup.project ?? null,
    started_ms,
    ended_ms: started_ms + Math.round(warmup.durationMs),
    result: warmup.result,
    reason: warmup.reason ?? null,
    steps: warmup.steps,
    prompt_tokens: warmup.promptTokens ?? null,
    cached_tokens: warmup.cachedTokens ?? null,
    computed_tokens: warmup.computedTokens ?? null,
    cost_ms: warmup.durationMs,
    ...useColumns(warmup.use),
  };
}

function useColumns(use: WarmupUse | undefined) {
  const none = { use: null, used_request_id: null, used_tokens: null, saved_ms: null };
  if (use === undefined) return none;
  const used_request_id = use.requestId ?? null;
  if (use.result !== 'used') return { ...none, use: use.result, used_request_id };
  return { use: use.result, used_request_id, used_tokens: use.tokens, saved_ms: use.savedSeconds * 1000 };
}

/** All or none. Rejects with the database's own error. */
export async function writeWarmups(db: Kysely<Schema>, rows: readonly WarmupRow[]): Promise<void> {
  if (rows.length === 0) return;
  await db
    .insertInto('warmups')
    .values(rows)
    .onConflict((conflict) =>
      conflict.column('warmup_id').doUpdateSet(({ ref }) => ({
        use: ref('excluded.use'),
        used_request_id: ref('excluded.used_request_id'),
        used_tokens: ref('excluded.used_tokens'),
        saved_ms: ref('excluded.saved_ms'),
      })),
    )
    .execute();
}
