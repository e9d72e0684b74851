// Writes the dashboard that Grafana loads: node grafana/build.ts

import { writeFileSync } from 'node:fs';
import { renderDashboard } from './dashboard.ts';

const path = new URL('dashboards/anyclaude.json', import.meta.url);
writeFileSync(path, renderDashboard());
