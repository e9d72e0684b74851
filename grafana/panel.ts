// What the panels of every sort share: their words, their queries, their colours.

import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';

export const DATA_SOURCE = { type: 'prometheus', uid: '$datasource' };

export type Query = { readonly expr: string; readonly legend: string; readonly exemplars?: 'shown' };

export type PanelText = {
  readonly title: string;
  readonly description: string;
  readonly unit: string;
  /** Columns of 24. */
  readonly span: number;
  /** Grafana's rows. */
  readonly height?: number;
  readonly queries: readonly Query[];
};

export type Mapping = Readonly<Record<string, { readonly text: string; readonly color: string }>>;
export type Step = { readonly from: number | null; readonly color: string };

export const UP_OR_DOWN: Mapping = {
  '1': { text: 'up', color: 'green' },
  '0': { text: 'down', color: 'red' },
};

export function target({ expr, legend, exemplars }: Query, index: number): prometheus.DataqueryBuilder {
  const query = new prometheus.DataqueryBuilder()
    .refId(String.fromCharCode('A'.charCodeAt(0) + index))
    .datasource(DATA_SOURCE)
    .expr(expr)
    .legendFormat(legend)
    .range();
  return exemplars === 'shown' ? query.exemplar(true) : query;
}

export function thresholds(steps: readonly Step[]): dashboard.ThresholdsConfigBuilder {
  return new dashboard.ThresholdsConfigBuilder()
    .mode(dashboard.ThresholdsMode.Absolute)
    .steps(steps.map(({ from, color }) => ({ value: from, color })));
}

export function mapped(mapping: Mapping): dashboard.ValueMap {
  const options = Object.entries(mapping).map(([value, result], index) => [value, { ...result, index }]);
  return { type: dashboard.MappingType.ValueToText, options: Object.fromEntries(options) };
}
