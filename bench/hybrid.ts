// What pauses are worth, and what they cost whoever comes in the middle of one. `npm run bench:hybrid -- [--json] [--quick]`
//
// The session: 40 turns, in threes between questions and edits, each with some 900 pasted tokens, on two real
// mlx_lm.servers with the scripted model at pretended speeds (tokens, prompt cache and stream are real), once with
// catching up in pauses and once without. The delays and the cancelled prefills: on mlx_lm.server and on llama.cpp.
// `--quick`: four turns, one delay, high speeds, and mlx_lm.server alone.

import { startLlama, startMlx, whyNot } from '../test/engine/engines.ts';
import { readArguments } from './arguments.ts';
import { type Cancelled, measureCancelled } from './hybrid/cancelled.ts';
import { type Delays, measureDelays } from './hybrid/delay.ts';
import { toText } from './hybrid/report.ts';
import { playSession, type SessionResult } from './sessions/play.ts';
import { script } from './sessions/script.ts';

export type HybridResult = {
  readonly sessions: Readonly<Record<'on' | 'off', SessionResult>>;
  readonly delays: readonly Delays[];
  readonly cancelled: readonly Cancelled[];
};

const PASTED_LINES = 110;

const { values: options } = readArguments({
  options: { json: { type: 'boolean' }, quick: { type: 'boolean' } },
});
const size = options.quick
  ? { turns: 4, pauseMs: 1500, delays: 1, prefillTps: 10_000 }
  : { turns: 40, pauseMs: 3000, delays: 5, prefillTps: 2500 };
const SPEEDS = { prefillTps: size.prefillTps, decodeTps: 60, prefillStepSize: 512 } as const;

for (const part of options.quick ? (['mlx'] as const) : (['mlx', 'llama'] as const)) {
  const missing = await whyNot(part, say);
  if (missing) {
    say(missing);
    process.exit(1);
  }
}

const sessions = { on: told(await play('on')), off: told(await play('off')) };
const mlx = {
  name: 'mlx_lm.server',
  start: () => startMlx(SPEEDS),
  units: 1500,
  serverStepS: SPEEDS.prefillStepSize / SPEEDS.prefillTps,
} as const;
// It looks for new work between batches of 512 tokens, but finishes a prompt that nobody waits for.
const llama = { name: 'llama.cpp', start: () => startLlama(), units: 160 } as const;
const delays: Delays[] = [];
const cancelled: Cancelled[] = [];
for (const server of options.quick ? [mlx] : [mlx, llama]) {
  say(`${server.name}: requests in mid-catch-up …`);
  delays.push(told(await measureDelays(server, size.delays)));
  say(`${server.name}: cancelled prefills …`);
  cancelled.push(told(await measureCancelled(server)));
}
const result: HybridResult = { sessions, delays, cancelled };
process.stdout.write(options.json ? `${JSON.stringify(result, null, 2)}\n` : `${toText(result)}\n`);

async function play(catchUp: 'on' | 'off'): Promise<SessionResult> {
  say(`a session of ${size.turns} turns, catching up ${catchUp} …`);
  const analysis = await startMlx(SPEEDS);
  const edit = await startMlx(SPEEDS);
  try {
    return await playSession(script(size.turns, PASTED_LINES), {
      mode: 'task',
      urls: { 'mlx-lm': analysis.url, lmstudio: edit.url },
      // Without it a pause changes nothing, and nobody has to wait for it.
      pauseMs: catchUp === 'on' ? size.pauseMs : 0,
      catchUp,
    });
  } finally {
    await analysis.stop();
    await edit.stop();
  }
}

/** At once: a whole run takes some twenty minutes. */
function told<Result>(result: Result): Result {
  say(JSON.stringify(result));
  return result;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
