// A folder of its own per test, and outcomes of the shape that the daemon makes.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Outcome } from '../../router/outcome.ts';
import { registerDaemon } from '../../store/daemons.ts';
import { openDatabase, type StoreDatabase } from '../../store/database.ts';

export const NOW_MS = Date.parse('2026-03-04T12:00:00Z');

/** Removed when the test ends. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'anyclaude-store-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Closed when the test ends. */
export async function openedStore(t: TestContext, path: string): Promise<StoreDatabase> {
  const opened = await openDatabase({ path, mode: 'write', nowMs: NOW_MS });
  if (opened.state === 'unusable') throw new Error(opened.message);
  t.after(() => opened.database.close());
  return opened.database;
}

export function freshStore(t: TestContext): Promise<StoreDatabase> {
  return openedStore(t, join(temporaryFolder(t), 'anyclaude.db'));
}

/** The daemon of that id lives as long as this process: what it works on is in flight, not interrupted. */
export function registerLiving(store: StoreDatabase, daemonId: string): Promise<void> {
  return registerDaemon(store.db, { daemonId, pid: process.pid, startedAtMs: NOW_MS, version: '0.0.0' });
}

/** A completed analysis request on mlx-lm: 1,000 prompt tokens, 900 of them cached, 100 put out, 99 of them in 2 s. */
export function outcome(requestId: string, changes: Partial<Outcome> = {}): Outcome {
  return {
    requestId,
    startedAtMs: NOW_MS,
    durationMs: 2500,
    kind: 'main',
    answeredBy: 'mlx-lm',
    model: 'qwen-test',
    requestedModel: 'claude-anyclaude',
    stream: true,
    sessionId: 'session-1',
    agentId: 'agent-1',
    turnId: 'turn-1',
    project: 'sample',
    clientVersion: '2.1.330',
    classification: { task: 'analysis', probability: 0.9, reason: 'question-words' },
    decision: {
      targets: [{ backend: 'mlx-lm', model: 'qwen-test' }],
      reason: 'task',
      detail: 'analysis goes to mlx-lm',
      passedOver: [{ backend: 'lmstudio', why: 'not-preferred', detail: 'takes edits' }],
    },
    attempts: [],
    queueMs: 1.5,
    ttftMs: 500,
    firstTokenMs: changes.ttftMs ?? 500,
    overheadMs: 0.75,
    outputTokens: 100,
    stopReason: 'end_turn',
    toolCalls: [],
    invalidToolCalls: 0,
    httpStatus: 200,
    bytesIn: 80_000,
    bytesOut: 4_000,
    cache: { evidence: 'reported', promptTokens: 1000, cachedTokens: 900, writtenTokens: 100 },
    ending: { result: 'completed' },
    ...changes,
  };
}
