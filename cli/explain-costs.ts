// The bill of `explain`: what each choice was expected to cost, part by part. Whatever the screen's width, the parts of a
// row add up to its total: those there is no room for are one column, and it is those that decide least that go there.

import type { Cost, CostParts } from '../router/cost.ts';
import type { Explained } from '../store/explained.ts';
import { type Column, fitsScreen, layOut } from './columns.ts';
import { type Pen, type Screen, safe, wrapped } from './screen.ts';

type Decision = NonNullable<Explained['decision']>;

const PARTS = [
  'queue',
  'load',
  'prefill',
  'decode',
  'quality',
  'preference',
  'future',
] as const satisfies readonly (keyof CostParts)[];

/** Empty where nothing was priced. */
export function costTable(decision: Decision, screen: Screen, pen: Pen): readonly string[] {
  const { costs } = decision;
  if (costs.length === 0) return [];
  const told = PARTS.filter((part) => costs.some((cost) => cost.parts[part].toFixed(1) !== '0.0'));
  const byWeight = told.toSorted((a, b) => weight(costs, b) - weight(costs, a));
  const narrower = byWeight.map((_, folded) => {
    const kept = new Set(byWeight.slice(0, byWeight.length - folded));
    return columnsOf(decision, { parts: told.filter((part) => kept.has(part)), isFolded: folded > 0 });
  });
  const bare = columnsOf(decision, { parts: [], isFolded: false });
  const wide = narrower[0] && [...narrower[0], WARM_TOKENS];
  const choices = wide === undefined ? [[...bare, WARM_TOKENS]] : [wide, ...narrower];
  const columns = choices.find((each) => fitsScreen(each, costs, screen, pen)) ?? bare;
  const { titles, lines } = layOut(columns, costs, screen, pen);
  return [...wrapped('Expected seconds by part:', screen.columns, pen), titles, ...lines];
}

/** What differs most between the choices decides between them; of one alone, what is largest. */
function weight(costs: readonly Cost[], part: keyof CostParts): number {
  const seconds = costs.map((cost) => cost.parts[part]);
  return costs.length === 1 ? Math.abs(seconds[0] ?? 0) : Math.max(...seconds) - Math.min(...seconds);
}

type Shown = { readonly parts: readonly (keyof CostParts)[]; readonly isFolded: boolean };

function columnsOf({ backend: chosen }: Decision, shown: Shown): readonly Column<Cost>[] {
  const { parts, isFolded } = shown;
  const titles = [...parts.map((part) => part.toUpperCase()), ...(isFolded ? ['OTHER'] : [])];
  return [
    { title: '', ...LEFT, cell: ({ backend }) => (backend === chosen ? '*' : '') },
    { title: 'BACKEND', ...LEFT, cell: ({ backend }, pen) => safe(backend, pen) },
    { title: 'TOTAL', ...RIGHT, cell: ({ seconds }) => inSeconds(Math.round(10 * seconds)) },
    ...titles.map((title, at) => ({
      title,
      ...RIGHT,
      cell: (cost: Cost) => tenthsOf(cost, shown)[at] ?? '',
    })),
    { title: 'TTFT', ...RIGHT, cell: ({ ttftSeconds }) => ttftSeconds.toFixed(2) },
  ];
}

const LEFT = { side: 'left', dropOrder: 0 } as const;
const RIGHT = { side: 'right', dropOrder: 0 } as const;

const WARM_TOKENS: Column<Cost> = { title: 'WARM TOKENS', ...LEFT, cell: warmTokens };

function warmTokens({ matchedTokens, warm }: Cost): string {
  return matchedTokens === 0 ? 'none' : `${Math.round(matchedTokens)} (${(100 * warm).toFixed(0)} % sure)`;
}

/**
 * The parts and, where some are folded, what is left of the total. Each rounded by itself they would not add up: the
 * tenths that are missing go to those that lost most.
 */
function tenthsOf({ seconds, parts }: Cost, { parts: shown, isFolded }: Shown): readonly string[] {
  const named = shown.map((part) => parts[part]);
  const rest = seconds - named.reduce((sum, value) => sum + value, 0);
  const exact = [...named, ...(isFolded ? [rest] : [])].map((value) => 10 * value);
  const whole = exact.map(Math.floor);
  const missing = Math.round(10 * seconds) - whole.reduce((sum, value) => sum + value, 0);
  const byLoss = exact
    .map((value, at) => ({ at, loss: value - Math.floor(value) }))
    .toSorted((a, b) => b.loss - a.loss)
    .slice(0, Math.max(0, missing));
  for (const { at } of byLoss) whole[at] = (whole[at] ?? 0) + 1;
  return whole.map(inSeconds);
}

function inSeconds(tenths: number): string {
  return (tenths / 10).toFixed(1);
}
