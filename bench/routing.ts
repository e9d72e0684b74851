// How good the router would have been on recorded sessions. `npm run bench:routing -- FILE.jsonl.gz… [--json]`
//
//   --json   one JSON object on stdout instead of the tables

import { readArguments } from './arguments.ts';
import { percentile } from './figures.ts';
import { taskFigures } from './routing/accuracy.ts';
import { baselines } from './routing/baselines.ts';
import { prepare } from './routing/prepare.ts';
import { measureReading } from './routing/reading.ts';
import { type BenchResult, toJson, toTables } from './routing/report.ts';
import { runRows } from './routing/rows.ts';
import { unseenScorers } from './routing/scorers.ts';
import { readTraceFiles, type TraceSession } from './routing/trace-file.ts';

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals: files } = readArguments({
    args: [...args],
    options: { json: { type: 'boolean' } },
    allowPositionals: true,
  });
  if (files.length === 0)
    return fail('Name at least one trace file: npm run bench:routing -- FILE.jsonl.gz…');
  const { sessions, complaints } = readTraceFiles(files);
  for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
  const calls = sessions.flatMap(({ events }) => events.filter((event) => event.kind === 'call'));
  if (calls.length === 0) return fail('There is no model call in what could be read: nothing to measure.');
  if (calls.every(({ ctx }) => ctx === 0)) {
    return fail('No model call says how long its prompt was (ctx): nothing could be replayed.');
  }
  const result = await measure(sessions);
  process.stdout.write(`${values.json ? toJson(result) : toTables(result)}\n`);
  return 0;
}

async function measure(sessions: readonly TraceSession[]): Promise<BenchResult> {
  const { scorerOf, weights } = unseenScorers(sessions);
  const prepared = prepare(sessions, scorerOf);
  return {
    prompts: taskFigures(prepared.prompts),
    calls: taskFigures(prepared.calls),
    reading: measureReading(),
    classifyMsP99: percentile(prepared.classifyMs, 0.99),
    rows: await runRows(prepared.sessions),
    baselines: baselines(sessions),
    weights,
    sessions: sessions.length,
  };
}

function fail(why: string): number {
  process.stderr.write(`${why}\n`);
  return 1;
}
