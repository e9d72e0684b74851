// A classifier for every session that has not seen it: the shipped weights where they were trained on other
// repositories, else weights trained on the other sessions.

import { TRAINED_ON } from '../../router/classifier-weights.ts';
import { SHIPPED } from '../../router/classify.ts';
import { type FoldScorer, foldScorers, scorerOf as withWeights } from '../classifier-folds.ts';
import type { TraceSession } from './trace-file.ts';

export type Scorers = {
  readonly scorerOf: (session: TraceSession) => FoldScorer;
  /** Where the weights came from, in one clause. */
  readonly weights: string;
};

const FOLDS = 5;

export function unseenScorers(sessions: readonly TraceSession[]): Scorers {
  const isSeen = ({ repo }: TraceSession) => TRAINED_ON.includes(repo);
  const seen = sessions.filter(isSeen);
  const byFold = foldScorers(seen, FOLDS);
  const shipped = withWeights(SHIPPED);
  return {
    scorerOf: (session) => (isSeen(session) ? byFold(session) : shipped),
    weights: describe(seen, sessions, { byFold, shipped }),
  };
}

type Known = { readonly byFold: (session: TraceSession) => FoldScorer; readonly shipped: FoldScorer };

function describe(
  seen: readonly TraceSession[],
  all: readonly TraceSession[],
  { byFold, shipped }: Known,
): string {
  const [first] = seen;
  const clauses: string[] = [];
  if (first !== undefined) {
    const how = byFold(first).weights === 'trained' ? `${FOLDS} folds split by session` : 'fixed rules';
    clauses.push(`${how} for ${seen.length} sessions of repositories that the shipped weights know`);
  }
  if (seen.length < all.length) {
    const how = shipped.weights === 'trained' ? 'the shipped weights' : 'fixed rules';
    clauses.push(`${how} for ${all.length - seen.length} sessions of other repositories`);
  }
  return clauses.join(', ');
}
