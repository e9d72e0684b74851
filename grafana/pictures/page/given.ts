// What the page is given to draw: the panels of the dashboard, each with what Prometheus answered.

export type BoardTarget = {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat?: string;
  readonly instant?: boolean;
  readonly exemplar?: boolean;
};

export type BoardPanel = {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly interval?: string;
  readonly maxDataPoints?: number;
  readonly targets?: readonly BoardTarget[];
  readonly fieldConfig?: object;
  readonly options?: object;
  readonly transformations?: readonly object[];
};

/** Pixels. */
export type Box = {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
};

/** As the API of Prometheus brings it. */
export type Series = {
  readonly metric: Readonly<Record<string, string>>;
  readonly value?: readonly [seconds: number, text: string];
  readonly values?: readonly (readonly [seconds: number, text: string])[];
};

/** An exemplar: one request. */
export type Dot = { readonly atMs: number; readonly value: number };

export type Answer = {
  readonly refId: string;
  readonly legend: string;
  readonly series: readonly Series[];
  readonly stepMs: number;
  readonly dots: readonly Dot[];
};

export type Drawable = { readonly panel: BoardPanel; readonly box: Box; readonly answers: readonly Answer[] };

export type Range = { readonly fromMs: number; readonly toMs: number };

export type Given = { readonly drawables: readonly Drawable[]; readonly range: Range };

/** The inside of a panel, in pixels. */
export type Inside = {
  readonly drawable: Drawable;
  readonly range: Range;
  readonly width: number;
  readonly height: number;
};
