// A working session against two real servers under each policy: seconds waited, switches, and how well the wait for
// the first token was predicted. `npm run bench:sessions -- [--json] [--quick]`
//
// mlx_lm.server with the scripted model plays both parts, at pretended speeds: the one for edits prefills half as fast.
// Its tokens, prompt cache and event stream are real. 40 turns, alternating in threes between questions and edits; a
// question is one call, an edit is a tool call and the word that it is done. `--quick`: six turns at high speeds, two policies.

import { table } from '../cli/terminal.ts';
import type { Mode } from '../router/decision.ts';
import { startMlx, whyNot } from '../test/engine/engines.ts';
import { readArguments } from './arguments.ts';
import { playSession, type SessionResult } from './sessions/play.ts';
import { script } from './sessions/script.ts';

const { values: options } = readArguments({
  options: { json: { type: 'boolean' }, quick: { type: 'boolean' } },
});
const modes: readonly Mode[] = options.quick ? ['task', 'auto'] : ['task', 'auto', 'mlx-lm', 'lmstudio'];
const turns = options.quick ? 6 : 40;
const times = options.quick ? 10 : 1;
const analysisSpeed = { prefillTps: times * 3000, decodeTps: times * 60, prefillStepSize: 256 };
const editSpeed = { ...analysisSpeed, prefillTps: times * 1500 };

const missing = await whyNot('mlx', (line) => process.stderr.write(`${line}\n`));
if (missing) {
  process.stderr.write(`${missing}\n`);
  process.exit(1);
}

const results: SessionResult[] = [];
for (const mode of modes) {
  process.stderr.write(`${mode} …\n`);
  // Fresh ones for each: nothing of the session before is in their caches.
  const analysis = await startMlx(analysisSpeed);
  const edit = await startMlx(editSpeed);
  try {
    results.push(
      await playSession(script(turns), { mode, urls: { 'mlx-lm': analysis.url, lmstudio: edit.url } }),
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
  return table(rows);
}
