import { type DataFrame, FieldType, toDataFrame, transformDataFrame } from '@grafana/data';
import { Table, type TableSortByFieldState } from '@grafana/ui';
import { useEffect, useState } from 'react';
import { configOf, configured } from './frames.ts';
import type { Answer, Inside } from './given.ts';

/** Labels as columns. */
export function List({ drawable, width, height }: Inside) {
  const [data, setData] = useState<DataFrame>();
  useEffect(() => {
    const rows = drawable.answers.map(tableOf);
    const { transformations = [] } = drawable.panel;
    const watched = transformDataFrame(
      transformations as Parameters<typeof transformDataFrame>[0],
      rows,
    ).subscribe((frames) => setData(configured(drawable, frames, 'thresholds')[0]));
    return () => watched.unsubscribe();
  }, [drawable]);
  if (data === undefined) return null;
  const { sortBy = [] } = drawable.panel.options as { sortBy?: TableSortByFieldState[] };
  const columnMinWidth = (configOf(drawable).defaults.custom as { minWidth?: number }).minWidth ?? 150;
  return (
    <Table
      {...{ data, width, height, initialSortBy: sortBy, columnMinWidth, fieldConfig: configOf(drawable) }}
    />
  );
}

function tableOf({ refId, series }: Answer): DataFrame {
  const labels = [...new Set(series.flatMap(({ metric }) => Object.keys(metric)))].toSorted();
  return toDataFrame({
    refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: series.map(({ value }) => (value?.[0] ?? 0) * 1000) },
      ...labels.map((name) => ({
        ...{ name, type: FieldType.string, config: { filterable: true } },
        values: series.map(({ metric }) => metric[name] ?? ''),
      })),
      { name: 'Value', type: FieldType.number, values: series.map(({ value }) => Number(value?.[1])) },
    ],
  });
}
