// Logistic regression with L2, by L-BFGS: the whole data in every step, no randomness, so the same rows give the
// same weights.

import { dot } from '../../wire/vector.ts';

/** Buckets with their values; a bucket may come up once. */
export type SparseRow = {
  readonly buckets: Int32Array;
  readonly values: Float64Array;
  readonly isEdit: boolean;
  readonly weight: number;
};

/** Bucket weights, and the bias in the last place. */
export type Coefficients = Float64Array;

const MAX_STEPS = 60;
const MEMORY = 8;
const ENOUGH = 1e-5;
const SUFFICIENT_DECREASE = 1e-4;
const MAX_HALVINGS = 20;

export function fitLogistic(
  rows: readonly SparseRow[],
  { buckets, l2 }: { readonly buckets: number; readonly l2: number },
): Coefficients {
  let at = point(rows, new Float64Array(buckets + 1), l2);
  const curvature: Curvature[] = [];
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const next = lineSearch(rows, { at, direction: descent(at.gradient, curvature), l2 });
    remember(curvature, at, next);
    const gained = at.loss - next.loss;
    at = next;
    if (gained < ENOUGH * Math.abs(at.loss)) break;
  }
  return at.coefficients;
}

export function rowLogOdds(coefficients: Coefficients, { buckets, values }: SparseRow): number {
  let sum = coefficients.at(-1) ?? 0;
  for (let index = 0; index < buckets.length; index += 1) {
    sum += (coefficients[buckets[index] ?? 0] ?? 0) * (values[index] ?? 0);
  }
  return sum;
}

type Point = {
  readonly coefficients: Coefficients;
  readonly loss: number;
  readonly gradient: Float64Array;
};

function point(rows: readonly SparseRow[], coefficients: Coefficients, l2: number): Point {
  const bias = coefficients.length - 1;
  const gradient = coefficients.map((value, index) => (index === bias ? 0 : l2 * value));
  let loss = 0;
  for (let index = 0; index < bias; index += 1) loss += (l2 / 2) * (coefficients[index] ?? 0) ** 2;
  for (const row of rows) {
    const logOdds = rowLogOdds(coefficients, row);
    loss += row.weight * softplus(row.isEdit ? -logOdds : logOdds);
    const slope = row.weight * (1 / (1 + Math.exp(-logOdds)) - (row.isEdit ? 1 : 0));
    const { buckets, values } = row;
    for (let index = 0; index < buckets.length; index += 1) {
      const bucket = buckets[index] ?? 0;
      gradient[bucket] = (gradient[bucket] ?? 0) + slope * (values[index] ?? 0);
    }
    gradient[bias] = (gradient[bias] ?? 0) + slope;
  }
  return { coefficients, loss, gradient };
}

function softplus(value: number): number {
  return value > 30 ? value : Math.log1p(Math.exp(value));
}

type Curvature = { readonly moved: Float64Array; readonly turned: Float64Array; readonly scale: number };

function descent(gradient: Float64Array, curvature: readonly Curvature[]): Float64Array {
  const direction = gradient.slice();
  const shares: number[] = [];
  for (const { moved, turned, scale } of curvature.toReversed()) {
    const share = scale * dot(moved, direction);
    shares.push(share);
    add(direction, turned, -share);
  }
  const newest = curvature.at(-1);
  const length = newest
    ? 1 / (newest.scale * dot(newest.turned, newest.turned))
    : 1 / Math.max(1e-12, Math.sqrt(dot(gradient, gradient)));
  for (const index of direction.keys()) direction[index] = (direction[index] ?? 0) * length;
  for (const { moved, turned, scale } of curvature) {
    const share = shares.pop() ?? 0;
    add(direction, moved, share - scale * dot(turned, direction));
  }
  return direction;
}

type Search = { readonly at: Point; readonly direction: Float64Array; readonly l2: number };

function lineSearch(rows: readonly SparseRow[], { at, direction, l2 }: Search): Point {
  const slope = dot(at.gradient, direction);
  let length = 1;
  for (let halving = 0; halving < MAX_HALVINGS; halving += 1) {
    const coefficients = at.coefficients.slice();
    add(coefficients, direction, -length);
    const next = point(rows, coefficients, l2);
    if (next.loss <= at.loss - SUFFICIENT_DECREASE * length * slope) return next;
    length /= 2;
  }
  return at;
}

function remember(curvature: Curvature[], from: Point, to: Point): void {
  const moved = to.coefficients.slice();
  add(moved, from.coefficients, -1);
  const turned = to.gradient.slice();
  add(turned, from.gradient, -1);
  const product = dot(moved, turned);
  if (product <= 1e-12) return;
  curvature.push({ moved, turned, scale: 1 / product });
  if (curvature.length > MEMORY) curvature.shift();
}

function add(into: Float64Array, what: Float64Array, times: number): void {
  for (let index = 0; index < into.length; index += 1) {
    into[index] = (into[index] ?? 0) + times * (what[index] ?? 0);
  }
}
