// Panels that show how it is: one figure, or a table, of the hour before the end of the time range.

import * as common from '@grafana/grafana-foundation-sdk/common';
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as table from '@grafana/grafana-foundation-sdk/table';
import { DATA_SOURCE, type Mapping, mapped, type PanelText, type Step, target, thresholds } from './panel.ts';

/** Set for the panel, never for a query: see over-time.ts. */
const WINDOW = '1h';
/** So that the hour stays an hour in a time range of months: the window grows with the time that one point stands for. */
const ENOUGH_POINTS = 10_000;

export type FigureLook = {
  readonly mapping?: Mapping;
  readonly steps?: readonly Step[];
  readonly decimals?: number;
  /** `names`: what is there matters, not how often. */
  readonly shows?: 'figures' | 'names';
};

/** One figure, or a few beside each other. */
export function figure(text: PanelText, look: FigureLook = {}) {
  const { mapping, steps, decimals, shows = 'figures' } = look;
  const hasNames = text.queries.length > 1 || text.queries.some(({ legend }) => legend.includes('{{'));
  const panel = new stat.PanelBuilder()
    .title(text.title)
    .description(text.description)
    .unit(text.unit)
    .datasource(DATA_SOURCE)
    .span(text.span)
    .height(text.height ?? 5)
    .noValue('–')
    .graphMode(common.BigValueGraphMode.None)
    .colorMode(steps || mapping ? common.BigValueColorMode.Value : common.BigValueColorMode.None)
    .textMode(shows === 'names' ? NAME : hasNames ? VALUE_AND_NAME : common.BigValueTextMode.Auto)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .thresholds(thresholds(steps ?? [{ from: null, color: 'text' }]))
    .interval(WINDOW)
    .maxDataPoints(ENOUGH_POINTS)
    .targets(text.queries.map((query, i) => target(query, i).instant()));
  if (decimals !== undefined) panel.decimals(decimals);
  return mapping ? panel.mappings([mapped(mapping)]) : panel;
}

const NAME = common.BigValueTextMode.Name;
const VALUE_AND_NAME = common.BigValueTextMode.ValueAndName;

/** Labels as columns; the value comes last, under `valueName`, or is left out where it says nothing. */
export function list(text: PanelText, valueName?: string) {
  const hidden = valueName === undefined ? { Value: true } : {};
  const panel = new table.PanelBuilder()
    .title(text.title)
    .description(text.description)
    .unit(text.unit)
    .decimals(0)
    .datasource(DATA_SOURCE)
    .span(text.span)
    .height(text.height ?? 8)
    .showHeader(true)
    // All columns within the panel: behind its edge nobody would look for one.
    .minWidth(50)
    .withTransformation({
      id: 'organize',
      options: {
        excludeByName: { Time: true, ...hidden },
        renameByName: valueName === undefined ? {} : { Value: valueName },
      },
    })
    .interval(WINDOW)
    .maxDataPoints(ENOUGH_POINTS)
    .targets(
      text.queries.map((query, i) => target(query, i).instant().format(prometheus.PromQueryFormat.Table)),
    );
  if (valueName === undefined) return panel;
  return panel.sortBy([new common.TableSortByFieldStateBuilder().displayName(valueName).desc(true)]);
}
