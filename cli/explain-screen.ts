// The one screen of `explain`. What nobody told is a dash.

import type { Cost, CostParts } from '../router/cost.ts';
import type { Explained } from '../store/explained.ts';
import { cacheLines } from './explain-cache.ts';
import { table } from './terminal.ts';

const SIGNALS_SHOWN = 6;
const PARTS = [
  'queue',
  'load',
  'prefill',
  'decode',
  'quality',
  'preference',
  'future',
] as const satisfies readonly (keyof CostParts)[];

/** Ends with a line break. */
export function renderExplained(explained: Explained): string {
  const sections = [heading(explained), task(explained), choice(explained), happened(explained)];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function heading({ requestId, startedAt, kind, session }: Explained): readonly string[] {
  return [`${requestId}  ${startedAt}  kind ${kind ?? '-'}${session === null ? '' : `  session ${session}`}`];
}

function task({ task: found }: Explained): readonly string[] {
  if (found === null) return ['No task: it never came to a decision.'];
  const belief = found.probability === null ? '-' : `${(100 * found.probability).toFixed(0)} %`;
  const signals = found.signals
    .slice(0, SIGNALS_SHOWN)
    .map(({ name, value }) => `${name} ${value > 0 ? '+' : ''}${value.toFixed(2)}`);
  const first = `Task: ${found.name} (${belief}), because of ${found.reason ?? '-'}`;
  return signals.length === 0 ? [first] : [first, `Signals (+ speaks for an edit): ${signals.join(', ')}`];
}

function choice({ decision }: Explained): readonly string[] {
  if (decision === null) return [];
  const { backend, reason, detail, costs, passedOver, shadow } = decision;
  const others = passedOver.filter(({ why }) => why !== 'not-preferred');
  return [
    `Chosen: ${backend} (${reason})${detail === null ? '' : `. ${detail}`}`,
    ...(shadow === null ? [] : [`auto would have chosen ${shadow.backend} (${shadow.reason})`]),
    ...others.map((each) => `Passed over: ${each.backend} (${each.why}), ${each.detail}`),
    ...(costs.length === 0 ? [] : ['', 'Expected seconds by part:', table(costRows(costs, backend))]),
  ];
}

function costRows(costs: readonly Cost[], chosen: string): readonly (readonly string[])[] {
  const titles = ['', 'BACKEND', 'TOTAL', ...PARTS.map((part) => part.toUpperCase()), 'TTFT', 'WARM TOKENS'];
  const rows = costs.map((cost) => [
    cost.backend === chosen ? '*' : '',
    cost.backend,
    cost.seconds.toFixed(1),
    ...PARTS.map((part) => cost.parts[part].toFixed(1)),
    cost.ttftSeconds.toFixed(2),
    cost.matchedTokens === 0
      ? 'none'
      : `${Math.round(cost.matchedTokens)} (${(100 * cost.warm).toFixed(0)} % sure)`,
  ]);
  return [titles, ...rows];
}

function happened({ outcome }: Explained): readonly string[] {
  const { ttftMs, promptTokens, cachedTokens, cacheEvidence, outputTokens, durationMs } = outcome;
  const by = outcome.answeredBy === null ? '' : ` by ${outcome.answeredBy}`;
  const server = outcome.serverVersion === null ? '' : `, server version ${outcome.serverVersion}`;
  const model = outcome.model === null ? '' : ` (${outcome.model}${server})`;
  const cached =
    cachedTokens === null ? 'cached unknown' : `${cachedTokens} of them cached (${cacheEvidence})`;
  return [
    `Then: ${outcome.result}${by}${model} in ${seconds(durationMs)}${outcome.message === null ? '' : `. ${outcome.message}`}`,
    `First token: expected ${seconds(ttftMs.predicted)}, came after ${seconds(ttftMs.actual)}${offBy(ttftMs)}`,
    `Prompt: ${promptTokens ?? '-'} tokens, ${cached}; answer: ${outputTokens ?? '-'} tokens`,
    ...cacheLines(outcome),
    ...outcome.attempts.map(({ backend, fault, message }) => `Left ${backend} (${fault}): ${message}`),
  ];
}

function offBy({ predicted, actual }: Explained['outcome']['ttftMs']): string {
  if (predicted === null || actual === null || actual <= 0) return '';
  const percent = 100 * (predicted / actual - 1);
  return ` (expected ${Math.abs(percent).toFixed(0)} % ${percent > 0 ? 'more' : 'less'})`;
}

function seconds(ms: number | null): string {
  return ms === null ? '-' : `${(ms / 1000).toFixed(2)} s`;
}
