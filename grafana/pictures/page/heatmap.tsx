import { formattedValueToString, getValueFormat } from '@grafana/data';
import { THEME } from './frames.ts';
import type { Answer, Inside } from './given.ts';
import { HOURS_HEIGHT, Hours } from './hours.tsx';

type Options = {
  readonly color: { readonly exponent: number };
  readonly yAxis: { readonly unit: string };
};

type Row = { readonly le: string; readonly counts: ReadonlyMap<number, number> };

const LEFT = 64;
const LEGEND = 34;
/** d3's scheme Oranges: on a dark ground Grafana begins with its dark end. */
const ORANGES = [
  '#7f2704',
  '#a63603',
  '#d94801',
  '#f16913',
  '#fd8d3c',
  '#fdae6b',
  '#fdd0a2',
  '#fee6ce',
  '#fff5eb',
];

/** Grafana keeps its own heatmap to itself: this draws the same cells, from the same figures. */
export function Heatmap({ drawable, range, width, height }: Inside) {
  const { color, yAxis } = drawable.panel.options as Options;
  const answer = drawable.answers[0];
  if (answer === undefined) return null;
  const rows = bands(answer);
  const most = Math.max(...rows.flatMap(({ counts }) => [...counts.values()]));
  const plot = { width: width - LEFT - 8, height: height - HOURS_HEIGHT - LEGEND - 6 };
  const x = (atMs: number) => LEFT + ((atMs - range.fromMs) / (range.toMs - range.fromMs)) * plot.width;
  const bandHeight = plot.height / rows.length;
  const cellWidth = (answer.stepMs / (range.toMs - range.fromMs)) * plot.width;
  const shade = (count: number) => colorAt((count / most) ** color.exponent);
  return (
    <svg
      width={width}
      height={height}
      style={{ fontFamily: 'Inter', fontSize: 12 }}
      fill={THEME.colors.text.primary}
    >
      <title>{drawable.panel.title}</title>
      {rows.map(({ le, counts }, n) => {
        const top = 6 + plot.height - (n + 1) * bandHeight;
        return (
          <g key={le}>
            {n % 2 === 1 && (
              <text x={LEFT - 6} y={top + 4} textAnchor="end">
                {labelOf(le, yAxis.unit)}
              </text>
            )}
            {[...counts]
              .filter(([atMs]) => atMs - answer.stepMs >= range.fromMs)
              .map(([atMs, count]) => (
                <rect
                  key={atMs}
                  x={x(atMs - answer.stepMs)}
                  y={top}
                  width={cellWidth - 1}
                  height={bandHeight - 1}
                  fill={shade(count)}
                />
              ))}
          </g>
        );
      })}
      <Hours range={range} x={x} y={6 + plot.height + 17} />
      <Scale top={height - 28} shade={shade} most={most} />
    </svg>
  );
}

function Scale({ top, shade, most }: { top: number; shade: (count: number) => string; most: number }) {
  const steps = Array.from({ length: 64 }, (_, n) => n / 63);
  return (
    <g>
      {steps.map((share) => (
        <rect key={share} x={LEFT + share * 252} y={top} width={5} height={9} fill={shade(share * most)} />
      ))}
      <text x={LEFT} y={top + 22}>
        0
      </text>
      <text x={LEFT + 256} y={top + 22} textAnchor="end">
        {most.toPrecision(2)}
      </text>
    </g>
  );
}

/** Prometheus counts what lies below each bound: the difference is what lies between two. */
function bands({ series }: Answer): readonly Row[] {
  const sorted = series.toSorted((a, b) => bound(a.metric['le']) - bound(b.metric['le']));
  return sorted.map(({ metric, values = [] }, n) => {
    const below = new Map(sorted[n - 1]?.values?.map(([seconds, text]) => [seconds, Number(text)]));
    const counts = values.map(
      ([seconds, text]) => [seconds * 1000, Number(text) - (below.get(seconds) ?? 0)] as const,
    );
    return { le: metric['le'] ?? '', counts: new Map(counts.filter(([, count]) => count > 1e-9)) };
  });
}

function bound(le = ''): number {
  return le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le);
}

function labelOf(le: string, unit: string): string {
  return le === '+Inf' ? le : formattedValueToString(getValueFormat(unit)(Number(le)));
}

function colorAt(share: number): string {
  return ORANGES[Math.min(ORANGES.length - 1, Math.floor(share * ORANGES.length))] ?? '#fff';
}
