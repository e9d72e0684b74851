// Panels that show how it went: lines, bars, states and a heatmap over the time range.

import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as heatmap from '@grafana/grafana-foundation-sdk/heatmap';
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import * as statetimeline from '@grafana/grafana-foundation-sdk/statetimeline';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import { type Colors, colorsOf } from './colors.ts';
import { DATA_SOURCE, mapped, type PanelText, target, thresholds, UP_OR_DOWN } from './panel.ts';

/**
 * A personal daemon sees few requests a minute: a shorter window would hold none of them most of the time. Set for the
 * panel, never for a query: Grafana would take a query's own step for the scrape interval, and `$__rate_interval` would
 * be four times as long.
 */
const SHORTEST_WINDOW = '5m';
/** A line goes on over a quiet quarter of an hour; over a longer pause it would tell of what never was. */
const PAUSE_MS = 15 * 60_000;

export type SeriesLook = {
  readonly draw?: 'lines' | 'stacked-bars';
  readonly scale?: 'linear' | 'log';
  readonly max?: number;
  /** The axis reaches so far even where all is lower: a line at 0 needs one. */
  readonly least?: number;
  readonly decimals?: number;
  /** By legend; backends, routes and cache results have theirs. */
  readonly colors?: Colors;
  /** A dashed line: above it something is wrong. */
  readonly limit?: number;
  /** What stands where there is nothing to draw, because nothing happened. */
  readonly nothing?: string;
};

/** Figures over time. */
export function series(text: PanelText, look: SeriesLook = {}) {
  const { draw = 'lines', scale = 'linear' } = look;
  const panel = new timeseries.PanelBuilder()
    .title(text.title)
    .description(text.description)
    .unit(text.unit)
    .datasource(DATA_SOURCE)
    .span(text.span)
    .height(text.height ?? 8)
    .legend(legend())
    .tooltip(tooltip())
    .interval(SHORTEST_WINDOW)
    .targets(text.queries.map(target));
  if (draw === 'stacked-bars') {
    panel
      .drawStyle(common.GraphDrawStyle.Bars)
      .fillOpacity(80)
      .lineWidth(0)
      .stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'));
  } else {
    // A single request in a quiet hour is a point without neighbours.
    panel.showPoints(common.VisibilityMode.Auto).spanNulls(PAUSE_MS).lineWidth(2).fillOpacity(0);
  }
  if (scale === 'log') panel.scaleDistribution(log10());
  else panel.min(0);
  return colored(limited(panel, look), { ...colorsOf(text), ...look.colors });
}

function limited(panel: timeseries.PanelBuilder, { max, least, decimals, limit, nothing }: SeriesLook) {
  if (max !== undefined) panel.max(max);
  if (least !== undefined) panel.axisSoftMax(least);
  if (decimals !== undefined) panel.decimals(decimals);
  if (nothing !== undefined) panel.noValue(nothing);
  if (limit === undefined) return panel;
  const dashed = new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed);
  const steps = [
    { from: null, color: 'transparent' },
    { from: limit, color: 'red' },
  ];
  return panel.thresholds(thresholds(steps)).thresholdsStyle(dashed);
}

/** What has no colour of its own takes Grafana's in turn. */
function colored(panel: timeseries.PanelBuilder, colors: Colors): timeseries.PanelBuilder {
  for (const [name, fixedColor] of Object.entries(colors)) {
    panel.overrideByName(name, [{ id: 'color', value: { mode: 'fixed', fixedColor } }]);
  }
  return panel;
}

/** How long each was up and when it was down: lines at 1 would lie on each other. */
export function states(text: PanelText) {
  return new statetimeline.PanelBuilder()
    .title(text.title)
    .description(text.description)
    .unit(text.unit)
    .datasource(DATA_SOURCE)
    .span(text.span)
    .height(8)
    .mappings([mapped(UP_OR_DOWN)])
    .colorScheme(new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.Thresholds))
    .thresholds(thresholds([{ from: null, color: 'text' }]))
    .showValue(common.VisibilityMode.Never)
    .rowHeight(0.6)
    .mergeValues(true)
    .legend(legend())
    .tooltip(tooltip())
    .targets(text.queries.map(target));
}

/** How often which value occurred, over time. One query by `le`. */
export function heat(text: PanelText) {
  return new heatmap.PanelBuilder()
    .title(text.title)
    .description(text.description)
    .unit('short')
    .datasource(DATA_SOURCE)
    .span(text.span)
    .height(8)
    .calculate(false)
    .color(
      new heatmap.HeatmapColorOptionsBuilder()
        .mode(heatmap.HeatmapColorMode.Scheme)
        .scheme('Oranges')
        .steps(64)
        .exponent(0.5)
        .fill('dark-orange')
        .reverse(false),
    )
    .yAxis(new heatmap.YAxisConfigBuilder().unit(text.unit).axisPlacement(common.AxisPlacement.Left))
    .filterValues(new heatmap.FilterValueRangeBuilder().le(1e-9))
    .showLegend()
    .interval(SHORTEST_WINDOW)
    .targets(text.queries.map((query, i) => target(query, i).format(prometheus.PromQueryFormat.Heatmap)));
}

function legend(): common.VizLegendOptionsBuilder {
  return new common.VizLegendOptionsBuilder()
    .showLegend(true)
    .displayMode(common.LegendDisplayMode.List)
    .placement(common.LegendPlacement.Bottom)
    .calcs([]);
}

function tooltip(): common.VizTooltipOptionsBuilder {
  return new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi);
}

function log10(): common.ScaleDistributionConfigBuilder {
  return new common.ScaleDistributionConfigBuilder().type(common.ScaleDistribution.Log).log(10);
}
