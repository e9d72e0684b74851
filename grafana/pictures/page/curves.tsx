import { type DataFrame, dateTime, FieldType, type TimeRange } from '@grafana/data';
import type { VizLegendOptions } from '@grafana/schema';
import { TimeSeries, type UPlotConfigBuilder } from '@grafana/ui';
import { configOf, seriesFrames, THEME } from './frames.ts';
import type { Dot, Inside } from './given.ts';

/** What Grafana's own panel fills in where the dashboard says nothing. */
const DEFAULTS = {
  ...{ drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, fillOpacity: 0, gradientMode: 'none' },
  ...{ showPoints: 'auto', pointSize: 5, spanNulls: false, barAlignment: 0, barWidthFactor: 0.6 },
  ...{ axisPlacement: 'auto', axisLabel: '', axisColorMode: 'text', scaleDistribution: { type: 'linear' } },
  ...{ stacking: { mode: 'none', group: 'A' }, hideFrom: { legend: false, tooltip: false, viz: false } },
};

/** Lines or bars over time. */
export function Curves({ drawable, range, width, height }: Inside) {
  const { legend } = drawable.panel.options as { legend: VizLegendOptions };
  const frames = seriesFrames(drawable, 'palette-classic').map((frame) =>
    drawn(frame, configOf(drawable).defaults.custom ?? {}),
  );
  if (frames.length === 0)
    return <Nothing text={configOf(drawable).defaults.noValue ?? 'No data'} height={height} />;
  const dots = drawable.answers.flatMap((answer) => answer.dots);
  return (
    <TimeSeries {...{ frames, width, height, legend, timeRange: timeRange(range), timeZone: 'utc' }}>
      {(builder) => {
        if (dots.length > 0) addDots(builder, dots);
        return null;
      }}
    </TimeSeries>
  );
}

function drawn(frame: DataFrame, custom: object): DataFrame {
  const fields = frame.fields.map((field) =>
    field.type === FieldType.number
      ? { ...field, config: { ...field.config, custom: { ...DEFAULTS, ...custom } } }
      : field,
  );
  return { ...frame, fields };
}

function Nothing({ text, height }: { text: string; height: number }) {
  const place = { height, display: 'flex', alignItems: 'center', justifyContent: 'center' } as const;
  return <div style={{ ...place, fontSize: 16, color: THEME.colors.text.secondary }}>{text}</div>;
}

function timeRange({ fromMs, toMs }: Inside['range']): TimeRange {
  const [from, to] = [dateTime(fromMs), dateTime(toMs)];
  return { from, to, raw: { from, to } };
}

/** Exemplars are drawn by Grafana itself, not by its packages: the same diamonds here. */
function addDots(builder: UPlotConfigBuilder, dots: readonly Dot[]): void {
  builder.addHook('draw', (plot) => {
    const scale = plot.series[1]?.scale;
    if (scale === undefined) return;
    const { ctx } = plot;
    ctx.save();
    ctx.fillStyle = THEME.visualization.getColorByName('blue');
    for (const { atMs, value } of dots) {
      const [x, y] = [plot.valToPos(atMs, 'x', true), plot.valToPos(value, scale, true)];
      ctx.beginPath();
      for (const [dx, dy] of [
        [0, -4],
        [4, 0],
        [0, 4],
        [-4, 0],
      ] as const)
        ctx.lineTo(x + dx, y + dy);
      ctx.fill();
    }
    ctx.restore();
  });
}
