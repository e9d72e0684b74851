// What `stats --json` prints and /api/stats answers. `schema` grows when a key changes its meaning or goes; new keys
// may come.

import type { StatsReport } from './report.ts';

export function statsDocument(report: StatsReport, generatedAtMs: number): object {
  const { range, by, totals, answeredHere, rows, timeSaved, kvCache } = report;
  return {
    schema: 1,
    generatedAt: new Date(generatedAtMs).toISOString(),
    range: { since: new Date(range.sinceMs).toISOString(), until: new Date(range.untilMs).toISOString() },
    by,
    totals,
    answeredHere,
    rows,
    timeSaved,
    kvCache,
  };
}
