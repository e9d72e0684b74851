import { table } from '../../cli/terminal.ts';
import type { HybridResult } from '../hybrid.ts';
import type { SessionResult } from '../sessions/play.ts';

export function toText({ sessions, delays, cancelled }: HybridResult): string {
  return [
    'A session with pauses',
    table([
      ['catching up', 'waited s', 'to first token s', 'after a switch, median s', 'worst s', 'edits on E'],
      ...(['on', 'off'] as const).map((how) => sessionRow(how, sessions[how])),
    ]),
    pausesLine(sessions.on),
    '',
    'A request in mid-catch-up',
    table([
      ['server', 'alone s', 'in mid-catch-up s', 'longest delay s', 'bound s'],
      ...delays.map(({ server, aloneS, inCatchUpS, boundS }) => [
        server,
        aloneS.toFixed(2),
        inCatchUpS.map((s) => s.toFixed(2)).join(' '),
        (Math.max(...inCatchUpS) - aloneS).toFixed(2),
        boundS.toFixed(2),
      ]),
    ]),
    '',
    'A prefill that was left half-way: tokens cached when it is asked again',
    table([
      ['server', 'prompt', 'sent as a whole', 'sent in 4 steps, left in the third'],
      ...cancelled.map((one) => [
        one.server,
        String(one.promptTokens),
        String(one.wholeKeptTokens),
        String(one.stepsKeptTokens),
      ]),
    ]),
  ].join('\n');
}

function sessionRow(how: string, one: SessionResult): readonly string[] {
  const switches = one.switchTtftS.toSorted((a, b) => a - b);
  return [
    how,
    one.waitedS.toFixed(1),
    one.ttftS.toFixed(1),
    (switches[Math.floor(switches.length / 2)] ?? 0).toFixed(2),
    (switches.at(-1) ?? 0).toFixed(2),
    `${one.editCallsOnEdit} of ${one.editCalls}`,
  ];
}

function pausesLine({ pauses }: SessionResult): string {
  const { runs, steps, seconds, computedTokens, usedTokens, wastedTokens } = pauses;
  const open = computedTokens - usedTokens - wastedTokens;
  return `In pauses: ${runs} runs of ${steps} steps, ${seconds.toFixed(1)} s, ${computedTokens} tokens computed: ${usedTokens} used, ${wastedTokens} wasted, ${open} not asked for by the end.`;
}
