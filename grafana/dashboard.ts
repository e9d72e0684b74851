// The dashboard, as code. `node grafana/build.ts` writes it to dashboards/anyclaude.json.

import {
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DATA_SOURCE } from './panel.ts';
import { cache } from './rows/cache.ts';
import { glance } from './rows/glance.ts';
import { health } from './rows/health.ts';
import { latency } from './rows/latency.ts';
import { routing } from './rows/routing.ts';
import { tools } from './rows/tools.ts';

/** In links to the dashboard, and in the provisioning: never changed. */
export const UID = 'anyclaude';

const ROWS = [
  ['At a glance', glance],
  ['Routing', routing],
  ['Latency: warm and cold', latency],
  ['Prompt cache', cache],
  ['Tool calls', tools],
  ['Health', health],
] as const;

/** The text of dashboards/anyclaude.json. */
export function renderDashboard(): string {
  const dashboard = new DashboardBuilder('anyclaude')
    .uid(UID)
    .description(
      'What Claude Code waits for on local model servers: routes, first tokens and the prompt cache.',
    )
    .tags(['anyclaude', 'llm'])
    .readonly()
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-6h', to: 'now' })
    .refresh('30s')
    .variables([dataSource(), scope('job', 'Job', ''), scope('instance', 'Instance', '{job=~"$job"}')]);
  for (const [title, panels] of ROWS) {
    dashboard.withRow(new RowBuilder(title));
    for (const panel of panels()) dashboard.withPanel(panel);
  }
  return `${JSON.stringify(numbered(dashboard.build()), undefined, 2)}\n`;
}

function dataSource(): DatasourceVariableBuilder {
  return new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus');
}

function scope(name: string, label: string, selector: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(DATA_SOURCE)
    .query(`label_values(anyclaude_build_info${selector}, ${name})`)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.+')
    .current({ selected: true, text: 'All', value: '$__all' });
}

/** The builder leaves panels without ids, and a link to one panel needs it. */
function numbered(dashboard: { panels?: readonly object[] }): object {
  const panels = dashboard.panels?.map((panel, i) => ({ ...panel, id: i + 1 }));
  return { ...dashboard, panels };
}
