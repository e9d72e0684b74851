// A working session against two real servers under each policy: seconds waited, switches, and how well the wait for
// the first token was predicted. `node bench/sessions.ts [--json]`
//
// mlx_lm.server with the scripted model plays both parts, at pretended speeds: the one for edits prefills half as fast.
// Its tokens, prompt cache and event stream are real. 40 turns, alternating in threes between questions and edits; a
// question is one call, an edit is a tool call and the word that it is done.

import { parseArgs } from 'node:util';
import type { Mode } from '../router/decision.ts';
import { startMlx, whyNot } from '../test/engine/engines.ts';
import { playSession, type SessionResult } from './sessions/play.ts';
import { script } from './sessions/script.ts';

const MODES = ['task', 'auto', 'mlx-lm', 'lmstudio'] as const satisfies readonly Mode[];
const TURNS = 40;
const SPEEDS = {
  'mlx-lm': { prefillTps: 3000, decodeTps: 60, prefillStepSize: 256 },
  lmstudio: { prefillTps: 1500, decodeTps: 60, prefillStepSize: 256 },
} as const;

const { values: options } = parseArgs({ options: { json: { type: 'boolean' } } });
const missing = await whyNot('mlx', (line) => process.stderr.write(`${line}\n`));
if (missing) {
  process.stderr.write(`${missing}\n`);
  process.exit(1);
}

const results: SessionResult[] = [];
for (const mode of MODES) {
  process.stderr.write(`${mode} …\n`);
  // Fresh ones for each: nothing of the session before is in their caches.
  const analysis = await startMlx(SPEEDS['mlx-lm']);
  const edit = await startMlx(SPEEDS.lmstudio);
  try {
    results.push(
      await playSession(script(TURNS), { mode, urls: { 'mlx-lm': analysis.url, lmstudio: edit.url } }),
    );
  } finally {
    await analysis.stop();
    await edit.stop();
  }
}
process.stdout.write(options.json ? `${JSON.stringify(results, null, 2)}\n` : `${toTable(results)}\n`);

function toTable(all: readonly SessionResult[]): string {
  const rows = [
    [
      'policy',
      'calls',
      'failed',
      'waited s',
      'to first token s',
      'switches',
      'edit calls on lmstudio',
      'TTFT error',
    ],
    ...all.map((one) => [
      one.mode,
      String(one.calls),
      String(one.failed),
      one.waitedS.toFixed(1),
      one.ttftS.toFixed(1),
      String(one.switches),
      `${one.editCallsOnEdit} of ${one.editCalls}`,
      one.ttftErrorPercent === undefined
        ? '–'
        : `${one.ttftErrorPercent.toFixed(1)} % of ${one.predictedCalls}`,
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
