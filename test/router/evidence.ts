import type { TurnEvidence } from '../../router/turn.ts';

/** Of a turn in which nothing has happened yet. */
export function evidence(more: Partial<TurnEvidence> = {}): TurnEvidence {
  return {
    turnId: 't',
    toolRuns: [],
    insideToolLoop: false,
    planMode: false,
    compaction: false,
    earlierTurns: [],
    messageCount: 1,
    ...more,
  };
}
