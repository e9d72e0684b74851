import {
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
  type ReduceDataOptions,
  VizOrientation,
} from '@grafana/data';
import {
  BigValue,
  type BigValueColorMode,
  BigValueGraphMode,
  type BigValueJustifyMode,
  type BigValueTextMode,
  VizRepeater,
} from '@grafana/ui';
import { configOf, seriesFrames, THEME, unchanged } from './frames.ts';
import type { Inside } from './given.ts';

type Options = {
  readonly reduceOptions: ReduceDataOptions;
  readonly colorMode: BigValueColorMode;
  readonly justifyMode: BigValueJustifyMode;
  readonly textMode: BigValueTextMode;
};

/** One figure, or a few. */
export function Stat({ drawable, width, height }: Inside) {
  const { reduceOptions, colorMode, justifyMode, textMode } = drawable.panel.options as Options;
  const values = getFieldDisplayValues({
    ...{ data: seriesFrames(drawable, 'thresholds'), reduceOptions, fieldConfig: configOf(drawable) },
    ...{ replaceVariables: unchanged, theme: THEME, timeZone: 'utc' },
  });
  return (
    <VizRepeater
      source={values}
      getValues={() => values}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={(one) => (
        <BigValue
          {...{ theme: THEME, colorMode, justifyMode, textMode, count: one.count }}
          {...{ width: one.width, height: one.height, alignmentFactors: one.alignmentFactors }}
          value={one.value.display}
          graphMode={BigValueGraphMode.None}
        />
      )}
      {...{ width, height, renderCounter: 1, orientation: VizOrientation.Auto, autoGrid: true }}
    />
  );
}
