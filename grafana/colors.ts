// The same thing has the same colour in every panel. Grafana's own order would give the second backend the colour that
// the first one had a panel before, and an ordinary thing an alarming red.

import type { DecisionReason } from '../router/decision.ts';
import type { PanelText, Query } from './panel.ts';

/** Legend → a colour of Grafana's palette. */
export type Colors = Readonly<Record<string, string>>;

/** By label. A backend that is called otherwise takes Grafana's colours in turn. */
const NAMES: Readonly<Record<string, Colors>> = {
  backend: { 'mlx-lm': 'blue', lmstudio: 'orange', claude: 'purple' },
  route: { analysis: 'blue', edit: 'orange', passthrough: 'purple', daemon: 'text' },
  cache: {
    hit: 'green',
    read: 'green',
    partial: 'yellow',
    miss: 'red',
    none: 'red',
    write: 'blue',
    unknown: 'text',
  },
};

/** Blue: the ordinary course of a task. Green: a shorter wait. Red and yellow: something stood in the way. */
export const REASONS: Readonly<Record<DecisionReason, string>> = {
  task: 'light-blue',
  'follows-task': 'blue',
  'sticky-turn': 'super-light-blue',
  'tool-loop': 'dark-blue',
  'crossed-to-edit': 'orange',
  'stay-warm': 'green',
  cheaper: 'light-green',
  unsteady: 'dark-green',
  crowding: 'super-light-green',
  override: 'purple',
  'fixed-mode': 'light-purple',
  'only-backend': 'text',
  'backend-down': 'red',
  'window-too-small': 'yellow',
  unsupported: 'dark-yellow',
  'edits-failing': 'light-red',
};

/** Of the legends `{{backend}}`, `{{backend}} median` and the like: each further query in a lighter shade. */
export function colorsOf({ queries }: PanelText): Colors {
  return Object.assign({}, ...queries.map(ofQuery));
}

function ofQuery({ legend }: Query, index: number): Colors {
  const [, label = '', suffix = ''] = /^\{\{(\w+)\}\}([^{]*)$/.exec(legend) ?? [];
  const names = Object.entries(NAMES[label] ?? {});
  return Object.fromEntries(names.map(([name, color]) => [name + suffix, shade(color, index)]));
}

/** Grafana has shades of every colour but that of the text. */
function shade(color: string, index: number): string {
  return index === 0 || color === 'text' ? color : `super-light-${color}`;
}

const SHADES = { reported: '', progress: 'dark-', inferred: 'light-' } as const;

/** `hit (reported)` and the like: the result as the colour, where it is known from as the shade. */
export function resultsByEvidence(): Colors {
  return { ...byEvidence({ hit: 'green', partial: 'yellow', miss: 'red' }), 'unknown (none)': 'text' };
}

/** `mlx-lm (reported)` and the like. */
export function backendsByEvidence(): Colors {
  return byEvidence(NAMES['backend'] ?? {});
}

function byEvidence(colors: Colors): Colors {
  const all = Object.entries(SHADES).flatMap(([evidence, prefix]) =>
    Object.entries(colors).map(([name, color]) => [`${name} (${evidence})`, prefix + color]),
  );
  return Object.fromEntries(all);
}
