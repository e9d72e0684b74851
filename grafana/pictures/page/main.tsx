// Draws what it is given with Grafana's components. Bundled, and opened in Chromium without any network.

import '@fontsource/inter/latin-400.css';
import '@fontsource/inter/latin-500.css';
import { standardTransformers, standardTransformersRegistry } from '@grafana/data';
import { GlobalStyles, PanelChrome, PortalContainer, ThemeContext } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import { Curves } from './curves.tsx';
import { THEME } from './frames.ts';
import type { Drawable, Given, Range } from './given.ts';
import { Heatmap } from './heatmap.tsx';
import { List } from './list.tsx';
import { Stat } from './stat.tsx';
import { States } from './states.tsx';

declare global {
  interface Window {
    /** Set before this runs. */
    given: Given;
  }
}

const KINDS = { stat: Stat, timeseries: Curves, heatmap: Heatmap, table: List, 'state-timeline': States };

standardTransformersRegistry.setInit(() => {
  const { organizeFieldsTransformer: organize } = standardTransformers;
  const registered = {
    id: organize.id,
    name: organize.name,
    transformation: () => Promise.resolve(organize),
  };
  return [{ ...registered, imageDark: '', imageLight: '', editor: () => null }];
});

function Placed({ drawable, range }: { drawable: Drawable; range: Range }) {
  const { panel, box } = drawable;
  const style = { position: 'absolute', ...box } as const;
  if (panel.type === 'row')
    return <h2 style={{ ...style, margin: 0, fontSize: 17, fontWeight: 500 }}>{panel.title}</h2>;
  const Kind = KINDS[panel.type as keyof typeof KINDS];
  if (Kind === undefined) throw new Error(`Panels of the type ${panel.type} cannot be drawn yet.`);
  return (
    <div style={style}>
      <PanelChrome title={panel.title} width={box.width} height={box.height}>
        {(width, height) => <Kind drawable={drawable} range={range} width={width} height={height} />}
      </PanelChrome>
    </div>
  );
}

function Board({ drawables, range }: Given) {
  return (
    <ThemeContext.Provider value={THEME}>
      <GlobalStyles />
      {drawables.map((drawable) => (
        <Placed key={drawable.panel.id} drawable={drawable} range={range} />
      ))}
      <PortalContainer />
    </ThemeContext.Provider>
  );
}

const place = document.getElementById('board');
if (place === null) throw new Error('The page has no place for the board.');
createRoot(place).render(<Board {...window.given} />);
