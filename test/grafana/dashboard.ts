// The checked-in dashboard, as far as its tests look into it.

import { readFileSync } from 'node:fs';

export type DataSource = { readonly type: string; readonly uid: string };

export type Target = {
  readonly refId: string;
  readonly expr: string;
  readonly datasource: DataSource;
  readonly instant?: boolean;
  readonly exemplar?: boolean;
  readonly interval?: string;
};

export type Panel = {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: DataSource;
  readonly interval?: string;
  readonly maxDataPoints?: number;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string; readonly min?: number } };
  readonly options?: { readonly yAxis?: { readonly unit?: string } };
  readonly targets?: readonly Target[];
};

export type Variable = {
  readonly type: string;
  readonly name: string;
  readonly label: string;
  readonly query: string;
  readonly datasource?: DataSource;
  readonly multi: boolean;
  readonly includeAll: boolean;
  readonly allValue?: string;
  readonly refresh?: number;
};

export type Dashboard = {
  readonly uid: string;
  readonly title: string;
  readonly editable: boolean;
  readonly templating: { readonly list: readonly Variable[] };
  readonly panels: readonly Panel[];
};

export const DASHBOARD_TEXT = readFileSync('grafana/dashboards/anyclaude.json', 'utf8');
export const DASHBOARD = JSON.parse(DASHBOARD_TEXT) as Dashboard;

/** All but the headings of the rows. */
export const PANELS: readonly Panel[] = DASHBOARD.panels.filter(({ type }) => type !== 'row');

export type PlacedTarget = Target & { readonly panel: string };

export const TARGETS: readonly PlacedTarget[] = PANELS.flatMap(({ title, targets = [] }) =>
  targets.map((target) => ({ ...target, panel: title })),
);

/** The expression as Grafana would send it, with everything selected. */
export function filledIn(expr: string, rateInterval: string): string {
  return expr
    .replaceAll('$__rate_interval', rateInterval)
    .replaceAll('$job', '.+')
    .replaceAll('$instance', '.+');
}
