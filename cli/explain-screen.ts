// The one screen of `explain`. What nobody told is a dash.

import { withoutAddress } from '../router/candidate.ts';
import type { Explained } from '../store/explained.ts';
import { cacheLines } from './explain-cache.ts';
import { costTable } from './explain-costs.ts';
import { type Pen, penOf, type Screen, safe, wrapped } from './screen.ts';
import { shownClock, shownDay } from './shown.ts';

/** As many as there is room for. */
const SIGNALS_SHOWN = [6, 5, 4, 3, 2, 1];
const SCREEN_LINES = 24;

/** Ends with a line break. Its lines fit the screen. */
export function renderExplained(explained: Explained, screen: Screen): string {
  const screens = SIGNALS_SHOWN.map((signals) => lines(explained, screen, signals));
  // The prompt of the shell takes a line, too.
  const fitting = screens.find((each) => each.length < SCREEN_LINES) ?? screens.at(-1) ?? [];
  return `${fitting.join('\n')}\n`;
}

function lines(explained: Explained, screen: Screen, signals: number): readonly string[] {
  const pen = penOf(screen);
  const fit = (texts: readonly string[]) =>
    texts.flatMap((text) => wrapped(safe(text, pen), screen.columns, pen));
  const [title = '', ...about] = heading(explained, pen);
  const sections = [
    [...fit([title]).map(pen.bold), ...fit(about)],
    fit(task(explained, signals, pen)),
    fit(choice(explained)),
    explained.decision === null ? [] : costTable(explained.decision, screen, pen),
    fit(happened(explained, pen)),
  ];
  return sections
    .filter((section) => section.length > 0)
    .flatMap((section, at) => (at === 0 ? section : ['', ...section]));
}

function heading({ requestId, startedAt, kind, session }: Explained, pen: Pen): readonly string[] {
  const at = Date.parse(startedAt);
  const from = session === null ? [] : [`session ${session}`];
  return [
    requestId,
    [`${shownDay(at)} ${shownClock(at)}`, `kind ${kind ?? pen.unknown}`, ...from].join(` ${pen.dot} `),
  ];
}

function task({ task: found }: Explained, count: number, pen: Pen): readonly string[] {
  if (found === null) return ['No task: it never came to a decision.'];
  const belief = found.probability === null ? pen.unknown : `${(100 * found.probability).toFixed(0)} %`;
  const signals = found.signals
    .slice(0, count)
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
    ...outcome.attempts.map(
      ({ backend, fault, message }) => `Left ${backend} (${fault}): ${withoutAddress(message, backend)}`,
    ),
  ];
}

function offBy({ predicted, actual }: Explained['outcome']['ttftMs']): string {
  if (predicted === null || actual === null || actual <= 0) return '';
  const percent = 100 * (predicted / actual - 1);
  return ` (expected ${Math.abs(percent).toFixed(0)} % ${percent > 0 ? 'more' : 'less'})`;
}
