// The sorts of panels that the dashboard uses, each with the settings that a person would otherwise make by hand.

import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as heatmap from '@grafana/grafana-foundation-sdk/heatmap';
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';

export const DATA_SOURCE = { type: 'prometheus', uid: '$datasource' };

/** A personal daemon sees few requests a minute: a shorter window would hold none of them most of the time. */
const SHORTEST_WINDOW = '5m';
const GLANCE_WINDOW = '1h';

export type Query = { readonly expr: string; readonly legend: string; readonly exemplars?: 'shown' };

export type PanelText = {
  readonly title: string;
  readonly description: string;
  readonly unit: string;
  /** Columns of 24. */
  readonly span: number;
  readonly queries: readonly Query[];
};

export type Mapping = Readonly<Record<string, { readonly text: string; readonly color: string }>>;
export type Step = { readonly from: number | null; readonly color: string };

/** One figure, or a few beside each other, of the hour before the end of the time range. */
export function figure(text: PanelText, look: { mapping?: Mapping; steps?: readonly Step[] } = {}) {
  const panel = new stat.PanelBuilder()
    .title(text.title)
    .description(text.description)
    .unit(text.unit)
    .datasource(DATA_SOURCE)
    .span(text.span)
    .height(5)
    .noValue('–')
    .graphMode(common.BigValueGraphMode.None)
    .colorMode(look.steps || look.mapping ? common.BigValueColorMode.Value : common.BigValueColorMode.None)
    .textMode(
      text.queries.length > 1 || look.mapping
        ? common.BigValueTextMode.ValueAndName
        : common.BigValueTextMode.Auto,
    )
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .thresholds(thresholds(look.steps ?? [{ from: null, color: 'text' }]))
    .targets(text.queries.map((query, i) => target(query, i).instant().interval(GLANCE_WINDOW)));
  return look.mapping ? panel.mappings([mapped(look.mapping)]) : panel;
}

export type SeriesLook = {
  readonly draw?: 'lines' | 'stacked-bars';
  readonly scale?: 'linear' | 'log';
  readonly max?: number;
  /** What stands where there is nothing to draw, because nothing happened. */
  readonly nothing?: string;
};

/** Figures over time. */
export function series(text: PanelText, { draw = 'lines', scale = 'linear', max, nothing }: SeriesLook = {}) {
  const panel = new timeseries.PanelBuilder()
    .title(text.title)
    .description(text.description)
    .unit(text.unit)
    .datasource(DATA_SOURCE)
    .span(text.span)
    .height(8)
    .legend(legend())
    .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi))
    .targets(text.queries.map((query, i) => target(query, i).interval(SHORTEST_WINDOW)));
  if (draw === 'stacked-bars') {
    panel
      .drawStyle(common.GraphDrawStyle.Bars)
      .fillOpacity(80)
      .lineWidth(0)
      .stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'));
  } else {
    // A single request in a quiet hour is a point without neighbours.
    panel.showPoints(common.VisibilityMode.Auto).spanNulls(true).fillOpacity(5);
  }
  if (scale === 'log') panel.scaleDistribution(log10());
  else panel.min(0);
  if (max !== undefined) panel.max(max);
  if (nothing !== undefined) panel.noValue(nothing);
  return panel;
}

/** How often which value occurred, over time. One query by `le`. */
export function heat(text: PanelText) {
  return new heatmap.PanelBuilder()
    .title(text.title)
    .description(text.description)
    .unit('short')
    .datasource(DATA_SOURCE)
    .span(text.span)
    .height(9)
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
    .targets(
      text.queries.map((query, i) =>
        target(query, i).format(prometheus.PromQueryFormat.Heatmap).interval(SHORTEST_WINDOW),
      ),
    );
}

/** Labels as columns; the value comes last, under `valueName`. */
export function list(text: PanelText, valueName: string) {
  return new table.PanelBuilder()
    .title(text.title)
    .description(text.description)
    .unit(text.unit)
    .decimals(0)
    .datasource(DATA_SOURCE)
    .span(text.span)
    .height(8)
    .showHeader(true)
    .sortBy([new common.TableSortByFieldStateBuilder().displayName(valueName).desc(true)])
    .withTransformation({
      id: 'organize',
      options: { excludeByName: { Time: true }, renameByName: { Value: valueName } },
    })
    .targets(
      text.queries.map((query, i) =>
        target(query, i).instant().format(prometheus.PromQueryFormat.Table).interval(GLANCE_WINDOW),
      ),
    );
}

function target({ expr, legend, exemplars }: Query, index: number): prometheus.DataqueryBuilder {
  const query = new prometheus.DataqueryBuilder()
    .refId(String.fromCharCode('A'.charCodeAt(0) + index))
    .datasource(DATA_SOURCE)
    .expr(expr)
    .legendFormat(legend)
    .range();
  return exemplars === 'shown' ? query.exemplar(true) : query;
}

function legend(): common.VizLegendOptionsBuilder {
  return new common.VizLegendOptionsBuilder()
    .showLegend(true)
    .displayMode(common.LegendDisplayMode.List)
    .placement(common.LegendPlacement.Bottom)
    .calcs([]);
}

function log10(): common.ScaleDistributionConfigBuilder {
  return new common.ScaleDistributionConfigBuilder().type(common.ScaleDistribution.Log).log(10);
}

function thresholds(steps: readonly Step[]): dashboard.ThresholdsConfigBuilder {
  return new dashboard.ThresholdsConfigBuilder()
    .mode(dashboard.ThresholdsMode.Absolute)
    .steps(steps.map(({ from, color }) => ({ value: from, color })));
}

function mapped(mapping: Mapping): dashboard.ValueMap {
  const options = Object.entries(mapping).map(([value, result], index) => [value, { ...result, index }]);
  return { type: dashboard.MappingType.ValueToText, options: Object.fromEntries(options) };
}
