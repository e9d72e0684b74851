// Weighted least squares that single odd texts do not spoil: what is far off counts less in the next round.

import { dot } from '../../wire/vector.ts';

/** Relative error from which on a text counts less. */
const ODD = 0.03;
/** Tokens: below this a text's error says little. */
const SMALL = 100;
const RIDGE = 0.05;

/** Weights by which the rows come closest to the tokens, relatively. */
export function solve(rows: readonly (readonly number[])[], tokens: readonly number[]): readonly number[] {
  let weights: readonly number[] = [];
  for (let round = 0; round < 4; round += 1) {
    const scales = rows.map((row, at) => {
      const told = tokens[at] ?? 0;
      const error = round === 0 ? 0 : Math.abs(dot(row, weights) - told) / told;
      return (ODD * told + ODD * SMALL) * Math.sqrt(Math.max(1, error / ODD));
    });
    weights = leastSquares(rows, tokens, scales);
  }
  return weights;
}

function leastSquares(
  rows: readonly (readonly number[])[],
  tokens: readonly number[],
  scales: readonly number[],
): readonly number[] {
  const size = rows[0]?.length ?? 0;
  const system = Array.from({ length: size }, (_, i) =>
    Array.from({ length: size + 1 }, (_, j) => (i === j ? RIDGE : 0)),
  );
  for (const [at, row] of rows.entries()) {
    const scaled = [...row, tokens[at] ?? 0].map((value) => value / (scales[at] ?? 1));
    for (let i = 0; i < size; i += 1) {
      const line = system[i] ?? [];
      const factor = scaled[i] ?? 0;
      if (factor !== 0)
        for (let j = 0; j <= size; j += 1) line[j] = (line[j] ?? 0) + factor * (scaled[j] ?? 0);
    }
  }
  return eliminate(system);
}

/** Gauss and Jordan; the matrix is positive definite, so that no pivot is zero. */
function eliminate(system: number[][]): readonly number[] {
  for (const [pivot, line] of system.entries()) {
    const head = line[pivot] ?? 1;
    for (const [at, other] of system.entries()) {
      if (at === pivot) continue;
      const factor = (other[pivot] ?? 0) / head;
      for (let j = pivot; j < other.length; j += 1) other[j] = (other[j] ?? 0) - factor * (line[j] ?? 0);
    }
  }
  return system.map((line, at) => (line.at(-1) ?? 0) / (line[at] ?? 1));
}
