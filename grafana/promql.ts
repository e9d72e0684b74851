// The few shapes that every query of the dashboard is made of. Each selects by the dashboard's own variables, so
// that several daemons can be looked at apart or together.

const SCOPE = 'job=~"$job", instance=~"$instance"';

/** A metric of ours, with further matchers such as `cache="hit"`. */
export function metric(name: string, matchers = ''): string {
  return `anyclaude_${name}{${[SCOPE, matchers].filter(Boolean).join(', ')}}`;
}

/** Events a second. `name` is a counter. */
export function rate(name: string, matchers = ''): string {
  return `rate(${metric(name, matchers)}[$__rate_interval])`;
}

/** Events within one step. `name` is a counter. */
export function increase(name: string, matchers = ''): string {
  return `increase(${metric(name, matchers)}[$__rate_interval])`;
}

/** `by` is a list of labels; none sums up all. */
export function sumBy(by: string, expression: string): string {
  return by === '' ? `sum(${expression})` : `sum by (${by}) (${expression})`;
}

export function perMinute(by: string, name: string, matchers = ''): string {
  return `60 * ${sumBy(by, rate(name, matchers))}`;
}

/** `histogram` without its `_bucket`. No sample where nothing was observed. */
export function quantile(share: number, by: string, histogram: Observed): string {
  const labels = ['le', by].filter(Boolean).join(', ');
  const buckets = sumBy(labels, rate(`${histogram.name}_bucket`, histogram.matchers));
  return `histogram_quantile(${share}, ${buckets}) >= 0`;
}

export type Observed = { readonly name: string; readonly matchers?: string };

/** One share of the whole. No sample where there was nothing: 0 / 0 is not 0. */
export function ratio(part: string, whole: string): string {
  return `${part} / ${whole} >= 0`;
}

/** Prompt tokens that came out of the cache, of those whose fate is known. */
export function hitRatio(by: string): string {
  return ratio(
    sumBy(by, rate('input_tokens_total', 'cache="read"')),
    sumBy(by, rate('input_tokens_total', 'cache=~"read|write|none"')),
  );
}

/** The highest that a gauge was within one step: between two points of a line nothing is lost. */
export function highest(by: string, name: string): string {
  return `max by (${by}) (max_over_time(${metric(name)}[$__rate_interval]))`;
}
