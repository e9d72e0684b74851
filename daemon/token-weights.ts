// What was learned of each model's tokens outlives the daemon: a file of a few kB, for a fresh estimate is off by
// tens of percent until the first reports have come in.

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTokenEstimator, type TokenEstimator } from '../wire/count.ts';

/** A file that is missing or damaged teaches nothing and is no trouble. */
export function loadEstimator(home: string): TokenEstimator {
  try {
    return createTokenEstimator(JSON.parse(readFileSync(weightsPath(home), 'utf8')));
  } catch {
    return createTokenEstimator();
  }
}

/** Throws where the disk does not take it. */
export function saveEstimator(home: string, estimator: TokenEstimator): void {
  const temporary = `${weightsPath(home)}.${process.pid}`;
  rmSync(temporary, { force: true });
  writeFileSync(temporary, JSON.stringify(estimator), { mode: 0o600, flag: 'wx' });
  renameSync(temporary, weightsPath(home));
}

function weightsPath(home: string): string {
  return join(home, 'token-weights.json');
}
