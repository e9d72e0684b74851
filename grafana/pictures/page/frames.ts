// Answers of Prometheus as the data frames that Grafana's components take.

import {
  applyFieldOverrides,
  createTheme,
  type DataFrame,
  type FieldConfigPropertyItem,
  type FieldConfigSource,
  FieldType,
  standardFieldConfigEditorRegistry,
  toDataFrame,
} from '@grafana/data';
import type { Answer, Drawable, Series } from './given.ts';

export const THEME = createTheme({ colors: { mode: 'dark' } });

export const unchanged = (text: string) => text;

/** What a panel may say of its figures. Grafana itself registers them with the editors of its forms. */
const SETTINGS = ['unit', 'min', 'max', 'decimals', 'noValue', 'mappings', 'thresholds', 'color'];

standardFieldConfigEditorRegistry.setInit(() =>
  SETTINGS.map((id): FieldConfigPropertyItem => {
    const editor = () => null;
    const rest = { settings: {}, process: (value: unknown) => value, shouldApply: () => true };
    return { ...{ id, path: id, name: id, editor, override: editor }, ...rest };
  }),
);

/** One frame a series, over all its steps: one without a sample is a gap. `color` is the mode that the sort of panel has unless the dashboard names one. */
export function seriesFrames(drawable: Drawable, color: string): DataFrame[] {
  const frames = drawable.answers.flatMap((answer) => answer.series.map((series) => frameOf(answer, series)));
  return configured(drawable, frames, color);
}

export function configOf({ panel }: Drawable): FieldConfigSource {
  return panel.fieldConfig as FieldConfigSource;
}

export function configured(drawable: Drawable, data: DataFrame[], color: string): DataFrame[] {
  const { defaults, overrides } = configOf(drawable);
  const fieldConfig = { overrides, defaults: { color: { mode: color }, ...defaults } };
  return applyFieldOverrides({
    ...{ data, fieldConfig, replaceVariables: unchanged, theme: THEME, timeZone: 'utc' },
  });
}

function frameOf(answer: Answer, { metric, value, values }: Series): DataFrame {
  const samples = values ? withGaps(values, answer.stepMs / 1000) : value ? [value] : [];
  return toDataFrame({
    refId: answer.refId,
    fields: [
      {
        name: 'Time',
        type: FieldType.time,
        values: samples.map(([seconds]) => seconds * 1000),
      },
      {
        name: 'Value',
        type: FieldType.number,
        labels: metric,
        values: samples.map(([, text]) => (text === undefined ? null : Number(text))),
        config: { displayNameFromDS: nameOf(answer.legend, metric) },
      },
    ],
  });
}

type Sample = readonly [seconds: number, text?: string];

function withGaps(values: readonly Sample[], step: number): readonly Sample[] {
  return values.flatMap((sample, n) => {
    const missing = Math.round((sample[0] - (values[n - 1]?.[0] ?? sample[0] - step)) / step) - 1;
    const gaps = Array.from({ length: missing }, (_, gap): Sample => [sample[0] - (missing - gap) * step]);
    return [...gaps, sample];
  });
}

/** The legend's `{{label}}` filled in. */
function nameOf(legend: string, metric: Readonly<Record<string, string>>): string {
  return legend.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (_all, label: string) => metric[label] ?? '');
}
