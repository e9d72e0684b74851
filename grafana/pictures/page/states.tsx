import { type DataFrame, FieldType, formattedValueToString } from '@grafana/data';
import { LegendDisplayMode } from '@grafana/schema';
import { VizLegend } from '@grafana/ui';
import { seriesFrames, THEME } from './frames.ts';
import type { Inside } from './given.ts';
import { HOURS_HEIGHT, Hours } from './hours.tsx';

const LEFT = 72;
const LEGEND = 26;

/** Grafana keeps its own state timeline to itself: this draws the same bars, from the same figures. */
export function States({ drawable, range, width, height }: Inside) {
  const frames = seriesFrames(drawable, 'thresholds');
  const stepMs = drawable.answers[0]?.stepMs ?? 0;
  const plot = { left: LEFT, width: width - LEFT - 8, height: height - LEGEND - HOURS_HEIGHT - 4 };
  const x = (atMs: number) => plot.left + ((atMs - range.fromMs) / (range.toMs - range.fromMs)) * plot.width;
  const band = plot.height / Math.max(1, frames.length);
  return (
    <>
      <svg width={width} height={height - LEGEND} fontSize={12} fill={THEME.colors.text.primary}>
        <title>{drawable.panel.title}</title>
        {frames.map((frame, n) => {
          const spans = spansOf(frame, stepMs);
          return (
            <g key={spans.name}>
              <text x={LEFT - 8} y={(n + 0.5) * band + 4} textAnchor="end">
                {spans.name}
              </text>
              {spans.list.map(({ fromMs, toMs, color }) => (
                <rect
                  key={fromMs}
                  {...{ x: x(fromMs), width: Math.max(0, x(toMs) - x(fromMs)), fill: color }}
                  {...{ y: (n + 0.2) * band, height: band * 0.6, fillOpacity: 0.7 }}
                />
              ))}
            </g>
          );
        })}
        <Hours range={range} x={x} y={plot.height + 18} />
      </svg>
      <VizLegend displayMode={LegendDisplayMode.List} placement="bottom" items={legendOf(frames)} />
    </>
  );
}

type Span = { readonly fromMs: number; toMs: number; readonly color: string };

/** Neighbours of the same state are one. */
function spansOf(
  { fields }: DataFrame,
  stepMs: number,
): { readonly name: string; readonly list: readonly Span[] } {
  const [time, value] = fields;
  const list: Span[] = [];
  time?.values.forEach((atMs: number, n: number) => {
    const color = value?.display?.(value.values[n]).color ?? '';
    const last = list.at(-1);
    if (last?.color === color && atMs - last.toMs < stepMs * 1.5) last.toMs = atMs;
    else list.push({ fromMs: atMs - stepMs, toMs: atMs, color });
  });
  return { name: value?.config.displayNameFromDS ?? '', list };
}

function legendOf(frames: readonly DataFrame[]) {
  const fields = frames.flatMap((frame) => frame.fields).filter(({ type }) => type === FieldType.number);
  const seen = fields.flatMap(({ display, values }) => values.map((value) => display?.(value)));
  const states = new Map(seen.flatMap((one) => (one ? [[formattedValueToString(one), one.color]] : [])));
  return [...states].map(([label, color]) => ({ label, yAxis: 1, ...(color && { color }) }));
}
