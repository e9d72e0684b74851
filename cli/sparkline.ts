// A row of figures as one line of signs, each as high as its figure is large.

import type { Pen } from './screen.ts';

const BLOCKS = '▁▂▃▄▅▆▇█';
/** Darker is more. */
const ASCII_STEPS = '.:-=+*#@';

/** 0 is a blank, so that the smallest figure is told from none. */
export function sparkline(values: readonly number[], { unicode }: Pen): string {
  const steps = unicode ? BLOCKS : ASCII_STEPS;
  const most = Math.max(...values);
  const sign = (value: number) =>
    value <= 0 ? ' ' : (steps[Math.min(steps.length - 1, Math.floor((value / most) * steps.length))] ?? ' ');
  return values.map(sign).join('');
}
