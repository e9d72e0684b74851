import { dateTimeFormat } from '@grafana/data';
import type { Range } from './given.ts';

export const HOURS_HEIGHT = 22;
const HOUR_MS = 3_600_000;

/** The time below what Grafana's packages do not draw. */
export function Hours({ range, x, y }: { range: Range; x: (atMs: number) => number; y: number }) {
  const first = Math.ceil(range.fromMs / HOUR_MS) * HOUR_MS;
  const hours = Array.from(
    { length: Math.floor((range.toMs - first) / HOUR_MS) + 1 },
    (_, n) => first + n * HOUR_MS,
  );
  return hours.map((atMs) => (
    <text key={atMs} x={x(atMs)} y={y} textAnchor="middle">
      {dateTimeFormat(atMs, { format: 'HH:mm', timeZone: 'utc' })}
    </text>
  ));
}
