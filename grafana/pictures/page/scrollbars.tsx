import type { ReactNode } from 'react';

/** In place of react-custom-scrollbars-2, whose export the bundler takes for a whole module: nobody scrolls a picture. */
export default function Scrollbars({ children }: { children?: ReactNode }) {
  return <div>{children}</div>;
}
