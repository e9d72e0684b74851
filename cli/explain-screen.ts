// The one screen of `explain`. What nobody told is a dash.

import type { Cost, CostParts } from '../router/cost.ts';
import type { Explained } from '../store/explained.ts';
import { type Column, layOut } from './columns.ts';
import { cacheLines } from './explain-cache.ts';
import { type Pen, penOf, type Screen, safe, wrapped } from './screen.ts';
import { shownClock, shownDay } from './shown.ts';

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

/** Ends with a line break. Its lines fit the screen. */
export function renderExplained(explained: Explained, screen: Screen): string {
  const pen = penOf(screen);
  const fit = (lines: readonly string[]) =>
    lines.flatMap((line) => wrapped(safe(line, pen), screen.columns, pen));
  const [title = '', ...about] = heading(explained, pen);
  const sections = [
    [...fit([title]).map(pen.bold), ...fit(about)],
    fit(task(explained, pen)),
    fit(choice(explained)),
    costTable(explained, screen, pen),
    fit(happened(explained, pen)),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function heading({ requestId, startedAt, kind, session }: Explained, pen: Pen): readonly string[] {
  const at = Date.parse(startedAt);
  const from = session === null ? [] : [`session ${session}`];
  return [
    requestId,
    [`${shownDay(at)} ${shownClock(at)}`, `kind ${kind ?? pen.unknown}`, ...from].join(` ${pen.dot} `),
  ];
}

function task({ task: found }: Explained, pen: Pen): readonly string[] {
  if (found === null) return ['No task: it never came to a decision.'];
  const belief = found.probability === null ? pen.unknown : `${(100 * found.probability).toFixed(0)} %`;
  const signals = found.signals
    .slice(0, SIGNALS_SHOWN)
    .map(({ name, value }) => `${name} ${value > 0 ? '+' : ''}${value.toFixed(2)}`);
  const first = `Task: ${found.name} (${belief}), because of ${found.reason ?? pen.unknown}`;
  return signals.length === 0 ? [first] : [first, `Signals (+ speaks for an edit): ${signals.join(', ')}`];
}

function choice({ decision }: Explained): readonly string[] {
  if (decision === null) return [];
  const { backend, reason, detail, passedOver, shadow } = decision;
  const others = passedOver.filter(({ why }) => why !== 'not-preferred');
  return [
    `Chosen: ${backend} (${reason})${detail === null ? '' : `. ${detail}`}`,
    ...(shadow === null ? [] : [`auto would have chosen ${shadow.backend} (${shadow.reason})`]),
    ...others.map((each) => `Passed over: ${each.backend} (${each.why}), ${each.detail}`),
  ];
}

/** Without the parts that are 0 for every backend. */
function costTable({ decision }: Explained, screen: Screen, pen: Pen): readonly string[] {
  if (decision === null || decision.costs.length === 0) return [];
  const parts = PARTS.filter((part) => decision.costs.some((cost) => cost.parts[part].toFixed(1) !== '0.0'));
  const columns: readonly Column<Cost>[] = [
    { title: '', ...LEFT, cell: ({ backend }) => (backend === decision.backend ? '*' : '') },
    { title: 'BACKEND', ...LEFT, cell: ({ backend }) => safe(backend, pen) },
    { title: 'TOTAL', ...RIGHT, cell: ({ seconds }) => seconds.toFixed(1) },
    ...parts.map((part) => ({
      ...{ title: part.toUpperCase(), ...RIGHT, dropOrder: 1 + PARTS.indexOf(part) },
      cell: (cost: Cost) => cost.parts[part].toFixed(1),
    })),
    { title: 'TTFT', ...RIGHT, cell: ({ ttftSeconds }) => ttftSeconds.toFixed(2) },
    { title: 'WARM TOKENS', ...LEFT, dropOrder: 1 + PARTS.length, cell: warmTokens },
  ];
  const { titles, lines } = layOut(columns, decision.costs, screen, pen);
  return ['Expected seconds by part:', titles, ...lines];
}

const LEFT = { side: 'left', dropOrder: 0 } as const;
const RIGHT = { side: 'right', dropOrder: 0 } as const;

function warmTokens({ matchedTokens, warm }: Cost): string {
  return matchedTokens === 0 ? 'none' : `${Math.round(matchedTokens)} (${(100 * warm).toFixed(0)} % sure)`;
}

function happened({ outcome }: Explained, pen: Pen): readonly string[] {
  const seconds = (ms: number | null) => (ms === null ? pen.unknown : `${(ms / 1000).toFixed(2)} s`);
  const { ttftMs, promptTokens, cachedTokens, cacheEvidence, outputTokens, durationMs } = outcome;
  const by = outcome.answeredBy === null ? '' : ` by ${outcome.answeredBy}`;
  const server = outcome.serverVersion === null ? '' : `, server version ${outcome.serverVersion}`;
  const model = outcome.model === null ? '' : ` (${outcome.model}${server})`;
  const cached =
    cachedTokens === null ? 'cached unknown' : `${cachedTokens} of them cached (${cacheEvidence})`;
  return [
    `Then: ${outcome.result}${by}${model} in ${seconds(durationMs)}${outcome.message === null ? '' : `. ${outcome.message}`}`,
    `First token: expected ${seconds(ttftMs.predicted)}, came after ${seconds(ttftMs.actual)}${offBy(ttftMs)}`,
    `Prompt: ${promptTokens ?? pen.unknown} tokens, ${cached}; answer: ${outputTokens ?? pen.unknown} tokens`,
    ...cacheLines(outcome, pen),
    ...outcome.attempts.map(({ backend, fault, message }) => `Left ${backend} (${fault}): ${message}`),
  ];
}

function offBy({ predicted, actual }: Explained['outcome']['ttftMs']): string {
  if (predicted === null || actual === null || actual <= 0) return '';
  const percent = 100 * (predicted / actual - 1);
  return ` (expected ${Math.abs(percent).toFixed(0)} % ${percent > 0 ? 'more' : 'less'})`;
}
